"""Items -> DynamoDB JSON, column by column in Arrow's kernels, without a Python object for each row.

This is the only encoder: what is sent, what `ingest preview` prints and what boto3 gets come from it.
"""

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import groupby
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import WriteOperation
from ingest.items.columns import AnyArray, Attribute, fill_null, joined, utf8_of
from ingest.items.convert import dynamodb_value, read_json
from ingest.items.items import Items
from ingest.items.numbers import canonical_number

_PLAIN_NUMBER = r"^-?[0-9]+(?:\.[0-9]+)?$"


@dataclass(frozen=True, slots=True)
class RequestKind:
    """One kind of request in a BatchWriteItem: its name, and the name of what it holds."""

    name: str
    holds: str

    def item_of(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the item or key that a request holds."""
        item: dict[str, Any] = request[self.name][self.holds]
        return item

    @property
    def opening(self) -> str:
        """The JSON before the item."""
        return f'{{"{self.name}":{{"{self.holds}":'

    @property
    def closing(self) -> str:
        """The JSON after the item. Each request ends with a comma, so that consecutive ones, without the last comma,
        are the members of a JSON list.
        """
        return "}},"


PUT = RequestKind("PutRequest", "Item")
DELETE = RequestKind("DeleteRequest", "Key")


def write_requests(items: Items, operation: str = WriteOperation.PUT) -> pa.StringArray:
    """Return each item as `{"PutRequest":{"Item":{...}}},` or `{"DeleteRequest":{"Key":{...}}},` in a string column.

    `operation` is for items without one of their own. The items must be few enough for 32-bit offsets; see
    `most_bytes`.
    """
    if items.operations is None:
        return _puts(items) if operation == WriteOperation.PUT else _deletes(items)
    is_delete = pc.equal(items.operations, pa.scalar(WriteOperation.DELETE))
    return cast(pa.StringArray, pc.if_else(is_delete, _deletes(items), _puts(items)))


def _puts(items: Items) -> pa.StringArray:
    return _encoded(items.attributes, PUT.opening, PUT.closing)


def _deletes(items: Items) -> pa.StringArray:
    return _encoded(key_attributes(items), DELETE.opening, DELETE.closing)


def key_attributes(items: Items) -> list[Attribute]:
    """Return the attributes of the items' keys, in their order."""
    return [items.attribute(key.name) for key in items.keys]


def item_json(items: Items) -> pa.StringArray:
    """Return each item as DynamoDB JSON in a string column, exactly as it is sent."""
    return _encoded(items.attributes, "", "")


def key_json(items: Items) -> pa.StringArray:
    """Return each item's key as DynamoDB JSON in a string column."""
    return _encoded(key_attributes(items), "", "")


def text_rows(items: Items) -> Iterator[tuple[str, ...]]:
    """Yield the values of each item as they are sent, in the order of the attributes; empty where there is none.

    Texts, numbers, booleans and base64 stand alone; sets are JSON lists, documents DynamoDB JSON.
    """
    return zip(*(_texts(attribute) for attribute in items.attributes), strict=True)


def python_items(items: Items) -> list[dict[str, Any]]:
    """Return the items as boto3's resources take them, read back from their DynamoDB JSON."""
    return [
        {name: _python_value(value) for name, value in json.loads(text).items()}
        for text in map(str, item_json(items).to_pylist())
    ]


def _encoded(attributes: Sequence[Attribute], opening: str, closing: str) -> pa.StringArray:
    columns = [_values(attribute) for attribute in attributes]
    anchor = next((i for i, (_, values, _) in enumerate(columns) if not values.null_count), len(columns))
    parts: list[Any] = [opening + "{"]
    for i, (attribute, column) in enumerate(zip(attributes, columns, strict=True)):
        # each comma is on the side of the first attribute that every item has, so that an absent one omits its comma
        parts += _parts(attribute.name, column, "," * (i > anchor), "," * (i < anchor))
    if anchor == len(columns):
        parts = [pc.ascii_rtrim(joined_parts(parts), characters=",")]
    return joined_parts([*parts, "}" + closing])


def attribute_parts(attribute: Attribute) -> list[Any]:
    """Return `"name":{...},` of each item, as constants and columns; null where the item lacks it."""
    return _parts(attribute.name, _values(attribute), "", ",")


def _parts(name: str, column: tuple[str, AnyArray, str], comma_before: str, comma_after: str) -> list[Any]:
    """Return an attribute's JSON in each item, as constants and columns; null where the item lacks it."""
    before, values, after = column
    before, after = f"{comma_before}{quoted(name)}:{before}", f"{after}{comma_after}"
    if pa.types.is_boolean(values.type):
        return [pc.if_else(values, f"{before}true{after}", f"{before}false{after}")]
    parts = [before, values, after]
    return [joined(*parts)] if values.null_count else parts


def joined_parts(parts: list[Any]) -> pa.StringArray:
    """Return columns and constant texts joined row by row, without the nulls; neighbouring constants become one first.

    At least one of them must be a text: Arrow 26 drops a row whose parts are all null.
    """
    merged: list[Any] = []
    for is_text, run in groupby(parts, lambda part: isinstance(part, str)):
        some = list(run)
        merged += ["".join(some)] if is_text else some
    return joined(*merged, null_handling="skip")


def most_bytes(items: Items) -> int:
    """Return an upper bound of the bytes of `write_requests` without looking at any value.

    A character becomes at most 6 (a control character). An attribute's name and value count at least 2, for at most 24
    characters of JSON around them; so does each member of a list or map, by its JSON text.
    """
    counted = sum(
        _extent(attribute.values) + len(items) * (len(attribute.name.encode()) + 1) for attribute in items.attributes
    )
    return 12 * counted + len(items) * len(f"{DELETE.opening}{{}}{DELETE.closing}")


def _extent(values: AnyArray) -> int:
    if pa.types.is_boolean(values.type):
        return len(values)
    return int(utf8_of(_members(values) if pa.types.is_list(values.type) else values).size)


def _values(attribute: Attribute) -> tuple[str, AnyArray, str]:
    """Return the JSON before each value of an attribute, the values as JSON (null where absent), and the JSON after.

    Booleans stay booleans, unless nulls are written: `_parts` turns them into text.
    """
    before, encode, after = _ENCODINGS[attribute.type]
    writes_nulls = attribute.write_null and attribute.values.null_count
    if attribute.type == "BOOL" and not writes_nulls:
        return before, attribute.values, after
    values = encode(attribute.values)
    if not writes_nulls:
        return before, values, after
    return "", fill_null(joined(before, values, after), '{"NULL":true}'), ""


def value_texts(attribute: Attribute) -> AnyArray:
    """Return values as they stand in JSON, but texts unescaped, and sets as what is between their outer quotes."""
    _, encode, _ = _ENCODINGS[attribute.type]
    return attribute.values if attribute.type == "S" else encode(attribute.values)


def _texts(attribute: Attribute) -> list[str]:
    values = value_texts(attribute)
    if attribute.type in ("SS", "NS"):
        values = joined('["', values, '"]')
    texts: list[str] = fill_null(values, "").to_pylist()
    return texts


def _spelled(numbers: AnyArray) -> AnyArray:
    """Return numbers unchanged if they match `-?digits[.digits]`, else in canonical form."""
    if _are_plain(numbers):
        return numbers
    is_odd = fill_null(pc.invert(pc.match_substring_regex(numbers, _PLAIN_NUMBER)), False)
    spelled = [_canonical(str(text)) for text in numbers.filter(is_odd).to_pylist()]
    respelled: AnyArray = pc.replace_with_mask(numbers, is_odd, pa.array(spelled, pa.string()))
    return respelled


def _canonical(text: str) -> str:
    try:
        return canonical_number(text)
    except InvalidOperation:
        raise ValueError("an attribute of type N holds a text that is not a number") from None


def _are_plain(numbers: AnyArray) -> bool:
    """Return whether all numbers have only digits, minus signs and points, and no point at either end.

    This is a fast pre-check: missing a plain column only costs time, because the pattern then decides.
    """
    data = utf8_of(numbers)
    if _lowest_byte(data) < ord("-") or _highest_byte(data) > ord("9"):
        return False
    marks = data.to_pybytes()
    if b"." not in marks:
        return True
    ends = (pc.starts_with(numbers, "."), pc.ends_with(numbers, "."))
    return b"-." not in marks and not any(pc.any(mask).as_py() for mask in ends)


# All that JSON requires to be escaped. The backslash is first, because the other escapes contain one.
_MARKS = ("\\", '"')
_CONTROLS = tuple(map(chr, range(0x20)))
_ESCAPES = {char: json.dumps(char)[1:-1] for char in _MARKS + _CONTROLS}


def escaped(texts: AnyArray) -> AnyArray:
    """Return a string column escaped for JSON, without quotes; the same column if no character needs an escape."""
    data = utf8_of(texts)
    present = data.to_pybytes()
    wanted = [char for char in _MARKS if char.encode() in present]
    if _lowest_byte(data) < 0x20:
        wanted += [char for char in _CONTROLS if char.encode() in present]
    for char in wanted:
        texts = pc.replace_substring(texts, char, _ESCAPES[char])
    return texts


def quoted(text: str) -> str:
    """Return one text as a JSON string.

    >>> quoted('größe 5"')
    '"größe 5\\\\""'
    """
    return json.dumps(text, ensure_ascii=False)


def _lowest_byte(data: pa.Buffer) -> int:
    """Return the least byte, 255 if there is none."""
    lowest = pc.min(_bytes(data)).as_py()
    return 255 if lowest is None else int(lowest)


def _highest_byte(data: pa.Buffer) -> int:
    """Return the greatest byte, 0 if there is none."""
    return int(pc.max(_bytes(data)).as_py() or 0)


def _bytes(data: pa.Buffer) -> AnyArray:
    return pa.Array.from_buffers(pa.uint8(), data.size, [None, data])


def _booleans(values: AnyArray) -> AnyArray:
    words: AnyArray = pc.if_else(values, "true", "false")
    return words


def _set_of(encode: Callable[[AnyArray], AnyArray]) -> Callable[[AnyArray], AnyArray]:
    """Return a function that encodes sets as the text inside JSON's brackets, given the one for their members."""

    def encode_sets(sets: AnyArray) -> AnyArray:
        starts = cast("pa.ListArray[Any]", sets).offsets
        offsets = pc.subtract(starts, starts[0])
        lists = pa.ListArray.from_arrays(offsets, encode(_members(sets)), mask=pc.is_null(sets))
        return cast(pa.StringArray, pc.binary_join(lists, '","'))

    return encode_sets


def _members(lists: AnyArray) -> AnyArray:
    """Return the members of all lists as one column, also those under nulls."""
    some = cast("pa.ListArray[Any]", lists)
    start, end = some.offsets[0].as_py(), some.offsets[-1].as_py()
    return some.values.slice(start, end - start)


def _each(encode: Callable[[Any], str]) -> Callable[[AnyArray], AnyArray]:
    """Return a function that encodes a column cell by cell in Python."""

    def encode_column(values: AnyArray) -> AnyArray:
        return pa.array([None if value is None else encode(value) for value in values.to_pylist()], pa.string())

    return encode_column


def _document(wanted: type[list[Any]] | type[dict[str, Any]]) -> Callable[[str], str]:
    return lambda text: json.dumps(dynamodb_value(read_json(text, wanted)), ensure_ascii=False, separators=(",", ":"))


_ENCODINGS: dict[str, tuple[str, Callable[[AnyArray], AnyArray], str]] = {
    "S": ('{"S":"', escaped, '"}'),
    "N": ('{"N":"', _spelled, '"}'),
    "BOOL": ('{"BOOL":', _booleans, "}"),
    "B": ('{"B":"', _each(lambda value: base64.b64encode(value).decode()), '"}'),
    "SS": ('{"SS":["', _set_of(escaped), '"]}'),
    "NS": ('{"NS":["', _set_of(_spelled), '"]}'),
    "L": ("", _each(_document(list)), ""),
    "M": ("", _each(_document(dict)), ""),
}


def _python_value(value: dict[str, Any]) -> Any:
    ((kind, inner),) = value.items()
    return _FOR_BOTO3[kind](inner)


_FOR_BOTO3: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": Decimal,
    "BOOL": bool,
    "B": base64.b64decode,
    "SS": set,
    "NS": lambda members: set(map(Decimal, members)),
    "L": lambda members: list(map(_python_value, members)),
    "M": lambda members: {name: _python_value(member) for name, member in members.items()},
    "NULL": lambda _: None,
}
