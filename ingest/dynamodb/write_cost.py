"""The write units that DynamoDB takes for items: one for each started KiB of each of them."""

from collections.abc import Sequence
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import AnyArray, byte_lengths, rows_where
from ingest.items.items import Items
from ingest.items.sizes import item_sizes, size_bounds

WRITE_UNIT_BYTES = 1024  # of an item, for each write unit


def write_units(items: Items) -> int:
    """Return the write units DynamoDB takes for putting all items."""
    return int(pc.sum(item_units(items)).as_py()) if len(items) else 0


def units_of_each(items: Items, requests: AnyArray, order: AnyArray | None = None) -> Sequence[int] | None:
    """Return the write units of each item, or None if each is one; `order`, if given, is the one wanted.

    `requests` is each item as JSON, which is longer: items that are small, as most are, cost one look at its lengths.
    """
    if not len(items) or pc.max(byte_lengths(requests)).as_py() <= WRITE_UNIT_BYTES:
        return None
    units = item_units(items)
    ordered = units if order is None else units.take(order)
    return memoryview(cast(pa.Buffer, ordered.buffers()[1])).cast("q")


def item_units(items: Items) -> AnyArray:
    """Return the write units of each item. Digits are counted only of items near the next KiB."""
    least, most = map(units_of, size_bounds(items.attributes))
    near = pc.not_equal(least, most)
    rows = rows_where(near)
    if not rows:
        return most
    exact = item_sizes([attribute.take(pa.array(rows, pa.int64())) for attribute in items.attributes])
    units: AnyArray = pc.replace_with_mask(most, near, units_of(exact))
    return units


def units_of(sizes: AnyArray) -> AnyArray:
    """Return the write units of items by their bytes.

    >>> units_of(pa.array([100, 1024, 1025], pa.int64())).to_pylist()
    [1, 1, 2]
    """
    return pc.divide(pc.add(sizes, pa.scalar(WRITE_UNIT_BYTES - 1)), pa.scalar(WRITE_UNIT_BYTES))
