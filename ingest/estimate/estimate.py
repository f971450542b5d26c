"""Extrapolates from the part of the files that was read to all of them: amount, duration and cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import ceil, sqrt

from ingest.aws.local_files import Source
from ingest.estimate.cost import (
    READ_UNIT_BYTES,
    Charge,
    ItemSizes,
    TableFacts,
    Workload,
    WriteTarget,
    charges,
    summary,
)
from ingest.estimate.duration import (
    EXPANDED_BYTES_S,
    Capacity,
    Demand,
    Duration,
    Fleet,
    Scenario,
    budget_seconds,
    duration,
    resumed_seconds,
    work_seconds,
)
from ingest.estimate.sample import Observed, Reading, SampleReader
from ingest.feeds.feed import Feed
from ingest.feeds.tables import TableLimits, units_of
from ingest.rejects.reject import CELL_BYTES

NOTABLE = 1.1  # above this multiple of the duration without it, repeated decompression is the limit

# Student's t, two-sided 95 %, for 1, 2, ... degrees of freedom; for more, about 2.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number with its 95 % confidence interval; the ends are None if they cannot be estimated, as from one window."""

    value: int
    low: int | None
    high: int | None

    def plus(self, exact: int) -> "Estimate":
        """Return the sum with a known number."""
        low, high = (None if end is None else end + exact for end in (self.low, self.high))
        return Estimate(self.value + exact, low, high)

    def times(self, factor: float) -> "Estimate":
        """Return the estimate multiplied by a factor."""
        low, high = (None if end is None else round(end * factor) for end in (self.low, self.high))
        return Estimate(round(self.value * factor), low, high)


def exactly(value: int) -> Estimate:
    """Return a known number as an estimate without error."""
    return Estimate(value, value, value)


def none_seen(read: int, total: float) -> Estimate:
    """Return an estimate for something that did not occur in the rows read (the rule of three).

    If there were three in that number of rows, 5 of 100 samples would have missed them.

    >>> none_seen(1000, 100_000)
    Estimate(value=0, low=0, high=300)
    """
    return Estimate(0, 0, round(3 * total / read) if read else None)


def extrapolate(pairs: Sequence[tuple[int, int]], total_bytes: float) -> Estimate:
    """Return the number in all bytes, given (bytes, number) of some windows: a ratio estimate with its error.

    >>> extrapolate([(100, 10), (100, 10), (100, 10)], 1000)
    Estimate(value=100, low=100, high=100)
    >>> extrapolate([(100, 10), (100, 14)], 1000)
    Estimate(value=120, low=24, high=347)
    """
    read_bytes, read = sum(b for b, _ in pairs), sum(n for _, n in pairs)
    if not read_bytes or total_bytes <= 0:
        return exactly(0) if total_bytes <= 0 else Estimate(0, None, None)
    ratio = read / read_bytes
    value = round(ratio * total_bytes)
    if len(pairs) < 2:
        return Estimate(value, None, None)
    error = _error(pairs, ratio, read_bytes, total_bytes)
    return Estimate(value, max(read, round(value - error)), round(value + error))


def _error(pairs: Sequence[tuple[int, int]], ratio: float, read_bytes: int, total_bytes: float) -> float:
    count = len(pairs)
    variance = sum((n - ratio * b) ** 2 for b, n in pairs) / (count - 1)
    unread = max(0.0, 1 - read_bytes / total_bytes)  # what was read is known exactly
    t = _T95[count - 2] if count - 2 < len(_T95) else 2.0
    return t * total_bytes * (count / read_bytes) * sqrt(unread * variance / count)


