import json
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from ingest.items.columns import BadValueError
from ingest.items.convert import document_bytes, dynamodb_value, read_json, read_set

SCALARS = st.none() | st.booleans() | st.integers(-(10**37), 10**37) | st.text(max_size=5)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3),
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
        (nested(31).replace("1", "[]"), "deeper than 32"),
        (nested(31).replace("1", "{}"), "deeper than 32"),
        ('[{"": 1}]', "empty field name"),
        ('[{"a": {"": {}}}]', "empty field name"),
        ('[{"%s": 1}]' % ("k" * 65_536), "65,535 bytes"),
        ('[{"%s": 1}]' % ("ü" * 32_768), "65,535 bytes"),
        (nested(100_000), "deeper than 32"),
    ],
)
def test_json_that_dynamodb_could_not_keep_says_why(text: str, why: str) -> None:
    with pytest.raises(BadValueError, match=why):
        read_json(text, list)


def test_thirty_two_levels_are_deep_enough_and_nothing_in_a_list_is_one() -> None:
    assert read_json(nested(31), list)
    assert read_json(nested(30).replace("1", "[]"), list)
    assert read_json(nested(30).replace("1", "{}"), list)


def test_a_field_name_of_64_kib_less_a_byte_is_taken() -> None:
    assert read_json('[{"%s": 1}]' % ("ü" * 32_767 + "k"), list)


@pytest.mark.parametrize(
    ("document", "size"),
    [
        ("[]", 3),
        ('["a", "b"]', 7),
        ("[1, -12.5]", 3 + 1 + 2 + 1 + 4),
        ('{"größe": null, "a": {}}', 3 + (1 + 7 + 1) + (1 + 1 + 3)),
        (f"[{','.join(['10000000000000000000'] * 25_000)}]", 3 + 25_000 * 3),
    ],
)
def test_a_document_counts_as_dynamodb_counts_it(document: str, size: int) -> None:
    assert document_bytes(read_json(document, dict if document.startswith("{") else list)) == size


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


@pytest.mark.parametrize(("text", "members"), [("a;;b;", ["a", "", "b"]), (";", [""]), ("", [""])])
def test_an_empty_text_is_a_member_as_dynamodb_takes_it(text: str, members: list[str]) -> None:
    assert read_set(text, ";", numbers=False) == members


@pytest.mark.parametrize(
    ("text", "numbers", "why"),
    [
        ("1;;2", True, "not a valid number"),
        ("", True, "not a valid number"),
        ("1;x", True, "not a valid number"),
        ("1;1e999", True, "range"),
        ("1; 2", True, "not a valid number"),
    ],
)
def test_a_set_that_dynamodb_would_refuse_says_why(text: str, numbers: bool, why: str) -> None:
    with pytest.raises(BadValueError, match=why):
        read_set(text, ";", numbers=numbers)
