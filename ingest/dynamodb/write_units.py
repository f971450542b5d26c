"""What writing costs."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.items import Items
from ingest.items.validate import item_sizes

WRITE_UNIT_BYTES = 1024


def write_units(items: Items) -> int:
    """Return the write units DynamoDB takes for putting all items: one for each started KiB of each of them."""
    return int(pc.sum(units_of(item_sizes(items.attributes))).as_py()) if len(items) else 0


def units_of_each(items: Items, requests: pa.Array, order: pa.Array | None = None) -> Sequence[int] | None:
    """Return the write units of each item, or None if each is one; `order`, if given, is the one wanted.

    `requests` is each item as JSON, which is longer: items that are small, as most are, cost one look at its lengths.
    """
    if not len(items) or pc.max(pc.binary_length(requests)).as_py() <= WRITE_UNIT_BYTES:
        return None
    units = units_of(item_sizes(items.attributes))
    return memoryview((units if order is None else units.take(order)).buffers()[1]).cast("q")


def units_of(sizes: pa.Array) -> pa.Array:
    """Return the write units of items by their bytes.

    >>> units_of(pa.array([100, 1024, 1025], pa.int64())).to_pylist()
    [1, 1, 2]
    """
    return pc.divide(pc.add(sizes, pa.scalar(WRITE_UNIT_BYTES - 1)), pa.scalar(WRITE_UNIT_BYTES))
