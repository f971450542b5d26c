"""The cost of loading: item sizes, write units of the table and of each of its indexes, and the charges."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Price
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WRITE_UNIT_BYTES, units_of
from ingest.estimate.duration import Fleet, work_seconds
from ingest.feeds.feed import Feed
from ingest.items.columns import AnyArray
from ingest.items.items import Items
from ingest.items.mapping import Described
from ingest.items.validate import item_sizes
from ingest.ledger.row_counts import RowCounts

MIN_SHARE = 1000  # a key with fewer than 1 in 1,000 of a block's writes is not tracked
MAX_KEYS = 100_000  # tracked at most; beyond that, the least frequent nine in ten are dropped

READ_UNIT_BYTES = 4096  # of an item, for each unit of a consistent read; a missing item costs one unit
GET_BYTES = 8 * 1024 * 1024  # of a ranged read, as in `ingest.aws.s3`
LEDGER_UNITS_PER_FILE = 4  # docs/evidence.md
LEDGER_UNITS_PER_SEGMENT = 6
CHECKPOINT_S = 5.0  # as in infra.settings
LOG_BYTES_PER_CHECKPOINT = 2_000
SQS_REQUESTS_PER_MESSAGE = 3  # sent, received, deleted
HEARTBEAT_S = 20.0  # how often a message's visibility timeout is extended


@dataclass(slots=True)
class HotKeyTracker:
    """Counts the writes of each partition key.

    `writes` counts all. `hottest_units` is the sum over the blocks of the write units of each block's hottest key:
    adjacent rows of one key hit one partition at the same time, even if they are few in the whole file.
    """

    writes: int = 0
    hottest_units: int = 0
    _counts: Counter[str] = field(default_factory=Counter)

    def add(self, keys: AnyArray, units: AnyArray) -> None:
        """Count a block's writes by partition key, and the units of its hottest key."""
        if not len(keys):
            return
        self.writes += len(keys)
        encoded = keys.dictionary_encode()
        found = pc.value_counts(encoded.indices)
        counts, names = found.field("counts"), encoded.dictionary
        hottest = found.field("values")[pc.index(counts, pc.max(counts)).as_py()]
        self.hottest_units += pc.sum(pc.filter(units, pc.equal(encoded.indices, hottest))).as_py()
        self._count(found.filter(pc.greater_equal(counts, pa.scalar(max(2, len(keys) // MIN_SHARE)))), names)

    def hottest(self) -> tuple[str, float] | None:
        """Return the key with the most writes and its share of all writes; None if no key has several."""
        if not self._counts:
            return None
        key, count = self._counts.most_common(1)[0]
        return key, count / self.writes

    def _count(self, frequent: pa.StructArray, names: AnyArray) -> None:
        keys: list[Any] = names.take(frequent.field("values")).to_pylist()
        counts: list[Any] = frequent.field("counts").to_pylist()
        self._counts.update({_text(key): count for key, count in zip(keys, counts, strict=True)})
        if len(self._counts) > MAX_KEYS:
            self._counts = Counter(dict(self._counts.most_common(MAX_KEYS // 10)))


def _text(key: str | bytes) -> str:
    return key.hex() if isinstance(key, bytes) else key


@dataclass(slots=True)
class WriteTarget:
    """The table, or an index by its name, with the write units it needs. An index has the items that have its keys."""

    index: str | None
    keys: tuple[str, ...]
    units: int = 0
    hot_keys: HotKeyTracker = field(default_factory=HotKeyTracker)

    def add(self, items: Items, units: AnyArray) -> None:
        """Count a block's items."""
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
        self.hot_keys.add(partition, units)


class WriteCostEstimator:
    """An `ItemWriter` that writes nothing and measures the items it gets.

    Each item counts as new. (An index charges a replaced item twice if its key in the index changes, and nothing if
    nothing of it changes.) The stack's indexes project all attributes.
    """

    stats = NOTHING_WRITTEN

    def __init__(self, feed: Feed, on_items: Callable[[Items], None] = lambda items: None) -> None:
        self._on_items = on_items
        self.items = 0
        self.sizes: Counter[int] = Counter()
        table = WriteTarget(None, tuple(key.name for key in feed.key_attributes()))
        indexes = [WriteTarget(name, _names(i.partition_key, i.sort_key)) for name, i in feed.indexes.items()]
        self.targets = (table, *indexes)

    @property
    def units(self) -> int:
        """The write units of the table and all indexes together."""
        return sum(target.units for target in self.targets)

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Measure the items."""
        if len(items):
            sizes = item_sizes(items.attributes)
            found = pc.value_counts(sizes)
            values: list[Any] = found.field("values").to_pylist()
            counts: list[Any] = found.field("counts").to_pylist()
            self.sizes.update(dict(zip(values, counts, strict=True)))
            self.items += len(items)
            self._on_items(items)
            units = units_of(sizes)
            for target in self.targets:
                target.add(items, units)
        return WriteResult()


def _names(*names: str | None) -> tuple[str, ...]:
    return tuple(name for name in names if name)


@dataclass(frozen=True, slots=True)
class ItemSizes:
    """Item sizes in bytes, as DynamoDB counts them."""

    least: int
    average: float
    median: int
    p99: int
    most: int
    over_1_kib: float  # share of the items


def summary(sizes: Counter[int]) -> ItemSizes | None:
    """Return the exact distribution of item sizes; None if there are none.

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
    """Return the smallest size that this share of the items does not exceed."""
    left = share * sizes.total()
    for size in sorted(sizes):
        left -= sizes[size]
        if left <= 0:
            return size
    return max(sizes)


@dataclass(frozen=True, slots=True)
class TableFacts:
    """What DescribeTable reports about an existing table."""

    replicas: tuple[str, ...] = ()  # regions
    unnamed: tuple[str, ...] = ()  # indexes that the feed does not name
    has_stream: bool = False
    warm_units: int | None = None  # write units a second that it accepts at once

    @staticmethod
    def of(described: Described, feed: Feed) -> "TableFacts":
        """Return the facts in a description of a feed's table."""
        indexes = described.get("GlobalSecondaryIndexes", [])
        return TableFacts(
            tuple(replica["RegionName"] for replica in described.get("Replicas", [])),
            tuple(index["IndexName"] for index in indexes if index["IndexName"] not in feed.indexes),
            bool(described.get("StreamSpecification", {}).get("StreamEnabled")),
            described.get("WarmThroughput", {}).get("WriteUnitsPerSecond"),
        )


@dataclass(frozen=True, slots=True)
class Workload:
    """The amount to load, and the number of functions that load it."""

    files: int
    size_bytes: int
    segments: int
    workers: int
    seconds: float
    table_units: float
    index_units: float
    read_units: float = 0.0  # to read stored items, before those that differ are written
    replicas: int = 0
    item_gb: float = 0.0
    reject_parts: int = 0  # number of file cells (`CELL_BYTES`) that contain rejects
    splits: bool = False  # if so, all bytes are read twice: first to find where segments begin


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of the bill: a quantity and a unit price."""

    what: str
    quantity: float
    price: float

    @property
    def dollars(self) -> float:
        """The amount."""
        return self.quantity * self.price


def charges(load: Workload, fleet: Fleet) -> list[Charge]:
    """Return the one-time charges of a load in on-demand mode, without monthly charges."""
    busy_s = load.workers * load.seconds
    segments = load.segments if load.splits else 0
    ledger = load.files * LEDGER_UNITS_PER_FILE + segments * LEDGER_UNITS_PER_SEGMENT + busy_s / CHECKPOINT_S
    messages = load.files + segments
    invocations = messages + load.workers * int(load.seconds // fleet.run_s)
    reads = ceil(load.size_bytes / GET_BYTES) * (2 if load.splits else 1) + 2 * max(load.segments, load.files)
    return [
        Charge("write units of the table", load.table_units, Price.WRITE_UNIT),
        Charge("write units of indexes", load.index_units, Price.WRITE_UNIT),
        Charge("read units of the table", load.read_units, Price.READ_UNIT),
        Charge("write units of replicas", load.replicas * (load.table_units + load.index_units), Price.WRITE_UNIT),
        Charge("GB sent to replicas", load.replicas * load.item_gb, Price.REPLICATED_GB),
        Charge("write units of the ledger", ledger, Price.WRITE_UNIT),
        Charge("Lambda GB-seconds", busy_s * fleet.memory_mb / 1024, Price.LAMBDA_GB_SECOND),
        Charge("Lambda requests", invocations, Price.LAMBDA_REQUEST),
        Charge("SQS requests", invocations * SQS_REQUESTS_PER_MESSAGE + busy_s / HEARTBEAT_S, Price.SQS_REQUEST),
        Charge("S3 reads", reads, Price.S3_GET),
        Charge("S3 writes of rejects", 2 * load.reject_parts, Price.S3_PUT),
        Charge("CloudWatch Logs GB", busy_s / CHECKPOINT_S * LOG_BYTES_PER_CHECKPOINT / 1e9, Price.LOG_GB),
    ]


def provisioned_dollars(units: float, capacity: int, seconds: float) -> float:
    """Return what these write units cost with this capacity provisioned, billed in whole hours.

    >>> round(provisioned_dollars(36_000_000, 10_000, 3600), 2)
    6.5
    """
    hours = ceil(max(seconds, units / capacity) / 3600)
    return hours * capacity * Price.PROVISIONED_UNIT_HOUR


def ended_dollars(row_counts: RowCounts, feed: Feed | None, *, files: int, seconds: float) -> float:
    """Return the approximate cost of ended files, given their total row counts and total duration.

    The ledger does not store write units: each item counts as large as its row's text, and as new; a failed condition
    costs the same as a write. The fleet has the default settings. `feed` is None for files without a feed.
    """
    size = row_counts.bytes_read / max(1, row_counts.rows_read)
    units = 1.0 if size <= WRITE_UNIT_BYTES else size / WRITE_UNIT_BYTES + 0.5  # the average effect of rounding up
    tried = row_counts.rows_older + row_counts.rows_exists + row_counts.rows_replaced
    read = row_counts.rows_written + row_counts.rows_unchanged if feed and feed.skip_unchanged else 0
    load = Workload(
        files=files,
        size_bytes=row_counts.bytes_read,
        segments=files,
        workers=1,
        seconds=max(seconds, work_seconds(row_counts.rows_read, row_counts.bytes_read)),
        table_units=(row_counts.rows_written + tried) * units,
        index_units=row_counts.rows_written * units * (len(feed.indexes) if feed else 0),
        read_units=read * max(1, ceil(size / READ_UNIT_BYTES)),
    )
    return sum(charge.dollars for charge in charges(load, Fleet()))


def dollars_text(dollars: float) -> str:
    """Return an amount with its significant digits.

    >>> dollars_text(312.5), dollars_text(0.00031), dollars_text(0.0000021)
    ('$312.50', '$0.00031', '< $0.00001')
    """
    if dollars < 1e-5:
        return "< $0.00001" if dollars else "$0"
    return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.2g}" if dollars >= 1e-4 else f"${dollars:.5f}"