@dataclass(frozen=True)
class LoadEstimate:
    """The estimate for loading some files; the parts not read are extrapolated. Charges are for the first capacity."""

    feed_name: str
    feed: Feed
    reader: SampleReader
    readings: tuple[Reading, ...]
    unread: tuple[Source, ...]
    capacities: tuple[tuple[str, Capacity], ...]
    fleet: Fleet
    limits: TableLimits | None = None  # the table's write budget
    begin_s: float = 0.0  # when the load begins (epoch)
    table: TableFacts | None = None  # if it was described
    growth: Mapping[str | None, float] = field(default_factory=dict)  # see `units_of_target`

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self.readings) + len(self.unread)

    @property
    def size_bytes(self) -> int:
        """The size of the files in bytes, as stored."""
        return sum(reading.source.size_bytes for reading in self.readings) + sum(s.size_bytes for s in self.unread)

    @cached_property
    def observed(self) -> tuple[Observed, ...]:
        """All rows that were read, in the order they were read."""
        return tuple(part for reading in self.readings for part in reading.observed)

    @property
    def read_bytes(self) -> int:
        """The bytes of text that were read."""
        return sum(part.bytes for part in self.observed)

    @cached_property
    def text_bytes(self) -> float:
        """The bytes of text in all files, decompressed."""
        text = sum(reading.text_bytes for reading in self.readings)
        size = sum(reading.source.size_bytes for reading in self.readings)
        return text + sum(source.size_bytes for source in self.unread) * (text / size if size else 1.0)

    @property
    def scale(self) -> float:
        """The bytes of all text, as a multiple of those read."""
        return self.text_bytes / self.read_bytes if self.read_bytes else 1.0

    @property
    def is_exact(self) -> bool:
        """Whether all was read."""
        return not self.unread and all(reading.is_whole for reading in self.readings)

    def estimate(self, number: Callable[[Observed], int]) -> Estimate:
        """Return a number for all files: exact for those that were wholly read, estimated for the rest."""
        whole = [part for reading in self.readings if reading.is_whole for part in reading.observed]
        sampled = [part for reading in self.readings if not reading.is_whole for part in reading.observed]
        known = sum(map(number, whole))
        if self.is_exact:
            return exactly(known)
        left = self.text_bytes - sum(part.bytes for part in whole)
        return _in_the_rest(sampled or whole, number, left).plus(known)

    @cached_property
    def rows(self) -> Estimate:
        """The rows."""
        return self.estimate(lambda part: part.rows)

    @cached_property
    def units(self) -> Estimate:
        """The write units of the table and its indexes."""
        sent = sum(target.units for target in self.targets)
        growth = sum(map(self.units_of_target, self.targets)) / (sent * self.scale) if sent else 1.0
        return self.estimate(lambda part: part.units).times(growth)

    def units_of_target(self, target: WriteTarget) -> float:
        """Return the write units that the table or an index needs.

        These are the units of the items sent, times the `growth` found in a sample of the table: DynamoDB charges for
        the larger of an item and the one it replaces.
        """
        return target.units * self.scale * self.growth.get(target.index, 1.0)

    @property
    def sizes(self) -> ItemSizes | None:
        """The sizes of the items that were read."""
        return summary(self.reader.write_cost.sizes)

    @property
    def targets(self) -> tuple[WriteTarget, ...]:
        """The table and its indexes, with the write units of what was read."""
        return self.reader.write_cost.targets

    @cached_property
    def segments(self) -> int:
        """The number of segments of all files."""
        known = [(reading.source.size_bytes, reading.is_splittable) for reading in self.readings]
        like_those = all(reading.is_splittable for reading in self.readings)
        sizes = known + [(source.size_bytes, like_those) for source in self.unread]
        return sum(self.fleet.segments(size, is_splittable=splittable) for size, splittable in sizes)

    @property
    def workers(self) -> int:
        """The number of functions that load at the same time."""
        return max(1, min(self.segments, self.fleet.functions))

    @property
    def work_s(self) -> float:
        """The seconds that one core would need for all files."""
        return work_seconds(self.rows.value, self.text_bytes)

    def demand(self, target: WriteTarget) -> Demand:
        """Return the write units that the table or an index needs."""
        hottest = target.hot_keys.hottest()
        units = self.units_of_target(target)
        together = target.hot_keys.hottest_units * self.scale * self.growth.get(target.index, 1.0)
        return Demand(units, units * hottest[1] if hottest else 0.0, together)

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """How long loading takes at each capacity, including repeated decompression by each function.

        If the table has a write budget, the duration within it comes first.
        """
        found = tuple(Scenario(what, capacity, self._duration(capacity)) for what, capacity in self.capacities)
        demands = [self.demand(target) for target in self.targets]
        return (self._within_budget(self.limits, demands, found[-1]), *found) if self.limits else found

    def _within_budget(self, limits: TableLimits, demands: list[Demand], without: Scenario) -> Scenario:
        """Return how long it takes within the write budget, which also pays for indexes, given the scenario
        without one."""
        most = without.capacity.most
        seconds = budget_seconds(limits, most, sum(demand.units for demand in demands), self.begin_s)
        per_s = round(max(units_of(units, most) for units in (limits.write_units, *limits.hours.values())))
        takes = without.duration if without.duration.seconds > seconds else Duration(seconds, "budget")
        what = "the write budget, by hours" if limits.hours else "the write budget"
        return Scenario(what, Capacity(per_s), takes)

    def _duration(self, capacity: Capacity) -> Duration:
        found = self.at_once(capacity)
        resumed = [seconds for one in self.readings if (seconds := self.resumed_s(one, capacity)) is not None]
        seconds = max(found.seconds, *resumed, 0.0)
        return Duration(seconds, "expanding" if seconds > NOTABLE * found.seconds else found.limit)

    def at_once(self, capacity: Capacity) -> Duration:
        """Return how long loading takes without repeated decompression."""
        demands = [self.demand(target) for target in self.targets]
        return duration(demands, capacity, work_s=self.work_s, workers=self.workers)

    def at_once_s(self, reading: Reading, capacity: Capacity) -> float:
        """Return how long one of the files takes without repeated decompression."""
        share = reading.text_bytes / max(1.0, self.text_bytes)
        own_s = work_seconds(self.rows.value * share, reading.text_bytes)
        return max(self.at_once(capacity).seconds * share, own_s)

    def resumed_s(self, reading: Reading, capacity: Capacity) -> float | None:
        """Return how long one file takes; None if repeated decompression keeps all functions from reaching its end."""
        seconds, speed = self.at_once_s(reading, capacity), EXPANDED_BYTES_S.get(reading.codec)
        return resumed_seconds(seconds, reading.text_bytes, speed, self.fleet.run_s) if speed else seconds

    @cached_property
    def charges(self) -> list[Charge]:
        """The cost, line by line."""
        table, *indexes = map(self.units_of_target, self.targets)
        load = Workload(
            files=self.files,
            size_bytes=self.size_bytes,
            segments=self.segments,
            workers=self.workers,
            seconds=self.scenarios[0].duration.seconds,
            table_units=table,
            index_units=sum(indexes),
            read_units=self.read_units if self.feed.skip_unchanged else 0.0,
            replicas=len(self.table.replicas) if self.table else 0,
            item_gb=self.item_gb,
            reject_parts=self._reject_parts(),
            splits=self.segments > self.files,
        )
        return charges(load, self.fleet)

    @property
    def read_units(self) -> float:
        """The read units for reading the stored items before writing, if they are as large as those sent."""
        sizes = self.reader.write_cost.sizes.items()
        return sum(ceil(size / READ_UNIT_BYTES) * count for size, count in sizes) * self.scale

    @property
    def item_gb(self) -> float:
        """The size of the items sent in GB, as DynamoDB counts it."""
        return sum(size * count for size, count in self.reader.write_cost.sizes.items()) * self.scale / 1e9

    @property
    def dollars(self) -> float:
        """The total cost in on-demand mode."""
        return sum(charge.dollars for charge in self.charges)

    def _reject_parts(self) -> int:
        """Return how many parts of rejects are written: one for each cell of a file with rejects."""
        with_rejects = sum(part.rejected > 0 for part in self.observed) * self.scale
        return round(min(with_rejects, self.text_bytes / CELL_BYTES + self.files))


def _in_the_rest(read: Sequence[Observed], number: Callable[[Observed], int], left: float) -> Estimate:
    """Return an estimate for the bytes not read, from those that were."""
    if any(map(number, read)):
        return extrapolate([(part.bytes, number(part)) for part in read], left)
    rows = sum(part.rows for part in read)
    return none_seen(rows, rows * left / max(1, sum(part.bytes for part in read)))
