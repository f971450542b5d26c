"""What putting items costs: their sizes, and the write units of the table and of each of its indexes."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ingest.core.capacity import units_of
from ingest.core.faults import Refusal
from ingest.core.items import Items
from ingest.core.limits import item_sizes
from ingest.core.skew import Skew
from ingest.feeds import Feed


@dataclass(slots=True)
class Part:
    """The table, or an index by its name, and what it is asked for. An item is in an index if it has its keys."""

    index: str | None
    keys: tuple[str, ...]
    units: int = 0
    skew: Skew = field(default_factory=Skew)

    def add(self, items: Items, units: pa.Array) -> None:
        """Take a block's items."""
        columns = {a.name: a.values for a in items.attributes}
        if any(key not in columns for key in self.keys):
            return  # a file may lack the column
        partition = columns[self.keys[0]]
        if self.index is not None:
            present = pc.is_valid(partition)
            for key in self.keys[1:]:
                present = pc.and_(present, pc.is_valid(columns[key]))
            partition, units = partition.filter(present), units.filter(present)
        self.units += pc.sum(units).as_py() or 0
        self.skew.add(partition, units)


class Meter:
    """An `ItemWriter` that writes nothing and measures what it is given.

    An item counts as new: one that replaces another costs an index twice where its key there changes, and nothing
    where nothing of it changes. The stack's indexes hold whole items.
    """

    def __init__(self, feed: Feed) -> None:
        self.items = 0
        self.sizes: Counter[int] = Counter()
        table = Part(None, tuple(key.name for key in feed.key_attributes()))
        indexes = [Part(name, _names(i.partition_key, i.sort_key)) for name, i in feed.indexes.items()]
        self.parts = (table, *indexes)

    @property
    def units(self) -> int:
        """The write units of all parts together."""
        return sum(part.units for part in self.parts)

    def write(self, items: Items) -> list[Refusal]:
        """Measure the items."""
        if len(items):
            sizes = item_sizes(items.attributes)
            found = pc.value_counts(sizes)
            counts = zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True)
            self.sizes.update(dict(counts))
            self.items += len(items)
            units = units_of(sizes)
            for part in self.parts:
                part.add(items, units)
        return []


@dataclass(frozen=True, slots=True)
class ItemSizes:
    """Bytes of items as DynamoDB counts them."""

    least: int
    average: float
    median: int
    p99: int
    most: int
    over_1_kib: float  # share of the items


def summary(sizes: Counter[int]) -> ItemSizes | None:
    """Return what sizes there are, exactly; None if there is no item.

    >>> summary(Counter({100: 98, 2000: 2}))
    ItemSizes(least=100, average=138.0, median=100, p99=2000, most=2000, over_1_kib=0.02)
    """
    total = sizes.total()
    if not total:
        return None
    average = sum(size * count for size, count in sizes.items()) / total
    over = sum(count for size, count in sizes.items() if size > 1024) / total
    return ItemSizes(min(sizes), average, _quantile(sizes, 0.5), _quantile(sizes, 0.99), max(sizes), over)


def _quantile(sizes: Counter[int], share: float) -> int:
    """Return the least size that so many of the items do not exceed."""
    left = share * sizes.total()
    for size in sorted(sizes):
        left -= sizes[size]
        if left <= 0:
            return size
    return max(sizes)


def _names(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)
