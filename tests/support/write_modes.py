"""A table and what is written to it by each mode, one case after another: of the simulator, and of DynamoDB Local."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from ingest.contract import Reason
from ingest.dynamodb.item_writer import ItemWriter, WriteResult
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Lineage, Operation
from ingest.items.items import Items, build_items
from ingest.items.mapping import map_columns
from ingest.reading.rows import Origin, Rows, with_lineage
from tests.support.fakes import no_heartbeat

Row = dict[str, str | None]
Item = dict[str, dict[str, Any]]
FILE, OTHER = "a" * 20, "b" * 20
ROWS = Lineage(row="_row")
CHANGES = Operation("op", put=("I",), update=("U",), delete=("D",))


def feed_of(**fields: Any) -> Feed:
    """Return a feed with the key `id` and a number `v`."""
    columns = {"v": "N", **fields.pop("columns", {})}
    csv = Csv(missing_columns="allow")
    return Feed(**{"prefix": "f/", "table": "Orders", "partition_key": "id", "columns": columns, "csv": csv, **fields})


def items_of(feed: Feed, rows: Sequence[Row], *, file_id: str = FILE, line: int = 2, order: str = "1") -> Items:
    """Return rows as items of a feed: of a file, from a line on."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns})
    lines = list(range(line, line + len(rows)))
    given = with_lineage(Rows(table, None, []), feed, Origin("s3://b/k", file_id, order), lambda: lines)
    made, faults = build_items(given, map_columns(feed, tuple(columns)))
    assert not faults
    return made


@dataclass
class Table:
    """A table with the key `id`: its writers, and what it holds."""

    writer_for: Callable[[Feed], ItemWriter]
    seed: Callable[[Item], Any]
    read: Callable[[], list[Item]]

    def write(self, feed: Feed, *rows: Row, **origin: Any) -> WriteResult:
        """Write rows as a feed does."""
        return self.writer_for(feed).write(items_of(feed, rows, **origin), no_heartbeat)

    @property
    def items(self) -> dict[str, Item]:
        """What the table holds, by key."""
        return {item["id"]["S"]: item for item in self.read()}

    def cells(self, name: str) -> dict[str, Any]:
        """Return what an attribute holds, by key."""
        return {key: next(iter(item[name].values())) if name in item else None for key, item in self.items.items()}


def row_of(line: int, file_id: str = FILE) -> str:
    return f"{file_id}#{line:012}"


def inserts(table: Table) -> None:
    feed = feed_of(write="insert")
    table.seed({"id": {"S": "there"}, "v": {"N": "1"}})
    rows: list[Row] = [{"id": "there", "v": "2"}, {"id": "new", "v": "2"}]
    assert table.write(feed, *rows) == WriteResult(skipped={"exists": [0]})
    assert table.cells("v") == {"there": "1", "new": "2"}
    assert table.cells("_row") == {"there": None, "new": row_of(3)}


def inserts_again(table: Table) -> None:
    feed = feed_of(write="insert")
    first = table.write(feed, {"id": "a", "v": "1"})
    assert first == table.write(feed, {"id": "a", "v": "1"}) == WriteResult()  # its own: of a try before
    assert table.write(feed, {"id": "a", "v": "2"}, line=9) == WriteResult(skipped={"duplicate": [0]})
    assert table.write(feed, {"id": "a", "v": "3"}, file_id=OTHER) == WriteResult(skipped={"exists": [0]})
    assert table.cells("v") == {"a": "1"}


def newest_numbers(table: Table) -> None:
    feed = feed_of(newest="v")
    assert table.write(feed, {"id": "a", "v": "9"}, {"id": "b", "v": "10"}) == WriteResult()
    rows: list[Row] = [{"id": "a", "v": "10", "x": "new"}, {"id": "b", "v": "9", "x": "old"}]
    assert table.write(feed, *rows) == WriteResult(skipped={"older": [1]})
    assert table.write(feed, {"id": "a", "v": "10.0", "x": "same"}) == WriteResult()
    assert table.cells("x") == {"a": "same", "b": None}


