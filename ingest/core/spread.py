"""An order of items in which no partition of the table is asked for much at once.

A file sorted by partition key would go to one partition of DynamoDB after another, each of which takes 1,000 units a
second, while all others idle.
"""

import pyarrow as pa
import pyarrow.compute as pc

from ingest.core.items import Items

_GOLDEN = 0.6180339887498949  # its multiples, less what is before the point, fill 0 to 1 evenly, however many they are


def spread(items: Items) -> pa.Array | None:
    """Return the rows in an order that has the rows of each partition key evenly apart; None to keep the one there is.

    The i-th of n rows of a key stands at (i + p) / n of the way, p being between 0 and 1 and another for each key: so
    any run of rows has its share of each key, be they few or many, and keys of one row each do not gather.
    """
    if len(items.keys) < 2:
        return None  # keys are distinct, so partition keys are
    encoded = items.attribute(items.keys[0].name).values.dictionary_encode()
    count = len(encoded.dictionary)
    if count in (1, len(items)):
        return None
    by_key = pc.array_sort_indices(encoded.indices)
    key = encoded.indices.take(by_key)
    sizes = pc.value_counts(key).field("counts")  # in the order of the keys, as `key` ascends
    starts = pc.subtract(pc.cumulative_sum(sizes), sizes)
    phase = pa.array([number * _GOLDEN % 1 for number in range(count)])
    first = pc.subtract(starts, phase)
    share = pc.divide(pc.subtract(_counted(len(items)), first.take(key)), pc.cast(sizes, pa.float64()).take(key))
    place = pc.cast(
        pc.multiply(share, float(len(items))), pa.int32(), safe=False
    )  # whole numbers are sorted by counting
    return by_key.take(pc.array_sort_indices(place)).cast(pa.int64())


def _counted(count: int) -> pa.Array:
    return pc.cumulative_sum(pa.repeat(pa.scalar(1.0), count), start=-1.0)
