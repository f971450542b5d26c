"""Values are spread as a recipe says."""

import csv
import io
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from tests.loadtest.workload.found import made, recipe

ROWS = 20_000


def column(name: str, distribution: str, feed: str = "plain", rows: int = ROWS) -> list[str]:
    return table(feed, rows=rows, columns={name: distribution})[name]


def table(feed: str, **fields: Any) -> dict[str, list[str]]:
    rows = list(csv.DictReader(io.StringIO(made(recipe(feed, **fields))[0].decode(), newline="")))
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.mark.parametrize(("low", "high", "decimals"), [(-3, 4, 0), (0, 5_000_000, 0), (-1, 1, 2), (-90_000, 100, 3)])
def test_uniform_numbers_fill_their_range_evenly(low: int, high: int, decimals: int) -> None:
    texts = column("quantity", f"uniform:{low}:{high}:{decimals}")
    values = [float(text) for text in texts]
    assert low <= min(values) < low + (high - low) * 0.01 + 0.01
    assert high >= max(values) > high - (high - low) * 0.01 - 0.01
    assert sum(values) / ROWS == pytest.approx((low + high) / 2, abs=(high - low) * 0.02)
    assert {len(text.partition(".")[2]) for text in texts} == {decimals}
    assert all(text == f"{value:.{decimals}f}" for text, value in zip(texts, values, strict=True))


@pytest.mark.parametrize("values", [100, 100_000])
def test_zipf_makes_the_first_value_twice_as_frequent_as_the_second(values: int) -> None:
    counts = Counter(int(text) for text in column("quantity", f"zipf:1:{values}"))
    assert counts[1] / counts[2] == pytest.approx(2, rel=0.15)
    assert counts[1] / counts[10] == pytest.approx(10, rel=0.25)
    assert max(counts) > values / 2


def test_choices_come_by_their_weights() -> None:
    counts = Counter(column("color", "choice:red=6|green=3|blue"))
    assert [round(counts[name] / ROWS, 1) for name in ("red", "green", "blue")] == [0.6, 0.3, 0.1]


def test_a_share_of_cells_is_empty() -> None:
    assert column("note", "text:3?0.25").count("") / ROWS == pytest.approx(0.25, abs=0.02)


def test_times_lie_between_the_days() -> None:
    times = column("at", "timestamp:2026-03-28:2026-03-30")
    assert {time[:10] for time in times} == {"2026-03-28", "2026-03-29", "2026-03-30"}


def test_keys_in_order_ascend_and_those_at_random_do_not() -> None:
    keys = {order: table("two", rows=5000, key_order=order) for order in ("sorted", "random")}
    pairs = {order: list(zip(found["p"], found["s"], strict=True)) for order, found in keys.items()}
    assert all(one < other for one, other in pairwise(pairs["sorted"]))
    assert len(set(keys["sorted"]["p"])) == 5
    ascents = sum(one < other for one, other in pairwise(pairs["random"]))
    assert 0.45 < ascents / 5000 < 0.55
    assert len(set(pairs["random"])) == 5000


def test_hot_keys_share_a_partition() -> None:
    counts = Counter(table("two", rows=ROWS, key_order="hot")["p"]).most_common(2)
    assert counts[0][1] / ROWS == pytest.approx(0.9, abs=0.01)
    assert counts[1][1] < 10