def newest_texts(table: Table) -> None:
    feed = feed_of(newest="at", columns={"at": Column(timestamp=("iso",))})
    assert table.write(feed, {"id": "a", "at": "2026-11-29T10:00:00Z"}) == WriteResult()
    earlier: Row = {"id": "a", "at": "2026-11-29T10:59:59+01:00"}
    assert table.write(feed, earlier) == WriteResult(skipped={"older": [0]})
    assert table.write(feed, {"id": "a", "at": "2026-11-29 11:00:01+01:00"}) == WriteResult()
    assert table.cells("at") == {"a": "2026-11-29T10:00:01Z"}


def newest_files(table: Table) -> None:
    feed = feed_of(newest="file", lineage=ROWS)
    assert table.write(feed, {"id": "a", "v": "2"}, order="00002", file_id=OTHER) == WriteResult()
    assert table.write(feed, {"id": "a", "v": "1"}, order="00001") == WriteResult(skipped={"older": [0]})
    assert table.write(feed, {"id": "a", "v": "3"}, order="00003") == WriteResult()
    assert table.write(feed, {"id": "a", "v": "4"}, order="00003", line=1) == WriteResult(skipped={"duplicate": [0]})
    assert table.cells("v") == {"a": "3"}


def versions_of_other_types(table: Table) -> None:
    feed = feed_of(newest="v")
    kinds: list[Item] = [{"v": {"S": "1"}}, {"v": {"NULL": True}}, {"v": {"BOOL": True}}, {}]
    for number, item in enumerate(kinds):
        table.seed({"id": {"S": str(number)}, **item})
    result = table.write(feed, *({"id": str(number), "v": "5"} for number in range(len(kinds))))
    assert [(refusal.row, refusal.reason) for refusal in result.refusals] == [
        (row, Reason.VERSION_TYPE) for row in range(3)
    ]
    assert "as type NULL, not N" in result.refusals[1].message
    assert table.cells("v")["3"] == "5"  # an item without a version is older


def updates(table: Table) -> None:
    columns = {"out": Column(), "nil": Column(null="null"), "gone": Column(null="remove"), "yes": Column("BOOL")}
    feed = feed_of(write="update", columns=columns)
    full: Row = {"id": "a", "v": "1", "out": "o", "nil": "n", "gone": "g", "yes": "true"}
    assert table.write(feed, full, {**full, "id": "b"}) == WriteResult()
    nulls: Row = {"id": "a", "v": None, "out": None, "nil": None, "gone": None, "yes": None}
    rows: list[Row] = [nulls, {**nulls, "id": "b", "v": "2", "yes": "false"}, {**nulls, "id": "new", "out": "x"}]
    assert table.write(feed, *rows) == WriteResult()
    null, kept = {"NULL": True}, {"out": {"S": "o"}, "nil": {"NULL": True}}
    assert table.items == {
        "a": {"id": {"S": "a"}, "v": {"N": "1"}, "yes": {"BOOL": True}, **kept},
        "b": {"id": {"S": "b"}, "v": {"N": "2"}, "yes": {"BOOL": False}, **kept},
        "new": {"id": {"S": "new"}, "nil": null, "out": {"S": "x"}},
    }


def updates_of_nothing(table: Table) -> None:
    feed = feed_of(write="update", columns={"gone": Column(null="remove")})
    table.seed({"id": {"S": "a"}, "v": {"N": "1"}})
    nothing: list[Row] = [{"id": "a", "v": None}, {"id": "new", "v": None}]
    assert table.write(feed, *nothing) == WriteResult()
    assert table.write(feed, {"id": "newer", "gone": None}) == WriteResult()
    assert table.cells("v") == {"a": "1", "new": None, "newer": None}


def updates_by_version(table: Table) -> None:
    feed = feed_of(write="update", newest="v")
    assert table.write(feed, {"id": "a", "v": "2", "x": "1", "y": "1"}) == WriteResult()
    assert table.write(feed, {"id": "a", "v": "1", "x": "0"}) == WriteResult(skipped={"older": [0]})
    assert table.write(feed, {"id": "a", "v": "3", "x": "2", "y": None}) == WriteResult()
    assert table.items["a"] == {"id": {"S": "a"}, "v": {"N": "3"}, "x": {"S": "2"}, "y": {"S": "1"}}


