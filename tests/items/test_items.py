"""Rows become items, each checked as DynamoDB would check it."""

import base64
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import Reason
from ingest.dynamodb.encode import item_json, text_rows
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Index, Ttl
from ingest.items.fold import fold
from ingest.items.items import Items, build_items
from ingest.items.mapping import map_columns
from ingest.items.validate import MAX_ITEM_BYTES
from ingest.reading.rows import Fault, Rows
from tests.support.items import python_items

Cells = dict[str, list[str | None]]


def feed(**fields: Any) -> Feed:
    return Feed(**{"prefix": "f/", "table": "Table", "partition_key": "id", **fields})


def built(cells: Cells, of: Feed, *, records: list[int] | None = None) -> tuple[Items, list[Fault]]:
    table = pa.table({name: pa.array(values, pa.string()) for name, values in cells.items()})
    return build_items(Rows(table, records, []), map_columns(of, tuple(cells)))


def reported(faults: list[Fault]) -> list[tuple[int, str, str | None, str | None]]:
    return sorted((fault.record, fault.reason, fault.column, fault.value) for fault in faults)


def test_each_column_becomes_an_attribute_of_its_type_in_the_files_order() -> None:
    items, faults = built(
        {"gift": ["yes", None], "id": ["a", "b"], "qty": ["1", "2.50"], "note": ["", "ü"]},
        feed(columns={"qty": Column("N", name="quantity"), "gift": "BOOL"}),
    )
    assert faults == []
    assert python_items(items) == [
        {"gift": True, "id": "a", "quantity": Decimal(1), "note": ""},
        {"id": "b", "quantity": Decimal("2.50"), "note": "ü"},
    ]
    assert [attribute.name for attribute in items.attributes] == ["gift", "id", "quantity", "note"]
    assert list(text_rows(items)) == [("true", "a", "1", ""), ("", "b", "2.50", "ü")]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("omit", {"id": "a"}), ("null", {"id": "a", "x": None}), ("empty", {"id": "a", "x": ""})],
)
def test_no_value_is_left_out_or_null_or_empty_as_the_feed_says(policy: str, expected: dict[str, Any]) -> None:
    items, faults = built({"id": ["a"], "x": [None]}, feed(columns={"x": Column(null=policy)}))  # type: ignore[arg-type]
    assert (python_items(items), faults) == ([expected], [])


@pytest.mark.parametrize("kind", ["S", "N", "BOOL"])
def test_null_is_written_for_any_type(kind: str) -> None:
    items, _ = built({"id": ["a"], "x": [None]}, feed(columns={"x": Column(kind, null="null")}))  # type: ignore[arg-type]
    assert [json.loads(line) for line in item_json(items).to_pylist()] == [{"id": {"S": "a"}, "x": {"NULL": True}}]


def test_no_value_rejects_the_row_if_the_feed_says_so() -> None:
    items, faults = built({"id": ["a", "b"], "x": ["1", None]}, feed(columns={"x": Column("N", null="reject")}))
    assert python_items(items) == [{"id": "a", "x": Decimal(1)}]
    assert reported(faults) == [(1, Reason.MISSING_VALUE, "x", None)]


def test_a_bad_cell_costs_its_row_and_names_record_column_and_value() -> None:
    items, faults = built(
        {"id": ["a", "b", "c", "d"], "n": ["1", "x", "2", "1e999"], "yes": ["y", "y", "?", "y"]},
        feed(columns={"n": "N", "yes": "BOOL"}),
        records=[0, 3, 4, 9],
    )
    assert python_items(items) == [{"id": "a", "n": Decimal(1), "yes": True}]
    assert items.records == [0]
    assert reported(faults) == [
        (3, Reason.BAD_NUMBER, "n", "x"),
        (4, Reason.BAD_BOOLEAN, "yes", "?"),
        (9, Reason.NUMBER_OUT_OF_RANGE, "n", "1e999"),
    ]


