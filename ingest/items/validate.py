"""What DynamoDB would refuse, found before it is sent: empty or long keys, large items."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.feeds.feed import KeyAttribute
from ingest.items.columns import AnyArray, Attribute, byte_lengths, fill_null, rows_where
from ingest.items.mapping import Mapping
from ingest.items.sizes import item_sizes, largest_size, size_bounds
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
    """Note the rows whose item is too large.

    An upper bound over the block saves looking at each row, and one of each row saves counting digits.
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