def deletes(table: Table) -> None:
    for key in "abc":
        table.seed({"id": {"S": key}, "v": {"N": "5"}})
    assert table.write(feed_of(write="delete"), {"id": "a"}, {"id": "absent"}) == WriteResult()
    assert sorted(table.items) == ["b", "c"]
    rows: list[Row] = [{"id": "b", "v": "4"}, {"id": "c", "v": "6"}, {"id": "absent", "v": "1"}]
    assert table.write(feed_of(write="delete", newest="v"), *rows) == WriteResult(skipped={"older": [0]})
    assert sorted(table.items) == ["b"]


def tombstones(table: Table) -> None:
    feed = feed_of(newest="v", tombstone="30d", operation=CHANGES)
    assert table.write(feed, {"id": "a", "v": "5", "op": "I", "x": "1"}) == WriteResult()
    assert table.write(feed, {"id": "a", "v": "6", "op": "D"}) == WriteResult()
    marks = table.items["a"]
    assert int(marks.pop("ttl")["N"]) > 1_700_000_000
    assert marks == {"id": {"S": "a"}, "v": {"N": "6"}, "_deleted": {"BOOL": True}}
    assert table.write(feed, {"id": "a", "v": "5", "op": "I"}) == WriteResult(skipped={"older": [0]})
    assert table.write(feed, {"id": "a", "v": "7", "op": "U", "x": "2"}) == WriteResult()  # it lives again
    assert table.items["a"] == {"id": {"S": "a"}, "v": {"N": "7"}, "x": {"S": "2"}}


def changes(table: Table) -> None:
    feed = feed_of(operation=CHANGES)
    for key in "abcd":
        table.seed({"id": {"S": key}, "v": {"N": "1"}, "x": {"S": "old"}})
    rows: list[Row] = [
        {"id": "a", "v": "2", "x": None, "op": "I"},
        {"id": "b", "v": "2", "x": None, "op": "U"},
        {"id": "c", "v": None, "x": None, "op": "D"},
        {"id": "e", "v": "2", "x": None, "op": "U"},
    ]
    assert table.write(feed, *rows) == WriteResult()
    assert table.cells("v") == {"a": "2", "b": "2", "d": "1", "e": "2"}
    assert table.cells("x") == {"a": None, "b": "old", "d": "old", "e": None}


def changes_by_version(table: Table) -> None:
    feed = feed_of(operation=CHANGES, newest="v")
    for key in "abc":
        table.seed({"id": {"S": key}, "v": {"N": "5"}, "x": {"S": "old"}})
    rows: list[Row] = [{"id": key, "v": "4", "op": op} for key, op in zip("abc", "IUD", strict=True)]
    assert table.write(feed, *rows) == WriteResult(skipped={"older": [0, 1, 2]})
    assert table.write(feed, *({**row, "v": "6"} for row in rows)) == WriteResult()
    assert table.cells("x") == {"a": None, "b": "old"}


def undoes(table: Table) -> None:
    feed = feed_of(lineage=ROWS)
    undo = replaced(feed, write="undo")
    assert table.write(feed, {"id": "a", "v": "1"}, {"id": "b", "v": "1"}) == WriteResult()
    assert table.write(feed, {"id": "b", "v": "2"}, file_id=OTHER) == WriteResult()
    rows: list[Row] = [{"id": "a", "v": "1"}, {"id": "b", "v": "1"}, {"id": "c", "v": "1"}]
    assert table.write(undo, *rows) == WriteResult(skipped={"replaced": [1], "absent": [2]})
    assert table.cells("v") == {"b": "2"}


def undoes_by_order(table: Table) -> None:
    feed = feed_of(newest="file")
    for key, order, file_id in (("a", "1", FILE), ("b", "1", FILE), ("b", "2", OTHER)):
        assert table.write(feed, {"id": key}, order=order, file_id=file_id) == WriteResult()
    rows: list[Row] = [{"id": "a"}, {"id": "b"}]
    assert table.write(replaced(feed, write="undo"), *rows) == WriteResult(skipped={"replaced": [1]})
    assert list(table.items) == ["b"]


