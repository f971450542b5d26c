"""Random items near the limits: the product and DynamoDB Local agree row by row, and on the write units."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.feeds.column import Column, ColumnType
from ingest.feeds.feed import Feed, Index
from ingest.items.validate import MAX_ITEM_BYTES
from tests.judge.judge import DIALECT, Judge, Row, assert_agreed
from tests.judge.test_limits import as_value

pytestmark = [pytest.mark.judge, pytest.mark.enable_socket]

DIGITS = st.text("0123456789", min_size=1, max_size=19)
NUMBERS = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["", "-"]), DIGITS),
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "+"]), DIGITS, DIGITS),
    st.builds("{}.{}E{}".format, DIGITS, DIGITS, st.integers(-155, 150)),
    st.builds(lambda digit, count: digit * count, st.sampled_from("19"), st.integers(36, 40)),
)
NAMES = st.text("aü", max_size=3)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text("aü\0", max_size=6)
DOCUMENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
DEEP = st.builds(
    lambda levels, inner: json.loads("[" * levels + "0" + "]" * levels) if inner is None else inner,
    st.integers(30, 33),
    st.none() | st.lists(DOCUMENTS, max_size=4),
)
MEMBERS = st.lists(st.text("aü", max_size=3), min_size=1, max_size=4, unique=True)
CELLS: dict[ColumnType, st.SearchStrategy[tuple[str, Any]]] = {
    "N": NUMBERS.map(lambda text: (text, text)),
    "SS": MEMBERS.map(lambda members: (";".join(members), members)),
    "L": DEEP.map(lambda value: (json.dumps(value), as_value(value)["L"])),
    "S": st.text("aü", max_size=3).map(lambda text: (text, text)),
}
KINDS: tuple[ColumnType, ...] = tuple(CELLS)
LENGTHS = st.one_of(st.integers(0, 40), st.integers(950, 1030), st.integers(1990, 2060), st.just(MAX_ITEM_BYTES - 60))
SORT_KEYS = st.text("aü", max_size=2) | st.sampled_from(["x" * 1024, "x" * 1025, "ü" * 512])
FEED = Feed(
    "f/",
    "Table",
    "id",
    "sort",
    csv=DIALECT,
    columns={kind: Column(kind) for kind in KINDS},
    indexes={"by_n": Index("N", "S"), "by_s": Index("S")},
)


@st.composite
def any_rows(draw: st.DrawFn) -> list[Row]:
    """Return rows with distinct keys."""
    return [_row(draw, str(n)) for n in range(draw(st.integers(1, 12)))]


def _row(draw: st.DrawFn, id: str) -> Row:
    found = [draw(CELLS[kind]) for kind in KINDS]
    sort, rest = draw(SORT_KEYS), "r" * (draw(LENGTHS) + draw(st.integers(0, 60)))
    item = {kind: {kind: value} for kind, (_, value) in zip(KINDS, found, strict=True)}
    keys = {"id": {"S": id}, "sort": {"S": sort}, "rest": {"S": rest}}
    return Row((id, sort, rest, *(cell for cell, _ in found)), keys | item)


FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FEW
@given(rows=any_rows())
def test_random_rows_near_the_limits(judge: Judge, rows: list[Row]) -> None:
    assert_agreed(judge.judged(FEED, ("id", "sort", "rest", *KINDS), rows))


@FEW
@given(rows=any_rows())
def test_write_units_of_random_rows(judge: Judge, rows: list[Row]) -> None:
    """Without indexes, which take units of their own."""
    plain = Feed("f/", "Table", "id", "sort", csv=DIALECT, columns=FEED.columns)
    judged = judge.judged(plain, ("id", "sort", "rest", *KINDS), rows)
    assert judged.units == sum(judged.units_unchecked)
