"""Items of one partition key are sent apart from each other."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.batches import batches, spread
from ingest.feeds.column import ColumnType
from ingest.feeds.feed import KeyAttribute
from ingest.items.items import Items
from tests.support.tables import attribute, items_of

PARTITION, SORT = KeyAttribute("p", "S", "p"), KeyAttribute("s", "N", "s")


def keyed(partition_keys: Sequence[Any], kind: ColumnType = "S") -> Items:
    sort_keys = attribute("s", "N", [str(row) for row in range(len(partition_keys))])
    keys = (KeyAttribute("p", kind, "p"), SORT)
    return items_of(attribute("p", kind, list(partition_keys)), sort_keys, keys=keys)


def spread_keys(partition_keys: Sequence[Any]) -> list[Any]:
    order = spread(keyed(partition_keys))
    assert isinstance(order, pa.Array)
    return [partition_keys[row] for row in order.to_pylist()]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200))
def test_each_row_has_its_place_once(numbers: list[int]) -> None:
    order = spread(keyed(list(map(str, numbers))))
    assert sorted(order.to_pylist() if order else range(len(numbers))) == list(range(len(numbers)))


@pytest.mark.parametrize("each", [1, 2, 7, 100])
@pytest.mark.parametrize("keys", [40, 333])
def test_a_sorted_file_asks_each_batch_of_no_key_twice(keys: int, each: int) -> None:
    made = spread_keys([f"k{row // (each + 1)}" for row in range(keys * (each + 1))])
    assert all(max(Counter(made[at : at + 25]).values()) == 1 for at in range(0, len(made) - 24, 25))


def test_a_key_with_many_rows_has_no_more_than_its_share_anywhere() -> None:
    made = spread_keys(["hot"] * 5000 + [f"k{row}" for row in range(5000)])
    shares = [made[at : at + 500].count("hot") / 500 for at in range(0, 10_000, 500)]
    assert 0.45 < min(shares) <= max(shares) < 0.55


@given(st.lists(st.integers(1, 40), min_size=2, max_size=30))
def test_rows_of_a_key_stand_evenly_apart(sizes: list[int]) -> None:
    keys = [f"k{key}" for key, size in enumerate(sizes) for _ in range(size)]
    if len(set(sizes)) == 1 == sizes[0]:
        return
    made = spread_keys(keys)
    for key, size in enumerate(sizes):
        places = [at for at, name in enumerate(made) if name == f"k{key}"]
        assert all(b - a <= len(made) / size + len(sizes) + 1 for a, b in pairwise(places))


@pytest.mark.parametrize("kind", ["S", "N", "B"])
def test_keys_of_every_type_are_spread(kind: ColumnType) -> None:
    values: dict[str, list[Any]] = {"S": ["a", "b"], "N": ["1", "2"], "B": [b"a", b"b"]}
    order = spread(keyed([values[kind][row // 50] for row in range(100)], kind))
    assert order is not None
    for at in range(0, 100, 10):
        assert 4 <= sum(row < 50 for row in order.to_pylist()[at : at + 10]) <= 6


@pytest.mark.parametrize("keys", [["a"] * 30, [f"k{row}" for row in range(30)], []])
def test_where_nothing_is_gained_the_order_stays(keys: list[str]) -> None:
    assert spread(keyed(keys)) is None


def test_without_a_sort_key_the_order_stays() -> None:
    assert spread(items_of(attribute("p", "S", ["a", "b"]), keys=(PARTITION,))) is None


@pytest.mark.parametrize("interleave", [True, False])
def test_batches_report_the_rows_as_handed_in(interleave: bool) -> None:
    keys = [f"k{row // 40}" for row in range(2000)]
    made = list(batches(keyed(keys), "Table", interleave=interleave))
    assert sorted(row for batch in made for row in batch.rows) == list(range(2000))
    for batch in made:
        assert [f'"s":{{"N":"{row}"}}' in batch.body.decode() for row in batch.rows] == [True] * 25
        again = batch.only(batch.rows[3:5])
        assert [f'"s":{{"N":"{row}"}}' in again.body.decode() for row in batch.rows[3:5]] == [True, True]
    assert all(len({keys[row] for row in batch.rows}) > 20 for batch in made) == interleave


def test_each_of_several_slices_is_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.dynamodb.batches.SLICE_ITEMS", 500)
    keys = [f"k{row // 5}" for row in range(1100)]
    made = list(batches(keyed(keys), "Table", interleave=True))
    assert sorted(row for batch in made for row in batch.rows) == list(range(1100))
    assert all(len({keys[row] for row in batch.rows}) >= len(batch.rows) - 5 for batch in made)
