"""Each limit of each type and kind of key: what DynamoDB Local takes is written, and the rest never reaches it."""

import base64
import json
import socket
from typing import Any

import pytest

from ingest.errors import BadHeader
from ingest.feeds.column import Column, ColumnType
from ingest.feeds.feed import Feed, Index
from ingest.items.mapping import map_columns
from ingest.items.validate import MAX_ITEM_BYTES
from tests.judge.judge import DIALECT, NULL, Judge, Row, Value, assert_agreed

pytestmark = [pytest.mark.judge, pytest.mark.enable_socket]


def feed(**fields: Any) -> Feed:
    return Feed(**{"prefix": "f/", "table": "Table", "partition_key": "id", "csv": DIALECT, **fields})


def judged_values(judge: Judge, kind: ColumnType, cases: list[tuple[str, Any]], **column: Any) -> list[bool]:
    """Check cells of one type, each with the value it stands for; return which were written."""
    rows = [Row((str(n), cell), {"id": {"S": str(n)}, "x": {kind: value}}) for n, (cell, value) in enumerate(cases)]
    judged = judge.judged(feed(columns={"x": Column(kind, **column)}), ("id", "x"), rows)
    assert_agreed(judged)
    return judged.written


def test_it_listens_on_127_0_0_1_only(endpoint_url: str) -> None:
    port = int(endpoint_url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10):
        pass
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=10)


NUMBERS = [
    *("0", "-0", "+5", ".5", "5.", "007", "1e5", "1E+05", "0." + "0" * 129 + "1", "1" + "0" * 125, "0" * 500 + "1"),
    *("9" * 38, "-" + "9" * 38, "9" * 39, "1" * 38 + "0", "1." + "0" * 60, "0." + "1" * 38, "0." + "1" * 39),
    *("1E-130", "1E-131", "9.9E125", "9." + "9" * 37 + "E125", "1e126", "-1e126", "1" + "0" * 126, "0e999999999"),
    *(" 1", "1 ", "", "-", "1_000", "0x1", "1,5", "1e", "--1", "1..2"),
]


def test_numbers(judge: Judge) -> None:
    written = judged_values(judge, "N", [(text, text) for text in NUMBERS])
    assert written.count(False) == 16


def test_numbers_that_dynamodb_refuses_refuse_their_set(judge: Judge) -> None:
    judged_values(judge, "NS", [(f"3.5;{text}", ["3.5", text]) for text in NUMBERS if ";" not in text])


def test_strings_and_bytes_may_be_empty(judge: Judge) -> None:
    assert judged_values(judge, "S", [("", ""), ("\0", "\0"), ("ü💥", "ü💥")]) == [True] * 3
    assert judged_values(judge, "B", [("", b""), ("AA==", b"\0")]) == [True] * 2


def test_members_of_a_string_set_may_be_empty(judge: Judge) -> None:
    cases = [("a;;b", ["a", "", "b"]), ("", [""]), (";", [""]), ("a;b;a", ["a", "b"])]
    assert judged_values(judge, "SS", cases) == [True] * 4


def test_booleans_and_nulls(judge: Judge) -> None:
    assert judged_values(judge, "BOOL", [("yes", True), ("no", False)]) == [True] * 2
    rows = [Row(("0", NULL), {"id": {"S": "0"}, "x": {"NULL": True}})]
    assert_agreed(judge.judged(feed(columns={"x": Column("N", null="null")}), ("id", "x"), rows))


SCALARS: list[Any] = [1, "", None, True]


def nested(levels: int, inner: Any, *, in_maps: bool) -> Any:
    for _ in range(levels):
        inner = {"a": inner} if in_maps else [inner]
    return inner


def as_value(document: Any) -> Value:
    match document:
        case dict():
            return {"M": {name: as_value(inner) for name, inner in document.items()}}
        case list():
            return {"L": [as_value(inner) for inner in document]}
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": document}
        case str():
            return {"S": document}
        case _:
            return {"N": str(document)}


def judged_documents(judge: Judge, documents: list[Any]) -> list[bool]:
    kind: ColumnType = "M" if isinstance(documents[0], dict) else "L"
    return judged_values(judge, kind, [(json.dumps(document), as_value(document)[kind]) for document in documents])


@pytest.mark.parametrize("in_maps", [False, True])
def test_documents_of_32_levels(judge: Judge, in_maps: bool) -> None:
    levels = [nested(n, inner, in_maps=in_maps) for n in (29, 30, 31, 32, 33) for inner in (1, "", None, [], {})]
    written = judged_documents(judge, levels)
    assert written == [True] * 10 + [True, True, True, False, False] + [False] * 10


def test_field_names(judge: Judge) -> None:
    names = ["a", "", "k" * 65_535, "k" * 65_536, "ü" * 32_767, "ü" * 32_768]
    written = judged_documents(judge, [{name: 1} for name in names])
    assert written == [True, False, True, False, True, False]
    assert judged_documents(judge, [[{"a": {name: 1}}] for name in names]) == written


