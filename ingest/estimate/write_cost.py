"""What putting items costs: their sizes, and the write units of the table and of each of its indexes."""

from collections import Counter
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from ingest.dynamodb.item_writer import Heartbeat
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.dynamodb.write_units import units_of
from ingest.feeds.feed import Feed
from ingest.items.items import Items, Refusal
from ingest.items.validate import item_sizes

LEAST_SHARE = 1000  # a key with fewer than one in so many of a block's writes is no hot one
MOST_KEYS = 100_000  # are remembered; then the rarer nine in ten are forgotten


@dataclass(slots=True)
class HotKeyTracker:
    """Adds up the writes of one partition key after another.

    `writes` counts all. `hottest_units` is what the hottest key of each block gets, added up over the blocks: rows of
    one key that stand together ask one partition for much at a time, even if they are few at large.
    """

    writes: int = 0
    hottest_units: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, keys: pa.Array, units: pa.Array) -> None:
        """Take the partition keys of a block's writes, and the units of each."""
        if not len(keys):
            return
        self.writes += len(keys)
        encoded = keys.dictionary_encode()
        found = pc.value_counts(encoded.indices)
        counts, names = found.field("counts"), encoded.dictionary
        hottest = found.field("values")[pc.index(counts, pc.max(counts)).as_py()]
        self.hottest_units += pc.sum(pc.filter(units, pc.equal(encoded.indices, hottest))).as_py()
        self._note(found.filter(pc.greater_equal(counts, max(2, len(keys) // LEAST_SHARE))), names)

    def hottest(self) -> tuple[str, float] | None:
        """Return the key with the most writes and its share of them all; None if no key has several."""
        if not self._counts:
            return None
        key, count = self._counts.most_common(1)[0]
        return key, count / self.writes

    def _note(self, frequent: pa.Array, names: pa.Array) -> None:
        keys = names.take(frequent.field("values")).to_pylist()
        counts = frequent.field("counts").to_pylist()
        self._counts.update({_text(key): count for key, count in zip(keys, counts, strict=True)})
        if len(self._counts) > MOST_KEYS:
            self._counts = Counter(dict(self._counts.most_common(MOST_KEYS // 10)))


def _text(key: str | bytes) -> str:
    return key.hex() if isinstance(key, bytes) else key


@dataclass(slots=True)
class Part:
    """The table, or an index by its name, and what it is asked for. An item is in an index if it has its keys."""

    index: str | None
    keys: tuple[str, ...]
    units: int = 0
    skew: HotKeyTracker = field(default_factory=HotKeyTracker)

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


class WriteCostEstimator:
    """An `ItemWriter` that writes nothing and measures what it is given.

    An item counts as new: one that replaces another costs an index twice where its key there changes, and nothing
    where nothing of it changes. The stack's indexes hold whole items.
    """

    stats = NOTHING_WRITTEN

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

    def write(self, items: Items, heartbeat: Heartbeat) -> list[Refusal]:
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
