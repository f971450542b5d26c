"""Compute the bytes DynamoDB counts for each item, and find what it would refuse: empty or long keys, large items.

Names and text count in UTF-8, numbers by their digits. Counting digits costs more than adding up the lengths of texts,
so there are bounds, too: if both give the same result, as for nearly all items, no digits are counted.
"""

from base64 import b64decode
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.feeds.feed import KeyAttribute, is_template, template_parts
from ingest.items.columns import AnyArray, Attribute, byte_lengths, fill_null, rows_where
from ingest.items.convert import document_bytes, read_json
from ingest.items.mapping import Mapping
from ingest.items.numbers import number_size, number_sizes
from ingest.reading.rows import Fault, Rows

LEAST_NUMBER = 1  # bytes of a zero
NESTED_BYTES = 3  # of a list or map, plus one for each member
MORE_THAN_HALF = 3  # bytes a number may take beyond half its characters: `number_size`


def item_sizes(attributes: Sequence[Attribute]) -> AnyArray:
    """Return the bytes DynamoDB counts for each item (int64)."""
    return _added_up(attributes, number_sizes)


def size_bounds(attributes: Sequence[Attribute]) -> tuple[AnyArray, AnyArray]:
    """Return the least and the most bytes that DynamoDB may count for each item, without counting digits."""
    numbers = [attribute for attribute in attributes if _is_number(attribute)]
    full = [attribute for attribute in numbers if not attribute.values.null_count]
    least = _added_up(attributes, _least_number_sizes)
    most = reduce(pc.add, (_undecided(a.values) for a in numbers if a.values.null_count), least)
    if full:
        undecided = pc.shift_right(_text_lengths([a.values for a in full]), 1)
        most = pc.add(pc.add(most, undecided), (MORE_THAN_HALF - LEAST_NUMBER) * len(full))
    return least, most


def _undecided(numbers: AnyArray) -> AnyArray:
    """Return how much larger than `LEAST_NUMBER` each number may be."""
    undecided: AnyArray = fill_null(pc.subtract(_most_number_sizes(numbers), LEAST_NUMBER), 0)
    return undecided


def largest_size(attributes: Sequence[Attribute]) -> int:
    """Return an upper bound of the bytes of any item: the longest value of each attribute together."""
    return sum(_longest(attribute) for attribute in attributes)


def _least_number_sizes(numbers: AnyArray) -> AnyArray:
    return _where_valid(numbers, LEAST_NUMBER)


def _most_number_sizes(numbers: AnyArray) -> AnyArray:
    return pc.add(pc.shift_right(byte_lengths(numbers), 1), MORE_THAN_HALF)


def _added_up(attributes: Sequence[Attribute], number_lengths: Callable[[AnyArray], AnyArray]) -> AnyArray:
    plain = [attribute for attribute in attributes if _is_plain(attribute)]
    others = [_byte_lengths(attribute, number_lengths) for attribute in attributes if not _is_plain(attribute)]
    return reduce(pc.add, [*others, _plain_lengths(plain)] if plain else others)


def _is_number(attribute: Attribute) -> bool:
    return attribute.type == "N" and attribute.sizes is None and len(attribute.values) > 0


def _is_plain(attribute: Attribute) -> bool:
    """Return whether every item has the attribute, as text or bytes that are counted as they are."""
    values = attribute.values
    return attribute.type in ("S", "B") and attribute.sizes is None and len(values) > 0 and not values.null_count


def _plain_lengths(attributes: Sequence[Attribute]) -> AnyArray:
    """Return what plain attributes add to each item."""
    names = sum(len(attribute.name.encode()) for attribute in attributes)
    return pc.add(_text_lengths([attribute.values for attribute in attributes]), names)


def _text_lengths(columns: Sequence[AnyArray]) -> AnyArray:
    """Return the bytes of all texts of each row, with one kernel per column: Arrow already knows where texts end."""
    ends = reduce(pc.add, map(_ends, columns))  # sums may wrap around; the differences are still right
    return pc.cast(pc.subtract(ends[1:], ends[:-1]), pa.int64())


def _ends(values: AnyArray) -> AnyArray:
    """Return where the first text begins and each text ends (int32), without copying."""
    return pa.Array.from_buffers(pa.int32(), len(values) + 1, [None, values.buffers()[1]], offset=values.offset)


def _longest(attribute: Attribute) -> int:
    """Return an upper bound of what the attribute adds to any item."""
    longest: int = pc.max(_value_lengths(attribute, byte_lengths)).as_py() or 0
    bound = longest // 2 + MORE_THAN_HALF if _is_number(attribute) else longest
    return len(attribute.name.encode()) + max(1, bound)


def _byte_lengths(attribute: Attribute, number_lengths: Callable[[AnyArray], AnyArray]) -> pa.Int64Array:
    name_bytes = len(attribute.name.encode())
    present = pc.add(pc.cast(_value_lengths(attribute, number_lengths), pa.int64()), name_bytes)
    lengths: pa.Int64Array = fill_null(present, name_bytes + 1 if attribute.write_null else 0)
    return lengths


def _value_lengths(attribute: Attribute, number_lengths: Callable[[AnyArray], AnyArray]) -> AnyArray:
    if attribute.sizes is not None:
        return attribute.sizes
    lengths = number_lengths if attribute.type == "N" else _LENGTHS[attribute.type]
    return lengths(attribute.values)