@pytest.mark.parametrize("name", ["k" * 65_535, "k" * 65_536, "ü" * 32_767, "ü" * 32_768])
def test_attribute_names(judge: Judge, name: str) -> None:
    accepted = judge.accepts(judge.table(feed()), {"id": {"S": "a"}, name: {"S": "x"}})
    try:
        map_columns(feed(), ("id", name))
        taken = True
    except BadHeader:
        taken = False
    assert taken == accepted


VALUES: list[tuple[ColumnType, str, Any, int]] = [
    ("N", "7", "7", 2),
    ("N", "-12.5", "-12.5", 4),
    ("N", "-0", "-0", 1),
    ("N", "1" * 38, "1" * 38, 20),
    ("N", "-" + "1" * 37 + ".1", "-" + "1" * 37 + ".1", 21),
    ("N", "100000", "100000", 2),
    ("N", "1e125", "1e125", 2),
    ("BOOL", "yes", True, 1),
    ("B", base64.b64encode(b"xyz").decode(), b"xyz", 3),
    ("SS", "a;üü;", ["a", "üü", ""], 5),
    ("NS", "1;-2.5;100", ["1", "-2.5", "100"], 2 + 4 + 2),
    ("L", "[]", [], 3),
    ("L", '[1, "ab", null, {"a": -12.5}]', as_value([1, "ab", None, {"a": -12.5}])["L"], 3 + 3 + 3 + 2 + 10),
    ("M", "{}", {}, 3),
    ("M", '{"größe": true}', as_value({"größe": True})["M"], 3 + 1 + 7 + 1),
]


@pytest.mark.parametrize(("kind", "cell", "value", "size"), VALUES, ids=[f"{v[0]} {v[1]}"[:20] for v in VALUES])
def test_items_of_400_kb(judge: Judge, kind: ColumnType, cell: str, value: Any, size: int) -> None:
    """What is added to the rest of the item is counted to the byte."""
    room = MAX_ITEM_BYTES - len("id" + "0" + "x" + "rest") - size
    rows = []
    for n, length in enumerate((room - 1, room, room + 1)):
        item = {"id": {"S": str(n)}, "x": {kind: value}, "rest": {"S": "y" * length}}
        rows.append(Row((str(n), cell, "y" * length), item))
    judged = judge.judged(feed(columns={"x": Column(kind)}), ("id", "x", "rest"), rows)
    assert_agreed(judged)
    assert judged.written == [True, True, False]


KEYS: dict[ColumnType, list[tuple[str, Any]]] = {
    "S": [(text, text) for text in ("a", "", "x" * 1024, "x" * 1025, "ü" * 512 + "x", "x" * 2048, "x" * 2049)],
    "N": [(text, text) for text in ("7", "1e126", "9" * 38, "9" * 39, "0." + "0" * 129 + "1", "x")],
    "B": [(base64.b64encode(b"x" * n).decode(), b"x" * n) for n in (1, 0, 1024, 1025, 2048, 2049)],
}


@pytest.mark.parametrize("kind", KEYS)
def test_partition_keys(judge: Judge, kind: ColumnType) -> None:
    rows = [Row((cell,), {"k": {kind: value}}) for cell, value in KEYS[kind]]
    assert_agreed(judge.judged(feed(partition_key="k", columns={"k": Column(kind)}), ("k",), rows))


@pytest.mark.parametrize("kind", KEYS)
def test_sort_keys(judge: Judge, kind: ColumnType) -> None:
    rows = [Row(("a", cell), {"id": {"S": "a"}, "k": {kind: value}}) for cell, value in KEYS[kind]]
    assert_agreed(judge.judged(feed(sort_key="k", columns={"k": Column(kind)}), ("id", "k"), rows))


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("index", [Index("k"), Index("k", "id"), Index("id", "k"), Index("other", "k")])
def test_index_keys(judge: Judge, kind: ColumnType, index: Index) -> None:
    rows = [
        Row((str(n), cell), {"id": {"S": str(n)}, "k": {kind: value}}) for n, (cell, value) in enumerate(KEYS[kind])
    ]
    absent = Row(("absent", NULL), {"id": {"S": "absent"}})
    of = feed(columns={"k": Column(kind)}, indexes={"by_k": index})
    judged = judge.judged(of, ("id", "k"), [*rows, absent])
    assert_agreed(judged)
    assert judged.written[-1] is True


def test_an_attribute_that_is_a_key_of_several_indexes(judge: Judge) -> None:
    """It may be no longer than a sort key where it is one in any of them."""
    rows = [Row((str(n), cell), {"id": {"S": str(n)}, "k": {"S": value}}) for n, (cell, value) in enumerate(KEYS["S"])]
    indexes = {"first": Index("k"), "second": Index("id", "k")}
    assert_agreed(judge.judged(feed(columns={"k": "S"}, indexes=indexes), ("id", "k"), rows))
