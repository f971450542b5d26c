"""Rows of one key become one write, and the table is as if it had got one row after the other."""

from itertools import pairwise
from typing import Any

import msgspec
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ingest.feeds.column import Column
from ingest.feeds.feed import Feed, Lineage, Operation
from ingest.items.fold import fold, in_turns
from ingest.items.items import Items, build_items
from ingest.items.mapping import map_columns
from ingest.reading.rows import Origin, Rows, with_lineage
from ingest.worker.written import WrittenBlock, write_items
from tests.support.fakes import no_heartbeat
from tests.support.items import python_items
from tests.support.modes import Change, ModelTable, changes

OPERATION = Operation("op", put=("I",), update=("U",), delete=("D",))
COLUMNS: dict[str, Any] = {
    "id": "N",
    "v": "N",
    "b": "N",
    "c": Column("N", null="null"),
    "d": Column("N", null="remove"),
    "tags": "SS",
}
NAMES = ("op", *COLUMNS)
PUT = Feed("f/", "T", "id", columns=COLUMNS, lineage=Lineage(row="from"))


def feed_of(**settings: Any) -> Feed:
    return msgspec.structs.replace(PUT, **settings)


FEEDS = {
    "put": feed_of(),
    "put newest": feed_of(newest="v"),
    "put newest file": feed_of(newest="file"),
    "insert": feed_of(write="insert"),
    "update": feed_of(write="update"),
    "update newest": feed_of(write="update", newest="v"),
    "update newest file": feed_of(write="update", newest="file"),
    "delete": feed_of(write="delete"),
    "delete newest": feed_of(write="delete", newest="v"),
    "changes": feed_of(operation=OPERATION),
    "changes newest": feed_of(operation=OPERATION, newest="v"),
    "changes newest file": feed_of(operation=OPERATION, newest="file"),
    "puts and deletes": feed_of(operation=Operation("op", put=("I", "U"), delete=("D",))),
    "puts and deletes newest": feed_of(operation=Operation("op", put=("I", "U"), delete=("D",)), newest="v"),
}
Row = tuple[str | None, ...]
NUMBER = st.sampled_from([None, "1", "2", "3"])
ROWS = st.lists(
    st.tuples(
        st.sampled_from("IUUD"),
        st.sampled_from(["1", "1.0", "2", "3"]),
        st.sampled_from(["1", "2", "2.0", "3", "10"]),
        NUMBER,
        NUMBER,
        NUMBER,
        st.sampled_from([None, "x", "y;z"]),
    ),
    max_size=12,
)


def items_of(rows: list[Row], feed: Feed) -> Items:
    columns = list(zip(*rows, strict=True)) or [()] * len(NAMES)
    table = pa.table({name: pa.array(cells, pa.string()) for name, cells in zip(NAMES, columns, strict=True)})
    lines = list(range(2, len(rows) + 2))
    read = with_lineage(Rows(table, None, []), feed, Origin("", "f" * 20, "0" * 17), lambda: lines)
    items, faults = build_items(read, map_columns(feed, NAMES))
    assert faults == []
    return items


def stored(before: list[Row], feed: Feed) -> ModelTable:
    """A table that holds items already, from another file, an older one."""
    table = ModelTable(feed)
    for row, change in enumerate(changes(items_of(before, feed), feed_of())):
        found = {"from": f"{'e' * 20}#{row:012d}", "_order": f"{'0' * 17}#{'e' * 20}#{row:012d}"}
        own = {name: value for name, value in found.items() if name in change.values}
        table.apply(Change("put", change.key, {**change.values, **own}))
    return table


