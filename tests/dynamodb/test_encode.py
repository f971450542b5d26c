"""Put requests as JSON: exact for every character, number, type and null, and the same as boto3 would send."""

import itertools
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given

from ingest.dynamodb.encode import escaped, item_json, most_bytes, python_items, text_rows, write_requests
from ingest.items.items import Items
from tests.support.items import python_items as column_items
from tests.support.tables import any_items, attribute, items_of, meaning, read_strictly, sent_by_boto3

SPECIAL = ['"', "\\", *map(chr, range(0x20))]


def written(items: Items) -> list[dict[str, Any]]:
    """Return the items as DynamoDB JSON."""
    requests = write_requests(items).to_pylist()
    assert all(request.endswith("},") for request in requests)
    return [read_strictly(request[:-1])["PutRequest"]["Item"] for request in requests]


@given(any_items())
def test_requests_mean_what_boto3_would_send(items: Items) -> None:
    made = [{name: meaning(value) for name, value in item.items()} for item in written(items)]
    assert made == sent_by_boto3(items)
    names = [attribute.name for attribute in items.attributes]
    assert all(list(item) == [name for name in names if name in item] for item in made)


@given(any_items())
def test_an_item_is_shown_exactly_as_it_is_sent(items: Items) -> None:
    requests = [f'{{"PutRequest":{{"Item":{text}}}}},' for text in item_json(items).to_pylist()]
    assert requests == write_requests(items).to_pylist()


@given(any_items())
def test_boto3_gets_what_is_sent(items: Items) -> None:
    assert python_items(items) == column_items(items)


def test_text_rows_show_values_as_they_are_sent() -> None:
    items = items_of(
        *(attribute(f"n{i}", "N", [number]) for i, number in enumerate((".5", "+1.50", "1e5", None))),
        attribute("s", "S", ['a"\n']),
        attribute("yes", "BOOL", [True]),
        attribute("b", "B", [b"\0"]),
        attribute("ss", "SS", [["b", 'a"']]),
        attribute("ns", "NS", [[".5", "2"]]),
        attribute("l", "L", ["[0.5e1]"]),
        attribute("null", "S", [None], write_null=True),
    )
    assert list(text_rows(items)) == [
        ("0.5", "1.5", "1E+5", "", 'a"\n', "true", "AA==", '["b","a\\""]', '["0.5","2"]', '{"L":[{"N":"5"}]}', "")
    ]


@given(any_items())
def test_requests_are_never_longer_than_predicted(items: Items) -> None:
    assert sum(len(text.encode()) for text in write_requests(items).to_pylist()) <= most_bytes(items)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("S", ""), ("S", "\0"), ("S", None), ("BOOL", False), ("N", "1e-6"), ("SS", ["\0", "\1"]), ("B", b"\0")]
    + [("L", text) for text in ("[]", "[null]", '["",""]', "[1,1]", "[1e-6,1e-6]", "[[],[]]", "[" * 31 + "]" * 31)]
    + [("M", text) for text in ("{}", '{"k":1}', '{"k":[],"\x7f":{}}', '{"\\u0000":true}')],
)
def test_the_bytes_of_what_grows_most_in_json_are_predicted(kind: str, value: Any) -> None:
    items = items_of(*(attribute(chr(i), kind, [value] * 3, write_null=True) for i in range(0x1F)))
    assert sum(len(text.encode()) for text in write_requests(items).to_pylist()) <= most_bytes(items)


@pytest.mark.parametrize("char", SPECIAL)
def test_each_character_that_json_asks_to_escape_is_escaped_in_values_names_and_sets(char: str) -> None:
    text = f"a{char}{char}b"
    items = items_of(attribute(text, "S", [text, "plain", char]), attribute("set", "SS", [[text, char], None, ["c"]]))
    assert written(items) == [
        {text: {"S": text}, "set": {"SS": [text, char]}},
        {text: {"S": "plain"}},
        {text: {"S": char}, "set": {"SS": ["c"]}},
    ]
    assert escaped(pa.array([text])).to_pylist() == [json.dumps(text)[1:-1]]


def test_all_special_characters_at_once_are_escaped_once() -> None:
    for order in (SPECIAL, SPECIAL[::-1]):
        text = "".join(order) + "\\u0000\\\\n"
        assert escaped(pa.array([text, None])).to_pylist() == [json.dumps(text)[1:-1], None]


