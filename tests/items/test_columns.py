"""The types beside S, N and BOOL, and what a feed can say about numbers, words and cells without a value."""

import base64
import json
from decimal import Decimal
from pathlib import Path
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
    marks = {name: target.pop(name) for name in ("decimal", "thousands", "accounting") if name in target}
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
        ("SS", ["a;;b;", ";"], [{"a", "", "b"}, {""}]),
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
        ("NS", "1;;2", "bad_set"),
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


NOT_A_NUMBER = "not a valid number (digits with optional sign, decimal point and exponent)"
ACCOUNTS = {"type": "N", "accounting": True}


@pytest.mark.parametrize(
    ("marks", "cell", "number"),
    [
        ({}, "100-", "-100"),
        ({}, "(123)", "-123"),
        ({}, "(1.50)", "-1.50"),
        ({}, "(123", None),
        ({}, "123)", None),
        ({}, "()", None),
        ({}, "-", None),
        ({}, "(-5)", None),
        ({}, "-5-", None),
        ({}, "5+", None),
        ({}, "12%", "0.12"),
        ({}, "-12.5 %", "-0.125"),
        ({}, "(12%)", "-0.12"),
        ({}, "0.5\u00a0%", "0.005"),
        ({}, ".5%", ".005"),
        ({}, "7%", "0.07"),
        ({}, "100%", "1.00"),
        ({}, "12345678901234567890123456789012345678%", "123456789012345678901234567890123456.78"),
        ({}, "%", None),
        ({}, "x%", None),
        ({}, "1e2%", None),
        ({}, "12%%", None),
        ({}, "12  %", None),
        ({}, "-7", "-7"),
        ({"thousands": ","}, "(1,234.50)", "-1234.50"),
        ({"thousands": ","}, "(1,23)", None),
        ({"decimal": ",", "thousands": "."}, "1.234,5-", "-1234.5"),
        ({"decimal": ","}, "12,5%", "0.125"),
    ],
)
def test_accounting_numbers_are_exact_and_others_are_not_numbers(
    marks: dict[str, str], cell: str, number: str | None
) -> None:
    made = typed(["1", cell, None], **ACCOUNTS, **marks)
    if number is None:
        assert [(bad.row, bad.reason) for bad in made.bad] == [(1, "bad_number")]
    else:
        assert (made.values.to_pylist(), made.bad) == (["1", number, None], [])


@pytest.mark.parametrize(
    ("marks", "cell", "hint"),
    [
        ({}, "1_000", '`thousands = "_"`'),
        ({}, " 7 ", "`trim = true`"),
        ({}, "7\u00a0", "`trim = true`"),
        ({}, "100-", "`accounting = true`"),
        ({}, "(123)", "`accounting = true`"),
        ({}, "12%", "`accounting = true`"),
        ({}, "1,5", '`decimal = ","`'),
        ({}, "1,000", '`decimal = ","` or `thousands = ","`'),
        ({}, "1,234.50", '`thousands = ","`'),
        ({}, "1.234,50", '`decimal = ","` and `thousands = "."`'),
        ({}, "1 234,50", '`decimal = ","` and `thousands = " "`'),
        ({}, "1\u202f234", '`thousands = "\\u202f"`'),
        ({}, " (5)", "`trim = true` and `accounting = true`"),
        ({}, "(1,234.5)", '`thousands = ","` and `accounting = true`'),
        ({"decimal": ","}, "1.5", '`decimal = "."`'),
        ({"thousands": ",", "accounting": True}, " (1,000)", "`trim = true`"),
        ({"accounting": True}, "x%", None),
        ({}, "x", None),
        ({}, "", None),
        ({}, "$5", None),
        ({}, "1.2.3", None),
        ({}, "1,23,4", None),
        ({}, "NaN", None),
        ({}, "2026-11-22", None),
    ],
)
def test_a_cell_that_other_settings_would_make_a_number_says_which(
    marks: dict[str, Any], cell: str, hint: str | None
) -> None:
    (bad,) = typed(["1", cell, None], type="N", **marks).bad
    assert bad.message == NOT_A_NUMBER + (f"; it would be one with {hint}" if hint else "")


def test_each_bad_cell_has_its_own_hint() -> None:
    made = typed(["1,5", "x", "12%", "1", "1,5", "x"], type="N")
    assert [(bad.row, bad.message.rpartition(" with ")[2]) for bad in made.bad] == [
        (0, '`decimal = ","`'),
        (1, "optional sign, decimal point and exponent)"),
        (2, "`accounting = true`"),
        (4, '`decimal = ","`'),
        (5, "optional sign, decimal point and exponent)"),
    ]


ACCOUNTING_FILE = (Path(__file__).parent / "accounting_numbers.csv").read_text().splitlines()[1:]


def test_the_numbers_of_an_accounting_export_are_read_with_the_setting_and_named_without() -> None:
    keys, cells = zip(*(line.split(",") for line in ACCOUNTING_FILE if line.count(",") == 1), strict=True)
    without = {keys[bad.row]: bad.message for bad in typed(list(cells), type="N").bad}
    made = typed(list(cells), **ACCOUNTS)
    rejected = {keys[bad.row] for bad in made.bad}
    assert without.keys() - rejected == {"r17", "r18", "r19"}
    assert all("`accounting = true`" in without[key] for key in ("r17", "r18", "r19"))
    assert [made.values[keys.index(key)].as_py() for key in ("r17", "r18", "r19")] == ["-100", "-123", "0.12"]
    assert without["r12"].endswith('with `thousands = "_"`')
    assert without["r13"].endswith("with `trim = true`")