@given(name=st.sampled_from(list(FEEDS)), rows=ROWS, before=ROWS)
def test_what_is_folded_leaves_the_table_as_one_row_after_the_other(
    name: str, rows: list[Row], before: list[Row]
) -> None:
    feed = FEEDS[name]
    items = items_of(rows, feed)
    one_by_one, folding = stored(before, feed), stored(before, feed)
    skipped = [one_by_one.apply(change) for change in changes(items, feed)]
    written = write_items(items, feed, lambda some: folding.write(some, no_heartbeat))
    assert without_place(folding.items) == without_place(one_by_one.items)
    keys = {item["id"] for item in python_items(items)}
    assert len(items) == written.counts.rows_superseded + len(keys)
    assert written.counts.rows_skipped <= len(keys)
    assert sorted(map(hash_of, accepted(written))) == sorted(written.keys.hashes)
    if not any(skipped):
        assert (written.counts.rows_skipped, written.is_whole) == (0, True)


def without_place(items: dict[Any, Any]) -> dict[Any, Any]:
    """Return items without how keys are spelled: an update does not change that."""
    return {key: {name: str(value) for name, value in item.items()} for key, item in items.items()}


def accepted(written: WrittenBlock) -> list[Any]:
    """Return the keys that are neither skipped nor refused."""
    return [python_items(written.items)[list(written.items.records).index(r)]["id"] for r in written.keys.records]


def hash_of(key: Any) -> int:
    return hash(format(key.normalize(), "f") if key < 10 else str(key))


@given(name=st.sampled_from(["update newest", "changes newest"]), rows=ROWS, before=ROWS)
def test_rows_with_versions_that_are_refused_are_gaps_between_the_others(
    name: str, rows: list[Row], before: list[Row]
) -> None:
    """Each is asked for by itself where it changes what is there, so a refused one changes nothing for the next."""
    feed = FEEDS[name]
    items = items_of(rows, feed)
    table, one_by_one = stored(before, feed), stored(before, feed)
    table.refuse = lambda item: item.get("b") == 3
    for change in changes(items, feed):
        if not table.refuse(change.values):
            one_by_one.apply(change)
    written = write_items(items, feed, lambda some: table.write(some, no_heartbeat))
    assert without_place(table.items) == without_place(one_by_one.items)
    assert len(written.items) + len(written.refused) == len(items)


@given(name=st.sampled_from(list(FEEDS)), rows=ROWS, before=ROWS)
def test_each_row_is_refused_superseded_skipped_or_written_once(name: str, rows: list[Row], before: list[Row]) -> None:
    feed = FEEDS[name]
    items = items_of(rows, feed)
    table = stored(before, feed)
    table.refuse = lambda item: item.get("b") == 3
    written = write_items(items, feed, lambda some: table.write(some, no_heartbeat))
    assert {fault.record for fault in written.refused}.isdisjoint(written.items.records)
    assert len(written.items) + len({fault.record for fault in written.refused}) == len(items)
    in_table = len(written.items) - written.counts.rows_superseded - written.counts.rows_skipped
    assert in_table == written.keys.count >= 0
    assert written.is_whole or written.refused or written.counts.rows_skipped or feed.updates


# --- by example ---


def after(feed: Feed, rows: list[Row], **table: Any) -> tuple[list[dict[str, Any]], WrittenBlock, ModelTable]:
    model = ModelTable(feed, **table)
    written = write_items(items_of(rows, feed), feed, lambda some: model.write(some, no_heartbeat))
    names = ("b", "c", "d")
    return [{n: v for n, v in item.items() if n in names} for item in model.items.values()], written, model


def row(op: str, b: str | None = None, c: str | None = None, d: str | None = None, *, v: str = "1") -> Row:
    return (op, "7", v, b, c, d, None)


def test_an_update_changes_what_is_put_in_the_same_block() -> None:
    items, written, model = after(FEEDS["changes"], [row("I", "1", "1", "1"), row("U", "2", "2")])
    assert (items, model.asked) == ([{"b": 2, "c": 2}], 1)
    assert written.counts.rows_superseded == 1


def test_behind_a_delete_an_update_is_the_whole_item() -> None:
    items, written, model = after(FEEDS["changes"], [row("U", "1", "1", "1"), row("D"), row("U", None, "2")])
    assert (items, model.asked, written.counts.rows_superseded) == ([{"c": 2}], 1, 2)