ODD_NAMES = ("a.b", "c#d", "e f", "g[0]", "size", ":v", "#v", "0", 'q"\\', "größe", "x" * 300)


def odd_names(table: Table) -> None:
    for write in ("insert", "update"):
        row: Row = {"id": write, **dict.fromkeys(ODD_NAMES, "1")}
        assert table.write(feed_of(write=write), row) == WriteResult()
        assert {name for name in table.items[write] if name in ODD_NAMES} == set(ODD_NAMES)
    feed = feed_of(newest="a.b", columns={"a.b": "N"})
    assert table.write(feed, {"id": "update", "a.b": "2"}).refusals[0].reason == Reason.VERSION_TYPE
    assert table.write(feed, {"id": "x", "a.b": "2"}) == WriteResult()
    assert table.write(feed, {"id": "x", "a.b": "1"}) == WriteResult(skipped={"older": [0]})


def many_columns(table: Table) -> None:
    row: Row = {"id": "a", **{f"column {n}": str(n) for n in range(449)}}
    assert table.write(feed_of(write="update"), row) == WriteResult()
    assert len(table.items["a"]) == 450


def items_that_grow_too_large(table: Table) -> None:
    table.seed({"id": {"S": "a"}, "x": {"S": "x" * 300_000}})
    rows: list[Row] = [{"id": "a", "y": "y" * 200_000}, {"id": "b", "y": "y"}]
    (refusal,) = table.write(feed_of(write="update"), *rows).refusals
    assert (refusal.row, refusal.reason) == (0, Reason.REFUSED_BY_DYNAMODB)
    assert "Item size" in refusal.message
    assert table.cells("y") == {"a": None, "b": "y"}


def large_items_that_are_there(table: Table) -> None:
    text = "ü" * 190_000
    table.seed({"id": {"S": "a"}, "x": {"S": text}})
    assert table.write(feed_of(write="insert"), {"id": "a"}) == WriteResult(skipped={"exists": [0]})


def unchanged(table: Table) -> None:
    feed = feed_of(skip_unchanged=True, lineage=Lineage("file", "line", "_row"), columns={"price": "N"})
    rows: list[Row] = [{"id": key, "v": "1", "price": "1.50", "x": "ü"} for key in "abcd"]
    assert table.write(feed, *rows) == WriteResult()
    table.seed({**table.items["d"], "more": {"S": "m"}})
    others: list[Row] = [
        {"id": "a", "v": "1.0", "price": "15e-1", "x": "ü"},
        {"id": "b", "v": "2", "price": "1.50", "x": "ü"},
        {"id": "c", "v": "1", "price": "1.50", "x": None},
        {"id": "d", "v": "1", "price": "1.50", "x": "ü"},
        {"id": "new", "v": "1", "price": "1.50", "x": "ü"},
    ]
    assert table.write(feed, *others, file_id=OTHER) == WriteResult(skipped={"unchanged": [0]})
    assert table.cells("_row") == {"a": row_of(2)} | {
        key: row_of(3 + n, OTHER) for n, key in enumerate(["b", "c", "d", "new"])
    }
    assert table.write(feed, *others, file_id=OTHER).skipped == {"unchanged": [0]}  # the others are its own
    assert table.cells("v") == {"a": "1", "b": "2", "c": "1", "d": "1", "new": "1"}


TYPES: dict[str, Any] = {
    "s": Column(),
    "n": Column("N"),
    "bool": Column("BOOL"),
    "b": Column("B"),
    "ss": Column("SS"),
    "ns": Column("NS"),
    "nil": Column(null="null"),
}
DOCUMENTS: dict[str, Any] = {"l": Column("L"), "m": Column("M")}
CELLS: Row = {
    **{
        "s": '\0😀"2026-11-29T10:00:00Z',
        "n": "-0.0",
        "bool": "true",
        "b": "AAE=",
        "ss": "b;a;",
        "ns": "1.0;20;3e1",
    },
    **{"l": '[1.0, "a", [], null, true]', "m": '{"b": {"c": 1e2}, "a": ""}'},
}
OTHERS: Row = {
    **{"s": "\0😀", "n": "0.1", "bool": "false", "b": "AAI=", "ss": "b;a", "ns": "1.0;20", "nil": "x"},
    **{"l": '[1.0, "a", [], null, false]', "m": '{"b": {"c": 1e2}}'},
}