def _document_lengths(wanted: Any) -> Callable[[AnyArray], AnyArray]:
    def lengths(texts: AnyArray) -> AnyArray:
        sizes = [None if text is None else document_bytes(read_json(text, wanted)) for text in texts.to_pylist()]
        return pa.array(sizes, pa.int64())

    return lengths


def _set_lengths(member_lengths: Callable[[AnyArray], AnyArray]) -> Callable[[AnyArray], AnyArray]:
    """Return a function that returns the bytes of each set's members together."""

    def lengths(values: AnyArray) -> AnyArray:
        sets = cast("pa.ListArray[Any]", values)
        each = pc.cast(member_lengths(sets.values), pa.int64())
        before = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(each)])
        ends = before.take(sets.offsets)
        return _where_valid(sets, pc.subtract(ends[1:], ends[:-1]))

    return lengths


def _where_valid(values: AnyArray, lengths: AnyArray | int) -> AnyArray:
    found: AnyArray = pc.if_else(pc.is_valid(values), lengths, None)
    return found


_LENGTHS: dict[str, Callable[[AnyArray], AnyArray]] = {
    "S": byte_lengths,
    "B": byte_lengths,
    "BOOL": lambda values: _where_valid(values, 1),
    "SS": _set_lengths(byte_lengths),
    "NS": _set_lengths(number_sizes),
    "L": _document_lengths(list),
    "M": _document_lengths(dict),
}


# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (items, keys)
MAX_ITEM_BYTES = 400 * 1024
MAX_KEY_BYTES = (2048, 1024)  # partition key, sort key


def check_index_keys(rows: Rows, mapping: Mapping, attributes: list[Attribute], faults: dict[int, Fault]) -> None:
    """Record faults for rows that an index would refuse. A row without the index key is only left out of the index."""
    made = {attribute.name: attribute.values for attribute in attributes}
    for key, at in mapping.index_keys:
        values = made.get(key.name)
        if values is not None and key.type != "N":
            _check_key_lengths(rows, key, values, MAX_KEY_BYTES[at], faults)


def check_key(rows: Rows, key: KeyAttribute, values: AnyArray, limit: int, faults: dict[int, Fault]) -> None:
    """Record faults for rows whose key is missing, empty or too long."""
    for row in rows_where(pc.is_null(values)):
        faults.setdefault(row, _empty_key(rows.record_of(row), key, _without_value(rows, row, key.source)))
    if key.type != "N":
        _check_key_lengths(rows, key, values, limit, faults)


def _check_key_lengths(rows: Rows, key: KeyAttribute, values: AnyArray, limit: int, faults: dict[int, Fault]) -> None:
    lengths: pa.Int32Array = fill_null(byte_lengths(values), 1)
    for row in rows_where(pc.equal(lengths, pa.scalar(0))):
        faults.setdefault(row, _empty_key(rows.record_of(row), key, key.source))
    for row in rows_where(pc.greater(lengths, pa.scalar(limit))):
        message = f"key {key.name} is {lengths[row].as_py()} bytes long; DynamoDB allows at most {limit}"
        value = values[row].as_py() if key.type == "S" else None
        faults.setdefault(row, Fault(rows.record_of(row), Reason.KEY_TOO_LONG, message, key.source, value))


def _empty_key(record: int, key: KeyAttribute, column: str) -> Fault:
    message = f"key {key.name} is empty; DynamoDB does not allow empty keys"
    return Fault(record, Reason.EMPTY_KEY, message, column, "")


def _without_value(rows: Rows, row: int, source: str) -> str:
    """Return the column that leaves a row without a key: in a template, the first one without a value."""
    columns = template_parts(source)[1::2] if is_template(source) else ()
    return next((column for column in columns if not rows.table.column(column)[row].is_valid), source)


def check_sizes(rows: Rows, attributes: list[Attribute], faults: dict[int, Fault]) -> None:
    """Record faults for rows whose item is too large.

    An upper bound for the block avoids examining each row, and one for each row avoids counting digits.
    """
    if largest_size(attributes) <= MAX_ITEM_BYTES:
        return
    most = size_bounds(attributes)[1]
    large = [row for row in rows_where(pc.greater(most, pa.scalar(MAX_ITEM_BYTES))) if row not in faults]
    sizes: list[Any] = item_sizes([a.take(pa.array(large, pa.int64())) for a in attributes]).to_pylist()
    for row, size in zip(large, sizes, strict=True):
        if size > MAX_ITEM_BYTES:
            message = f"item is {size} bytes long; DynamoDB allows at most {MAX_ITEM_BYTES}"
            faults[row] = Fault(rows.record_of(row), Reason.ITEM_TOO_LARGE, message)


def item_bytes(item: dict[str, Any]) -> int:
    """Return the bytes that DynamoDB counts for an item, given as its JSON.

    >>> item_bytes({"id": {"S": "Köln"}, "n": {"N": "-12.5"}, "l": {"L": [{"BOOL": True}]}})
    18
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: dict[str, Any]) -> int:
    ((kind, inner),) = value.items()
    if kind == "M":
        return NESTED_BYTES + item_bytes(inner) + len(inner)
    if kind == "L":
        return NESTED_BYTES + sum(1 + _value_bytes(member) for member in inner)
    if kind in ("SS", "NS", "BS"):
        return sum(_value_bytes({kind[0]: member}) for member in inner)
    if kind == "N":
        return number_size(Decimal(inner))
    return len(b64decode(inner)) if kind == "B" else len(inner.encode()) if kind == "S" else 1
