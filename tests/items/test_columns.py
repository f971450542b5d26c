"""The types beside S, N and BOOL, and what a feed can say about numbers, words and cells without a value."""

import base64
import json
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from boto3.dynamodb.types import TypeSerializer

from ingest.dynamodb.encode import item_json, text_rows
from ingest.feeds.column import Column
from ingest.items.columns import Attribute, ConvertedColumn
from ingest.items.convert import convert
from ingest.items.items import Items
from ingest.items.mapping import Target
from tests.support.items import python_items


def typed(cells: list[str | None], **target: Any) -> ConvertedColumn:
    marks = {name: target.pop(name) for name in ("decimal", "thousands") if name in target}
    return convert(pa.array(cells, pa.string()), Target("c", "c", Column(**target), **marks))


def reasons(cells: list[str | None], **target: Any) -> list[tuple[int, str]]:
    return [(bad.row, bad.reason) for bad in typed(cells, **target).bad]


def items(cells: list[str | None], **target: Any) -> Items:
    made = typed(cells, **target)
    assert not made.bad
    return Items((Attribute("c", target["type"], made.values),), (), list(range(len(cells))))


@pytest.mark.parametrize(
    ("kind", "cells", "values"),
    [
        ("B", ["AAH/", "", None], [b"\0\1\xff", b"", None]),
        ("SS", ["a;b;a", None], [{"a", "b"}, None]),
        ("NS", ["1;2.50", None], [{Decimal(1), Decimal("2.5")}, None]),
        ("L", ['[1, "x", null, {"a": true}]', None], [[Decimal(1), "x", None, {"a": True}], None]),
        ("M", ['{"a": [0.1]}', "{}"], [{"a": [Decimal("0.1")]}, {}]),
    ],
)
def test_a_column_of_each_type_means_the_same_to_both_writers(
    kind: str, cells: list[str | None], values: list[Any]
) -> None:
    made = items(cells, type=kind)
    assert [item.get("c") for item in python_items(made)] == values
    for line, value in zip(item_json(made).to_pylist(), values, strict=True):
        expected = {} if value is None else {"c": TypeSerializer().serialize(value)}
        assert _comparable(json.loads(line)) == _comparable(expected)
    assert len(list(text_rows(made))) == len(cells)


def _comparable(item: dict[str, Any]) -> dict[str, Any]:
    """Sets have no order, and boto3 hands bytes on that JSON spells in base64."""
    made: dict[str, Any] = {}
    for name, value in item.items():
        ((kind, inner),) = value.items()
        if kind in ("SS", "NS"):
            inner = {Decimal(member) if kind == "NS" else member for member in inner}
        if kind == "B" and isinstance(inner, bytes):
            inner = base64.b64encode(inner).decode()
        made[name] = (kind, inner)
    return made


@pytest.mark.parametrize(
    ("kind", "cell", "reason"),
    [
        ("B", "no base64!", "bad_binary"),
        ("B", "AAA", "bad_binary"),
        ("SS", "a;;b", "bad_set"),
        ("NS", "1;x", "bad_set"),
        ("L", "{}", "bad_json"),
        ("M", "[]", "bad_json"),
        ("M", "{", "bad_json"),
    ],
)
def test_a_cell_that_is_not_a_value_of_its_type_is_rejected_alone(kind: str, cell: str, reason: str) -> None:
    assert reasons([None, cell, None], type=kind) == [(1, reason)]


def test_binary_may_be_spelled_in_hex() -> None:
    assert typed(["00ff", "DEADBEEF"], type="B", encoding="hex").values.to_pylist() == [b"\0\xff", b"\xde\xad\xbe\xef"]
    assert reasons(["0g"], type="B", encoding="hex") == [(0, "bad_binary")]


def test_the_words_of_a_boolean_can_be_declared() -> None:
    made = typed(["JA", "nein", None], type="BOOL", true=("ja",), false=("nein",))
    assert made.values.to_pylist() == [True, False, None]
    assert reasons(["true"], type="BOOL", true=("ja",), false=("nein",)) == [(0, "bad_boolean")]


@pytest.mark.parametrize(
    ("marks", "cell", "number"),
    [
        ({"thousands": "_"}, "1_000", "1000"),
        ({"thousands": "_"}, "12345", "12345"),
        ({"thousands": ","}, "-1,234,567.89", "-1234567.89"),
        ({"thousands": ".", "decimal": ","}, "1.234,5", "1234.5"),
        ({"thousands": " ", "decimal": ","}, "1 234", "1234"),
        ({"thousands": "'"}, "1'000.001", "1000.001"),
        ({"decimal": ","}, "0,5", "0.5"),
        ({"decimal": ","}, ",5", ".5"),
    ],
)
def test_numbers_with_declared_marks_are_read(marks: dict[str, str], cell: str, number: str) -> None:
    made = typed([cell], type="N", **marks)
    assert (made.values.to_pylist(), made.bad) == ([number], [])


@pytest.mark.parametrize(
    ("marks", "cell"),
    [
        ({}, "1_000"),
        ({}, "1,5"),
        ({"decimal": ","}, "1.5"),
        ({"thousands": ","}, "1,23"),
        ({"thousands": ","}, "1234,567"),
        ({"thousands": ","}, "1,,000"),
        ({"thousands": ","}, ",123"),
        ({"thousands": ","}, "1.000,000"),
        ({"thousands": ".", "decimal": ","}, "1,234.5"),
    ],
)
def test_numbers_with_marks_in_the_wrong_places_are_rejected(marks: dict[str, str], cell: str) -> None:
    assert reasons([cell], type="N", **marks) == [(0, "bad_number")]


def test_a_default_stands_in_for_a_missing_value_and_is_typed_as_any_cell() -> None:
    assert typed([None, "2"], type="N", default="0", null="reject").values.to_pylist() == ["0", "2"]
    assert reasons([None], type="N", default="none") == [(0, "bad_number")]