def test_a_null_that_is_written_or_removes_is_a_later_value_and_one_that_is_left_out_is_none() -> None:
    items, _, _ = after(FEEDS["update"], [row("U", "1", "1", "1"), row("U")])
    assert items == [{"b": 1, "c": None}]


def test_the_first_insert_of_a_key_stays_and_where_it_is_refused_the_next() -> None:
    rows = [row("I", "1"), row("I", "2"), row("I", "3")]
    assert after(FEEDS["insert"], rows)[0] == [{"b": 1, "c": None}]
    items, written, _ = after(FEEDS["insert"], rows, refuse=lambda item: item["b"] == 1)
    assert (items, len(written.refused), written.counts.rows_superseded) == ([{"b": 2, "c": None}], 1, 1)


def test_a_refused_update_does_not_take_those_before_it_along() -> None:
    rows = [row("U", "1"), row("U", None, "2"), row("U", "3", None, "4")]
    items, written, model = after(FEEDS["update"], rows, refuse=lambda item: item.get("b") == 3)
    assert items == [{"b": 1, "c": 2}]
    assert ([fault.record for fault in written.refused], written.counts.rows_superseded) == ([2], 1)
    assert model.asked == 4  # all at once, then one by one


def test_updates_of_different_versions_are_asked_one_by_one() -> None:
    """One in between, from another file, must lose against the second and win against the first."""
    feed = FEEDS["update newest"]
    model = stored([("I", "7", "2", "9", "9", "9", None)], feed)
    rows: list[Row] = [row("U", "1", "1", "1", v="1"), row("U", None, "3", "3", v="3")]
    written = write_items(items_of(rows, feed), feed, lambda some: model.write(some, no_heartbeat))
    (item,) = model.items.values()
    assert (item["b"], item["c"], item["d"], item["v"]) == (9, 3, 3, 3)
    assert (written.counts.rows_superseded, written.counts.rows_skipped) == (1, 0)


def test_versions_are_compared_as_numbers_and_the_last_of_equal_ones_stays() -> None:
    rows = [row("I", "1", v="9"), row("I", "2", v="10"), row("I", "3", v="1e1"), row("I", "1", v="9.5")]
    assert after(FEEDS["put newest"], rows)[0] == [{"b": 3, "c": None}]


def test_a_skipped_row_is_counted_by_why_and_its_key_is_not_the_tables() -> None:
    feed = FEEDS["put newest"]
    model = stored([("I", "7", "5", "9", None, None, None)], feed)
    rows: list[Row] = [row("I", v="4"), row("I", v="3"), ("I", "8", "1", None, None, None, None)]
    written = write_items(items_of(rows, feed), feed, lambda some: model.write(some, no_heartbeat))
    assert (written.counts.rows_older, written.counts.rows_superseded, written.is_whole) == (1, 1, False)
    assert list(written.keys.records) == [2]


def test_items_with_keys_of_their_own_are_handed_on_as_they_are() -> None:
    for feed in FEEDS.values():
        items = items_of([("I", str(n), "1", None, None, None, None) for n in range(5)], feed)
        folded = fold(items, feed)
        assert folded.items is items and folded.groups is None


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), max_size=5), st.sets(st.integers(0, 29)))
def test_a_turn_has_one_row_of_each_group_and_versions_ascend(versions: list[list[int]], refused: set[int]) -> None:
    flat = [version for group in versions for version in group]
    numbers = iter(range(len(flat)))
    groups = [[next(numbers) for _ in group] for group in versions]
    of_group = {row: n for n, group in enumerate(groups) for row in group}
    turns = list(in_turns(groups, flat, refused))
    for turn in turns:
        assert len({of_group[row] for row in turn}) == len(turn)
    given_out = [row for turn in turns for row in turn]
    assert len(given_out) == len(set(given_out))
    for n in range(len(groups)):
        taken = [row for row in given_out if of_group[row] == n]
        assert taken == sorted(taken)
        assert all(flat[a] <= flat[b] for a, b in pairwise(row for row in taken if row not in refused))
    assert sorted(row for turn in in_turns(groups, None, refused) for row in turn) == list(range(len(flat)))
