"""Rows that say what they do, deletes that need only their keys, versions, and where a row came from."""

from typing import Any

import pyarrow as pa
import pytest

from ingest.contract import Reason
from ingest.errors import BadHeader
from ingest.feeds.column import Column
from ingest.feeds.feed import Feed, Index, Lineage, Operation, Ttl
from ingest.file import FileVersion
from ingest.items.items import Items, build_items
from ingest.items.mapping import MAX_UPDATED, map_columns
from ingest.reading.rows import Fault, Origin, Rows, with_lineage
from tests.support.items import python_items

CHANGES = Operation(column="op", put=("I", ""), update=("U",), delete=("D", "del"))
COLUMNS: dict[str, Any] = {
    "n": "N",
    "tags": "SS",
    "flag": "BOOL",
    "raw": Column("B", null="reject"),
    "doc": "M",
    "note": Column(null="null"),
    "gone": Column(null="remove"),
}


def built(feed: Feed, cells: dict[str, list[str | None]], origin: Origin | None = None) -> tuple[Items, list[Fault]]:
    table = pa.table({name: pa.array(values, pa.string()) for name, values in cells.items()})
    lines = list(range(2, table.num_rows + 2))
    rows = with_lineage(Rows(table, None, []), feed, origin or Origin(), lambda: lines)
    return build_items(rows, map_columns(feed, tuple(cells)))


def changes(**more: Any) -> Feed:
    return Feed("f/", "T", "id", operation=CHANGES, columns={"id": "N", **COLUMNS}, **more)


def cells_of(ops: list[str | None], **more: list[str | None]) -> dict[str, list[str | None]]:
    nothing: list[str | None] = [None] * len(ops)
    ids: list[str | None] = [str(n) for n in range(len(ops))]
    return {"op": ops, "id": ids, **dict.fromkeys(COLUMNS, nothing), "raw": ["AA=="] * len(ops), **more}


def test_the_words_of_a_feed_say_what_each_row_does_and_become_no_attribute() -> None:
    items, faults = built(changes(), cells_of(["I", "U", "D", "del", None, ""]))
    assert faults == []
    assert items.operations is not None
    assert items.operations.to_pylist() == ["put", "update", "delete", "delete", "put", "put"]
    assert "op" not in {attribute.name for attribute in items.attributes}


@pytest.mark.parametrize("word", ["X", "i", " I", "II"])
def test_an_unknown_word_is_a_reject_that_names_those_that_are_known(word: str) -> None:
    items, (fault,) = built(changes(), cells_of(["I", word, "D"], n=["1", "not a number", "2"]))
    assert (fault.record, fault.reason, fault.column, fault.value) == (1, Reason.BAD_OPERATION, "op", word)
    assert fault.message == "not a known operation; accepted words: I, , U, D, del"
    assert items.operations is not None
    assert (list(items.records), items.operations.to_pylist()) == ([0, 2], ["put", "delete"])


def test_a_row_that_deletes_an_item_needs_its_keys_only() -> None:
    bad: dict[str, list[str | None]] = {
        "n": ["x", "x"],
        "flag": ["perhaps", "perhaps"],
        "raw": [None, None],
        "doc": ["{", "{"],
    }
    items, faults = built(changes(), cells_of(["D", "I"], **bad))
    assert [(fault.record, fault.column) for fault in faults] == [(1, "n")]
    present = {attribute.name for attribute in items.attributes if attribute.values[0].is_valid}
    assert (list(items.records), present) == ([0], {"id"})


@pytest.mark.parametrize(("key", "reason"), [(None, Reason.EMPTY_KEY), ("x", Reason.BAD_NUMBER)])
def test_a_key_that_cannot_be_is_a_reject_of_a_delete_too(key: str | None, reason: str) -> None:
    _, (fault,) = built(changes(), cells_of(["D"], id=[key], n=["x"]))
    assert (fault.reason, fault.column) == (reason, "id")


def test_a_delete_has_no_index_key_expiry_or_size_that_could_be_wrong() -> None:
    feed = Feed(
        "f/",
        "T",
        "id",
        operation=CHANGES,
        columns={"at": Column(timestamp=("iso",))},
        ttl=Ttl(column="at"),
        attributes={"of": "{by}"},
        indexes={"by": Index("by"), "of": Index("of")},
    )
    more: dict[str, list[str | None]] = {
        "id": ["a", "b"],
        "at": ["never", "never"],
        "by": ["", ""],
        "big": ["x" * 500_000] * 2,
    }
    _, faults = built(feed, {"op": ["D", "I"], **more})
    assert [fault.record for fault in faults] == [1]


def test_all_rows_of_a_feed_that_deletes_need_their_keys_only() -> None:
    feed = Feed("f/", "T", "K#{a}", write="delete", columns={"n": "N", "raw": Column("B", null="reject")})
    items, faults = built(feed, {"a": ["1", "2", None], "n": ["x", "1", "2"], "raw": [None, None, "AA=="]})
    assert [(fault.record, fault.reason) for fault in faults] == [(2, Reason.EMPTY_KEY)]
    assert python_items(items) == [{"pk": "K#1"}, {"pk": "K#2"}]
    assert map_columns(feed, ("a", "n", "raw", "more")).types == {"pk": "S"}


