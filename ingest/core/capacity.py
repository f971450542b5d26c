"""What writing costs."""

import pyarrow as pa
import pyarrow.compute as pc

from ingest.core.items import Items
from ingest.core.limits import item_sizes

WRITE_UNIT_BYTES = 1024


def write_units(items: Items) -> int:
    """Return the write units DynamoDB takes for putting all items: one for each started KiB of each of them."""
    if not len(items):
        return 0
    sizes = item_sizes(items.attributes)
    units = pc.divide(pc.add(sizes, pa.scalar(WRITE_UNIT_BYTES - 1)), pa.scalar(WRITE_UNIT_BYTES))
    return int(pc.sum(units).as_py())
