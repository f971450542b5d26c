"""What DynamoDB would refuse, found before it is sent: empty or long keys, large items."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.feeds.feed import KeyAttribute
from ingest.items.columns import AnyArray, Attribute, byte_lengths, fill_null, rows_where
from ingest.items.documents import document_bytes, read_json
from ingest.items.mapping import Mapping
from ingest.reading.rows import Fault, Rows

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (items, keys)
MAX_ITEM_BYTES = 400 * 1024
MAX_KEY_BYTES = (2048, 1024)  # partition key, sort key


def check_index_keys(rows: Rows, mapping: Mapping, attributes: list[Attribute], faults: dict[int, Fault]) -> None:
    """Note the rows that an index would not take. One without an index key is left out of the index."""
    made = {attribute.name: attribute.values for attribute in attributes}
    for key, at in mapping.index_keys:
        values = made.get(key.name)
        if values is not None and key.type != "N":
            _check_key_lengths(rows, key, values, MAX_KEY_BYTES[at], faults)


def check_key(rows: Rows, key: KeyAttribute, values: AnyArray, limit: int, faults: dict[int, Fault]) -> None:
    """Note the rows whose key is missing, empty or too long."""
    for row in rows_where(pc.is_null(values)):
        faults.setdefault(row, _empty_key(rows.record_of(row), key))
    if key.type != "N":
        _check_key_lengths(rows, key, values, limit, faults)


def _check_key_lengths(rows: Rows, key: KeyAttribute, values: AnyArray, limit: int, faults: dict[int, Fault]) -> None:
    lengths: pa.Int32Array = fill_null(byte_lengths(values), 1)
    for row in rows_where(pc.equal(lengths, pa.scalar(0))):
        faults.setdefault(row, _empty_key(rows.record_of(row), key))
    for row in rows_where(pc.greater(lengths, pa.scalar(limit))):
        message = f"key {key.name} is {lengths[row].as_py()} bytes long; DynamoDB allows at most {limit}"
        value = values[row].as_py() if key.type == "S" else None
        faults.setdefault(row, Fault(rows.record_of(row), Reason.KEY_TOO_LONG, message, key.source, value))


def _empty_key(record: int, key: KeyAttribute) -> Fault:
    message = f"key {key.name} is empty; DynamoDB does not allow empty keys"
    return Fault(record, Reason.EMPTY_KEY, message, key.source, "")


def check_sizes(rows: Rows, attributes: list[Attribute], faults: dict[int, Fault]) -> None:
    """Note the rows whose item is too large: DynamoDB counts UTF-8 names and values.

    An upper bound over the block saves looking at each row.
    """
    if sum(_longest(attribute) for attribute in attributes) <= MAX_ITEM_BYTES:
        return
    total = item_sizes(attributes)
    for row in rows_where(pc.greater(total, pa.scalar(MAX_ITEM_BYTES))):
        message = f"item is {total[row].as_py()} bytes long; DynamoDB allows at most {MAX_ITEM_BYTES}"
        faults.setdefault(row, Fault(rows.record_of(row), Reason.ITEM_TOO_LARGE, message))


def item_sizes(attributes: Sequence[Attribute]) -> AnyArray:
    """Return the bytes DynamoDB counts for each item (int64): UTF-8 names and values."""
    plain = [attribute for attribute in attributes if _is_plain(attribute)]
    others = [_byte_lengths(attribute) for attribute in attributes if not _is_plain(attribute)]
    return reduce(pc.add, [*others, _plain_lengths(plain)] if plain else others)


def _is_plain(attribute: Attribute) -> bool:
    """Return whether every item has the attribute, as text or bytes that are counted as they are."""
    values = attribute.values
    return attribute.type in ("S", "N", "B") and attribute.sizes is None and len(values) > 0 and not values.null_count


def _plain_lengths(attributes: Sequence[Attribute]) -> AnyArray:
    """Return what plain attributes add to each item: one kernel a column, as where texts end is known already."""
    ends = reduce(pc.add, (_ends(attribute.values) for attribute in attributes))  # where it wraps, the difference does
    lengths = pc.cast(pc.subtract(ends[1:], ends[:-1]), pa.int64())
    return pc.add(lengths, sum(len(attribute.name.encode()) for attribute in attributes))


def _ends(values: AnyArray) -> AnyArray:
    """Return where the first text begins and each text ends (int32), without copying."""
    return pa.Array.from_buffers(pa.int32(), len(values) + 1, [None, values.buffers()[1]], offset=values.offset)


def _longest(attribute: Attribute) -> int:
    """Return an upper bound of what the attribute adds to any item."""
    return len(attribute.name.encode()) + max(1, pc.max(_value_lengths(attribute)).as_py() or 0)


def _byte_lengths(attribute: Attribute) -> pa.Int64Array:
    name_bytes = len(attribute.name.encode())
    present = pc.add(pc.cast(_value_lengths(attribute), pa.int64()), name_bytes)
    lengths: pa.Int64Array = fill_null(present, name_bytes + 1 if attribute.write_null else 0)
    return lengths


def _value_lengths(attribute: Attribute) -> AnyArray:
    if attribute.sizes is not None:
        return attribute.sizes
    if attribute.type == "BOOL":
        return _where_valid(attribute.values, 1)
    if attribute.type in ("SS", "NS"):
        return _set_lengths(cast("pa.ListArray[Any]", attribute.values))
    if attribute.type in ("L", "M"):
        wanted: Any = list if attribute.type == "L" else dict
        values = [text and read_json(text, wanted) for text in attribute.values.to_pylist()]
        return pa.array([None if value is None else document_bytes(value) for value in values], pa.int64())
    return byte_lengths(attribute.values)


def _set_lengths(sets: "pa.ListArray[Any]") -> AnyArray:
    """Return the bytes of each set's members together."""
    lengths = pc.cast(byte_lengths(sets.values), pa.int64())
    before = pa.concat_arrays([pa.array([0], pa.int64()), pc.cumulative_sum(lengths)])
    ends = before.take(sets.offsets)
    return _where_valid(sets, pc.subtract(ends[1:], ends[:-1]))


def _where_valid(values: AnyArray, lengths: AnyArray | int) -> AnyArray:
    found: AnyArray = pc.if_else(pc.is_valid(values), lengths, None)
    return found