def test_a_row_without_version_is_a_reject_also_where_it_deletes() -> None:
    feed = changes(newest="n")
    items, faults = built(feed, cells_of(["I", "I", "D", "D", "X"], n=["5", None, "6", None, None]))
    assert [(fault.record, fault.reason) for fault in faults] == [
        (4, Reason.BAD_OPERATION),
        (1, Reason.NO_VERSION),
        (3, Reason.NO_VERSION),
    ]
    assert items.attribute("n").values.to_pylist() == ["5", "6"]


def test_a_version_that_is_not_one_is_a_reject_of_its_own_kind() -> None:
    feed = Feed("f/", "T", "id", newest="at", columns={"at": Column(timestamp=("iso",), unit="ms")})
    items, faults = built(feed, {"id": ["1", "2", "3"], "at": ["2026-11-22T17:01:02+02:00", "soon", None]})
    assert [fault.reason for fault in faults] == [Reason.BAD_TIMESTAMP, Reason.NO_VERSION]
    assert items.attribute("at").values.to_pylist() == ["2026-11-22T15:01:02.000Z"]


def test_times_as_versions_have_one_form_so_that_text_sorts_as_time() -> None:
    for unit in ("s", "ms", "us"):
        feed = Feed("f/", "T", "id", newest="at", columns={"at": Column(timestamp=("iso",), unit=unit)})
        times: list[str | None] = ["2026-11-22 17:00:00Z", "2026-11-22T17:00:01Z", "2026-11-22T19:00:02+02:00"]
        items, faults = built(feed, {"id": ["1", "2", "3"], "at": times})
        texts = items.attribute("at").values.to_pylist()
        assert faults == []
        assert texts == sorted(texts) and len({len(str(text)) for text in texts}) == 1


def test_null_says_what_an_update_removes() -> None:
    items, _ = built(changes(), cells_of(["U"]))
    assert {a.name for a in items.attributes if a.remove_null} == {"gone"}
    assert {a.name for a in items.attributes if a.write_null} == {"note"}


# --- where a row came from ---

ORIGIN = Origin("s3://b/k", "0123456789abcdef0123", "00001795366862250")


def test_a_row_is_named_by_its_files_version_and_its_line() -> None:
    feed = Feed("f/", "T", "id", lineage=Lineage(file="file", line="line", row="from"))
    items, _ = built(feed, {"id": ["a", "b"]}, ORIGIN)
    assert python_items(items)[1] == {
        "id": "b",
        "file": "s3://b/k",
        "line": 3,
        "from": "0123456789abcdef0123#000000000003",
    }


def test_inserts_have_it_without_being_asked() -> None:
    items, _ = built(Feed("f/", "T", "id", write="insert"), {"id": ["a"]}, ORIGIN)
    assert python_items(items) == [{"id": "a", "_row": "0123456789abcdef0123#000000000002"}]


def test_the_order_of_files_stands_before_their_lines() -> None:
    items, _ = built(Feed("f/", "T", "id", newest="file"), {"id": ["a"]}, ORIGIN)
    assert python_items(items) == [
        {"id": "a", "_order": "00001795366862250#0123456789abcdef0123#000000000002"},
    ]


def test_what_undoes_a_file_has_keys_and_where_they_came_from() -> None:
    feed = changes(newest="file", lineage=Lineage(row="from"))
    undoing = Feed(**{name: getattr(feed, name) for name in feed.__struct_fields__} | {"write": "undo"})
    items, faults = built(undoing, cells_of(["X", "D"], n=["x", "y"]), ORIGIN)
    assert (faults, items.operations) == ([], None)
    assert [attribute.name for attribute in items.attributes] == ["id", "from", "_order"]


def test_the_id_of_a_file_is_that_of_its_version_for_good() -> None:
    """It is stored in items: another one for the same file would make its rows another's."""
    file = FileVersion("landing", "orders/größe.csv", sequencer="00ab")
    assert file.file_id == "4102b5d4905bb755f9a9"
    others = [
        FileVersion("landing", "orders/größe.csv", sequencer="00ac"),
        FileVersion("landing", "orders/b.csv", sequencer="00ab"),
        FileVersion("landing2", "orders/größe.csv", sequencer="00ab"),
    ]
    assert len({file.file_id, *(other.file_id for other in others)}) == 4


# --- headers ---


def test_a_header_needs_the_operation_and_the_version() -> None:
    for feed, missing in ((changes(), "op"), (changes(newest="n"), "n")):
        columns = tuple(name for name in ("op", "id", *COLUMNS) if name != missing)
        with pytest.raises(BadHeader, match=f"no column '{missing}'"):
            map_columns(feed, columns)


@pytest.mark.parametrize("feed", [Feed("f/", "T", "id", write="update"), Feed("f/", "T", "id", operation=CHANGES)])
def test_a_header_with_more_columns_than_an_update_takes_is_refused(feed: Feed) -> None:
    columns = ("op", "id", *(f"c{n}" for n in range(MAX_UPDATED)))
    assert map_columns(feed, columns[:MAX_UPDATED])
    with pytest.raises(BadHeader, match=r"an update can change 450 at most"):
        map_columns(feed, (*columns, "one", "two"))
    assert map_columns(Feed("f/", "T", "id"), (*columns, "one", "two"))