@pytest.mark.parametrize("char", ["\x7f", "\x80", "\u2028", "\u2029", "\ufeff", "\ufffd", "ü", "😀", "/", "'"])
def test_no_other_character_is_escaped(char: str) -> None:
    texts = pa.array(["", None, f"a{char}"])
    assert escaped(texts) is texts
    assert write_requests(items_of(attribute(char, "S", [char]))).to_pylist() == [
        f'{{"PutRequest":{{"Item":{{"{char}":{{"S":"{char}"}}}}}}}},'
    ]


def test_a_quote_outside_a_slice_does_not_make_the_slice_slow() -> None:
    texts = pa.array(['"', "a", None, "b", "\n"]).slice(1, 3)
    assert escaped(texts) is texts


@pytest.mark.parametrize(
    ("number", "spelled"),
    [(text, text) for text in ("7", "-7", "007", "-0", "1.10", "-0.5", "9" * 38)]
    + [("+1", "1"), (".5", "0.5"), ("-.5", "-0.5"), ("1.", "1"), ("-1.", "-1"), ("+.5", "0.5"), ("1e5", "1E+5")]
    + [("1E-130", "1E-130"), ("1.e1", "1E+1"), ("0e0", "0")],
)
def test_plain_numbers_go_as_they_are_and_odd_ones_in_the_canonical_spelling(number: str, spelled: str) -> None:
    items = items_of(attribute("n", "N", ["1", None, number, "2.5"]), attribute("s", "NS", [[number], ["3"]] * 2))
    assert [item.get("n") for item in written(items)] == [{"N": "1"}, None, {"N": spelled}, {"N": "2.5"}]
    assert written(items)[0]["s"] == {"NS": [spelled]}


@pytest.mark.parametrize("text", ['"', "x", "1,5", '1"}}', "1 ", "\\", "\0"])
def test_a_text_that_is_not_a_number_is_never_sent_as_one(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        write_requests(items_of(attribute("n", "N", ["1", text])))


@pytest.mark.parametrize("always", list(itertools.product([True, False], repeat=3)))
def test_commas_are_right_wherever_values_are_missing(always: tuple[bool, ...]) -> None:
    rows = list(itertools.product(["x", None], repeat=3))
    columns = [["y" if keep else row[i] for row in rows] for i, keep in enumerate(always)]
    items = items_of(*(attribute(str(i), "S", column) for i, column in enumerate(columns)))
    assert written(items) == [
        {str(i): {"S": column[row]} for i, column in enumerate(columns) if column[row]} for row in range(len(rows))
    ]


@pytest.mark.parametrize(
    ("kind", "value"), [("S", ","), ("N", "1"), ("BOOL", False), ("B", b"\0"), ("SS", ["a"]), ("L", "[]"), ("M", "{}")]
)
def test_null_is_written_where_the_feed_wants_it(kind: str, value: Any) -> None:
    null = {"NULL": True}
    some, _, none = written(items_of(attribute("a", kind, [value, value, None], write_null=True)))
    assert (set(some["a"]), none) == ({kind}, {"a": null})
    assert written(items_of(attribute("a", kind, [None, None], write_null=True))) == [{"a": null}] * 2
    assert written(items_of(attribute("a", kind, [None, None]))) == [{}, {}]


def test_text_under_a_null_is_not_sent() -> None:
    """Arrow may keep bytes where a value is null."""
    valid = pa.py_buffer(b"\x05")
    texts = pa.StringArray.from_buffers(
        3, pa.array([0, 1, 3, 4], pa.int32()).buffers()[1], pa.py_buffer(b'a"\nb'), valid
    )
    lists = pa.ListArray.from_arrays(
        pa.array([0, 1, 3, 4]), pa.array(["a", "b", "c", "d"]), mask=pa.array([0, 1, 0]).cast("bool")
    )
    items = items_of(attribute("t", "S", []), attribute("l", "SS", []))
    columns = tuple(type(a)(a.name, a.type, values) for a, values in zip(items.attributes, (texts, lists), strict=True))
    full = Items(columns, (), range(3))
    assert written(full) == [{"t": {"S": "a"}, "l": {"SS": ["a"]}}, {}, {"t": {"S": "b"}, "l": {"SS": ["d"]}}]
    assert written(full.slice(1, 3)) == written(full)[1:]


@pytest.mark.parametrize("kind", ["S", "N", "BOOL", "B", "SS", "NS", "L", "M"])
def test_no_rows_make_no_requests(kind: str) -> None:
    assert len(write_requests(items_of(attribute("a", kind, [])))) == 0
    assert len(write_requests(items_of(attribute("a", kind, [None])).slice(1, 1))) == 0
