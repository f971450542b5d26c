import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from ingest.items.columns import BadValueError
from ingest.items.documents import document_bytes, dynamodb_value, read_json, read_set

SCALARS = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def nested(levels: int) -> str:
    return "[" * levels + "1" + "]" * levels


@given(st.lists(DOCUMENTS, max_size=4))
def test_any_json_means_the_same_to_boto3s_serializer(value: list[Any]) -> None:
    read = read_json(json.dumps(value), list)
    assert dynamodb_value(read) == TypeSerializer().serialize(read)
    assert document_bytes(read) >= 3


def test_numbers_in_json_stay_exact() -> None:
    assert read_json('{"a": 0.1, "b": [12345678901234567890123456789012345678, 1E-130]}', dict) == {
        "a": Decimal("0.1"),
        "b": [Decimal("12345678901234567890123456789012345678"), Decimal("1E-130")],
    }


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1, 2", "not valid JSON"),
        ("", "not valid JSON"),
        ("{}", "not a JSON array"),
        ("3", "not a JSON array"),
        ('[{"a": 1, "a": 2}]', "same field name twice"),
        ("[NaN]", "NaN"),
        ("[-Infinity]", "-Infinity"),
        ("[1e126]", "outside DynamoDB's range"),
        ("[1.00000000000000000000000000000000000000001]", "significant digits"),
        (r'["\ud800"]', "surrogate"),
        (r'[{"\udfff": 1}]', "surrogate"),
        (nested(32), "deeper than 32"),
        (nested(100_000), "deeper than 32"),
    ],
)
def test_json_that_dynamodb_could_not_keep_says_why(text: str, why: str) -> None:
    with pytest.raises(BadValueError, match=why):
        read_json(text, list)


def test_thirty_two_levels_are_deep_enough() -> None:
    assert read_json(nested(31), list)


@pytest.mark.parametrize(
    ("text", "numbers", "members"),
    [
        ("red;green", False, ["red", "green"]),
        ("red;green;red", False, ["red", "green"]),
        ("one", False, ["one"]),
        ("1;1.0;1e0;2", True, ["1", "2"]),
        ("007;+3;.5", True, ["7", "3", "0.5"]),
    ],
)
def test_a_set_holds_each_member_once(text: str, numbers: bool, members: list[str]) -> None:
    assert read_set(text, ";", numbers=numbers) == members


@pytest.mark.parametrize(
    ("text", "numbers", "why"),
    [
        ("a;;b", False, "empty member"),
        (";", False, "empty"),
        ("", False, "empty"),
        ("1;x", True, "not a valid number"),
        ("1;1e999", True, "range"),
        ("1; 2", True, "not a valid number"),
    ],
)
def test_a_set_that_dynamodb_would_refuse_says_why(text: str, numbers: bool, why: str) -> None:
    with pytest.raises(BadValueError, match=why):
        read_set(text, ";", numbers=numbers)