def test_a_row_with_several_faults_reports_the_leftmost_column_then_its_keys() -> None:
    of = feed(sort_key="sort", columns={"a": "N", "b": "BOOL"})
    _, faults = built({"id": [None, None], "b": ["?", "y"], "a": ["?", "1"], "sort": ["s", None]}, of)
    assert reported(faults) == [(0, Reason.BAD_BOOLEAN, "b", "?"), (1, Reason.EMPTY_KEY, "id", "")]


def test_dropped_columns_are_in_no_item_but_may_serve_a_template() -> None:
    of = feed(partition_key="CUST#{customer}", sort_key="{day}/{id}", columns={"customer": Column(drop=True)})
    items, faults = built({"customer": ["7"], "id": ["a"], "day": ["mon"]}, of)
    assert faults == []
    assert python_items(items) == [{"id": "a", "day": "mon", "pk": "CUST#7", "sk": "mon/a"}]


def test_unlisted_columns_are_dropped_if_the_feed_says_so_except_keys() -> None:
    of = feed(sort_key="S#{b}", csv=Csv(unknown_columns="drop"), columns={"n": "N"})
    items, _ = built({"id": ["a"], "b": ["2"], "c": ["3"], "n": ["4"]}, of)
    assert python_items(items) == [{"id": "a", "n": Decimal(4), "sk": "S#2"}]


@pytest.mark.parametrize("template", ["{a}", "x{a}", "{a}y", "{a}{b}", "{a}#{b}#{a}", "ü{a}💥"])
def test_a_template_is_filled_as_python_would_format_it(template: str) -> None:
    cells: Cells = {"a": ["1", "", "ü"], "b": ["2", "3", "4"]}
    items, faults = built(cells, feed(partition_key=template))
    expected = [template.format(a=a, b=b) for a, b in zip(cells["a"], cells["b"], strict=True)]
    assert items.attribute("pk").values.to_pylist() == [key for key in expected if key]
    assert len(faults) == expected.count("")


def test_a_template_with_a_missing_part_is_an_empty_key() -> None:
    items, faults = built({"a": ["1", None], "b": ["2", "3"]}, feed(partition_key="A#{a}", sort_key="B#{b}"))
    assert len(items) == 1
    assert reported(faults) == [(1, Reason.EMPTY_KEY, "a", "")]


@pytest.mark.parametrize("field", ["partition_key", "sort_key"])
@pytest.mark.parametrize("kind", ["S", "N"])
def test_a_key_without_a_value_rejects_its_row(field: str, kind: str) -> None:
    keys = {"partition_key": "p", "sort_key": "s", field: "k"}
    cells: Cells = {"p": ["1", "1"], "s": ["1", "1"], "k": ["1", None]}
    items, faults = built(cells, feed(**keys, columns={"k": Column(kind, null="null")}))  # type: ignore[arg-type]
    assert len(items) == 1
    assert reported(faults) == [(1, Reason.EMPTY_KEY, "k", "")]


def test_an_empty_string_is_rejected_as_a_key_but_fine_elsewhere() -> None:
    items, faults = built({"id": ["", "a"], "x": ["", ""]}, feed(csv=Csv(null_values=())))
    assert python_items(items) == [{"id": "a", "x": ""}]
    assert reported(faults) == [(0, Reason.EMPTY_KEY, "id", "")]


@pytest.mark.parametrize(
    ("fits", "too_long"), [("x" * 2048, "x" * 2049), ("ü" * 1024, "ü" * 1024 + "x"), ("€" * 682 + "xx", "€" * 683)]
)
def test_a_partition_key_is_at_most_2048_bytes_long(fits: str, too_long: str) -> None:
    items, faults = built({"id": [fits, too_long]}, feed())
    assert items.records == [0]
    assert reported(faults) == [(1, Reason.KEY_TOO_LONG, "id", too_long)]
    assert faults[0].message == "key id is 2049 bytes long; DynamoDB allows at most 2048"


@pytest.mark.parametrize(
    ("fits", "too_long"), [("x" * 1024, "x" * 1025), ("ü" * 512, "ü" * 512 + "x"), ("😀" * 256, "😀" * 256 + "x")]
)
def test_a_sort_key_is_at_most_1024_bytes_long(fits: str, too_long: str) -> None:
    items, faults = built({"id": ["a", "a"], "s": [fits, too_long]}, feed(sort_key="s"))
    assert items.records == [0]
    assert reported(faults) == [(1, Reason.KEY_TOO_LONG, "s", too_long)]