def unchanged_types(table: Table) -> None:
    for columns in (TYPES, TYPES | DOCUMENTS):
        feed = feed_of(skip_unchanged=True, columns=columns)
        cells = {name: cell for name, cell in CELLS.items() if name in columns} | {"nil": None}
        assert table.write(feed, {"id": "a", **cells}) == WriteResult()
        respelled = {"n": "0", "ss": "a;b;;a", "ns": "30;1;2e1"}
        assert table.write(feed, {"id": "a", **cells, **respelled}) == WriteResult(skipped={"unchanged": [0]})
        for name in columns:
            for cell in (OTHERS.get(name, "x"), None):
                changed = {"id": "a", **cells, name: cell}
                result = WriteResult() if changed != {"id": "a", **cells} else WriteResult(skipped={"unchanged": [0]})
                assert table.write(feed, changed) == result
                assert table.write(feed, changed) == WriteResult(skipped={"unchanged": [0]})
                table.write(feed, {"id": "a", **cells})


def unchanged_of_updates(table: Table) -> None:
    feed = feed_of(
        write="update", skip_unchanged=True, columns={"gone": Column(null="remove"), "nil": Column(null="null")}
    )
    table.seed(
        {"id": {"S": "a"}, "v": {"N": "1"}, "x": {"S": "x"}, "others": {"M": {"k": {"L": []}}}, "nil": {"NULL": True}}
    )
    row: Row = {"id": "a", "v": "1.0", "x": None, "gone": None, "nil": None}
    same = WriteResult(skipped={"unchanged": [0]})
    assert table.write(feed, row) == same
    for changed in ({**row, "v": "2"}, {**row, "x": "y"}, {**row, "gone": "g"}, row, {**row, "nil": "n"}):
        assert table.write(feed, changed) == WriteResult()
        assert table.write(feed, changed) == same
    assert table.items["a"]["others"] == {"M": {"k": {"L": []}}}
    assert table.write(feed, {**row, "id": "absent"}) == WriteResult()


def unchanged_deletions(table: Table) -> None:
    table.seed({"id": {"S": "a"}, "v": {"N": "1"}})
    feed = feed_of(write="delete", skip_unchanged=True)
    assert table.write(feed, {"id": "a"}, {"id": "b"}) == WriteResult(skipped={"unchanged": [1]})
    changes = feed_of(operation=CHANGES, skip_unchanged=True)
    table.seed({"id": {"S": "a"}, "v": {"N": "1"}})
    table.seed({"id": {"S": "b"}, "v": {"N": "1"}})
    rows: list[Row] = [
        {"id": "a", "v": "1", "op": "U"},
        {"id": "b", "v": None, "op": "D"},
        {"id": "c", "v": None, "op": "D"},
        {"id": "d", "v": "1", "op": "I"},
    ]
    assert table.write(changes, *rows) == WriteResult(skipped={"unchanged": [0, 2]})
    assert table.cells("v") == {"a": "1", "d": "1"}
    kept = feed_of(operation=CHANGES, skip_unchanged=True, newest="v", tombstone="1d")
    for version in ("3", "4"):
        assert table.write(kept, {"id": "a", "v": version, "op": "D"}) == WriteResult()
    assert table.write(kept, {"id": "a", "v": "3", "op": "I"}) == WriteResult(skipped={"older": [0]})


def replaced(feed: Feed, **fields: Any) -> Feed:
    return Feed(**{name: getattr(feed, name) for name in feed.__struct_fields__} | fields)


CASES = (
    inserts,
    inserts_again,
    newest_numbers,
    newest_texts,
    newest_files,
    versions_of_other_types,
    updates,
    updates_of_nothing,
    updates_by_version,
    deletes,
    tombstones,
    changes,
    changes_by_version,
    undoes,
    undoes_by_order,
    odd_names,
    many_columns,
    items_that_grow_too_large,
    large_items_that_are_there,
    unchanged,
    unchanged_types,
    unchanged_of_updates,
    unchanged_deletions,
)