def test_a_templates_own_letters_count() -> None:
    items, faults = built({"a": ["x" * 2046, "x" * 2047]}, feed(partition_key="A#{a}"))
    assert items.records == [0]
    assert [fault.reason for fault in faults] == [Reason.KEY_TOO_LONG]


def test_a_long_number_is_a_good_key() -> None:
    items, faults = built({"id": ["0" * 3000 + "7"]}, feed(columns={"id": "N"}))
    assert (python_items(items), faults) == ([{"id": Decimal(7)}], [])


def test_an_item_is_at_most_400_kb_with_its_names() -> None:
    """`id` + "a" + `größe` in UTF-8 is 2 + 1 + 7 bytes, a boolean's value is 1."""
    room = MAX_ITEM_BYTES - 10 - 3
    cells: Cells = {"id": ["a"] * 4, "größe": ["x" * room, "x" * (room + 1), "ü" * (room // 2 + 1), "x"]}
    items, faults = built({**cells, "ja": ["y"] * 4}, feed(columns={"ja": "BOOL"}))
    assert items.records == [0, 3]
    assert reported(faults) == [(1, Reason.ITEM_TOO_LARGE, None, None), (2, Reason.ITEM_TOO_LARGE, None, None)]
    assert faults[0].message == f"item is {MAX_ITEM_BYTES + 1} bytes long; DynamoDB allows at most {MAX_ITEM_BYTES}"


def test_a_null_counts_where_it_is_written_and_not_where_it_is_left_out() -> None:
    room = MAX_ITEM_BYTES - 5
    cells: Cells = {"id": ["a"], "x": ["x" * room], "y": [None]}
    assert len(built(cells, feed())[0]) == 1
    assert len(built(cells, feed(columns={"y": Column(null="null")}))[0]) == 0


def test_a_block_without_rows_gives_no_items() -> None:
    items, faults = built({"id": [], "n": []}, feed(sort_key="S#{n}", columns={"n": "N"}))
    assert (len(items), python_items(items), item_json(items).to_pylist(), faults) == (0, [], [], [])


def test_taken_items_and_sliced_items_know_their_records() -> None:
    items, _ = built({"id": ["a", "b", "c", "d"], "n": ["1", "2", None, "4"]}, feed(columns={"n": "N"}))
    assert python_items(items.take([3, 0])) == [{"id": "d", "n": Decimal(4)}, {"id": "a", "n": Decimal(1)}]
    assert items.take([3, 0]).records == [3, 0]
    assert python_items(items.slice(1, 3)) == [{"id": "b", "n": Decimal(2)}, {"id": "c"}]
    assert list(items.slice(1, 3).records) == [1, 2]


TEXT = st.one_of(st.none(), st.text(max_size=5), st.sampled_from(['"', "\\", "\0", "\x1f", "\u2028", "😀", "</x>"]))
NUMBER = st.one_of(st.none(), st.sampled_from(["+1", ".5", "007", "-0", "1e5", "1.10", "9" * 38, "1E-130"]))
YES = st.sampled_from(["yes", "No", "T", None])
ROW = st.tuples(st.text(min_size=1, max_size=3), TEXT, TEXT, NUMBER, NUMBER, YES)


@given(st.lists(ROW, max_size=6), st.sampled_from(["omit", "null"]))
def test_dynamodb_json_says_what_boto3_would_send(rows: list[tuple[str | None, ...]], policy: str) -> None:
    names = ("id", 'te"xt', "b", "n", "größe", "yes")
    cells: Cells = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    columns = {"n": Column("N", null=policy), "größe": Column("N"), "yes": Column("BOOL", null=policy)}  # type: ignore[arg-type]
    items, faults = built(cells, feed(columns=columns))
    serialize = TypeSerializer().serialize
    sent = [{name: serialize(value) for name, value in item.items()} for item in python_items(items)]
    lines = item_json(items).to_pylist()
    assert faults == []
    assert all("\n" not in line for line in lines)
    assert [numbers_by_value(json.loads(line)) for line in lines] == [numbers_by_value(item) for item in sent]


def numbers_by_value(item: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: {"N": Decimal(value["N"])} if "N" in value else value for name, value in item.items()}


EXPIRING = feed(columns={"at": Column(timestamp=("iso",))}, ttl=Ttl(column="at", after="2d", attribute="expires"))


def test_an_item_expires_some_time_after_a_columns_time_and_never_where_that_has_no_value() -> None:
    items, faults = built({"id": ["a", "b", "c"], "at": ["1970-01-02T00:00:00.5Z", None, "soon"]}, EXPIRING)
    assert reported(faults) == [
        (0, Reason.BAD_TIMESTAMP, "at", "1970-01-02T00:00:00.5Z"),
        (2, "bad_timestamp", "at", "soon"),
    ]
    dropped = feed(columns={"at": Column(timestamp=("iso",), drop=True)}, ttl=EXPIRING.ttl)
    items, faults = built({"id": ["a", "b", "c"], "at": ["1970-01-02T00:00:00.5Z", None, "soon"]}, dropped)
    assert python_items(items) == [{"id": "a", "expires": Decimal(3 * 86400)}, {"id": "b"}]
    assert reported(faults) == [(2, Reason.BAD_TIMESTAMP, "at", "soon")]


def test_without_a_column_items_expire_some_time_after_the_load() -> None:
    rows = Rows(pa.table({"id": ["a", "b"]}), None, [])
    of = feed(ttl=Ttl(after="90d"))
    items, _ = build_items(rows, map_columns(of, ("id",), now_s=1000.7))
    assert [item["ttl"] for item in python_items(items)] == [1000 + 90 * 86400] * 2


INDEXED = feed(
    columns={"place": "S", "hash": Column("B", encoding="hex"), "n": "N"},
    csv=Csv(quoted_nulls=False),
    indexes={"by_place": Index("place", "n"), "by_hash": Index("n", "hash")},
)


def test_an_index_key_is_checked_as_dynamodb_would_check_it_and_may_be_absent() -> None:
    cells: Cells = {
        "id": ["ok", "absent", "empty", "long", "hash", "long hash", "n"],
        "place": ["x", None, "", "ü" * 1025, "x", "x", "x"],
        "hash": ["00", None, "00", "00", "", "00" * 1025, "00"],
        "n": ["1", None, "1", "1", "1", "1", "x"],
    }
    items, faults = built(cells, INDEXED)
    assert [item["id"] for item in python_items(items)] == ["ok", "absent"]
    assert [(fault.record, fault.reason, fault.column) for fault in sorted(faults, key=lambda f: f.record)] == [
        (2, Reason.EMPTY_KEY, "place"),
        (3, Reason.KEY_TOO_LONG, "place"),
        (4, Reason.EMPTY_KEY, "hash"),
        (5, Reason.KEY_TOO_LONG, "hash"),
        (6, Reason.BAD_NUMBER, "n"),
    ]


BINARY_KEYS = feed(sort_key="s", columns={"id": Column("B", encoding="hex"), "s": "B"})


def test_keys_may_be_binary() -> None:
    cells: Cells = {
        "id": ["00ff", "00FF", "", "00" * 2048, "00" * 2049, "0g"],
        "s": ["AA==", "AA==", "AA==", base64.b64encode(b"x" * 1024).decode(), "AA==", "AA=="],
    }
    items, faults = built(cells, BINARY_KEYS)
    assert items.attribute("id").values.to_pylist() == [b"\0\xff", b"\0\xff", b"\0" * 2048]
    assert sorted((fault.record, fault.reason) for fault in faults) == [
        (2, Reason.EMPTY_KEY),
        (4, Reason.KEY_TOO_LONG),
        (5, Reason.BAD_BINARY),
    ]
    last = fold(items, BINARY_KEYS).items
    assert (list(last.records), len(items)) == ([1, 3], 3)
