"""From what was read of some files to a plan for all of them: how much, how long, how dear."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from ingest.aws.local_files import Source
from ingest.estimate.cost import Charge, Load, charges
from ingest.estimate.duration import Capacity, Demand, Fleet, Scenario, duration, work_seconds
from ingest.estimate.extrapolate import Estimate, Observed, exactly, extrapolate, none_seen
from ingest.estimate.sample import Reading, SampleReader
from ingest.estimate.write_cost import ItemSizes, Part, summary
from ingest.feeds.feed import Feed
from ingest.rejects.parts import CELL_BYTES


@dataclass(frozen=True)
class Plan:
    """What loading some files means. What was not read of them is estimated. The bill is for the first capacity."""

    feed_name: str
    feed: Feed
    reader: SampleReader
    readings: tuple[Reading, ...]
    unread: tuple[Source, ...]
    capacities: tuple[tuple[str, Capacity], ...]
    fleet: Fleet

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self.readings) + len(self.unread)

    @property
    def size_bytes(self) -> int:
        """How large they are as they lie there."""
        return sum(reading.source.size_bytes for reading in self.readings) + sum(s.size_bytes for s in self.unread)

    @cached_property
    def seen(self) -> tuple[Observed, ...]:
        """All records that were read."""
        return tuple(part for reading in self.readings for part in reading.seen)

    @property
    def read_bytes(self) -> int:
        """How much text was read."""
        return sum(part.bytes for part in self.seen)

    @cached_property
    def text_bytes(self) -> float:
        """How much text there is, expanded."""
        text = sum(reading.text_bytes for reading in self.readings)
        size = sum(reading.source.size_bytes for reading in self.readings)
        return text + sum(source.size_bytes for source in self.unread) * (text / size if size else 1.0)

    @property
    def scale(self) -> float:
        """How many times as much there is as was read."""
        return self.text_bytes / self.read_bytes if self.read_bytes else 1.0

    @property
    def is_exact(self) -> bool:
        """Whether all was read."""
        return not self.unread and all(reading.is_whole for reading in self.readings)

    def estimate(self, number: Callable[[Observed], int]) -> Estimate:
        """Return how many there are in all files: known of those that were read, estimated for the rest."""
        whole = [part for reading in self.readings if reading.is_whole for part in reading.seen]
        parts = [part for reading in self.readings if not reading.is_whole for part in reading.seen]
        known = sum(map(number, whole))
        if self.is_exact:
            return exactly(known)
        left = self.text_bytes - sum(part.bytes for part in whole)
        read = parts or whole
        if not any(map(number, read)):
            rows = sum(part.rows for part in read)
            return none_seen(rows, rows * left / max(1, sum(part.bytes for part in read))).plus(known)
        return extrapolate([(part.bytes, number(part)) for part in read], left).plus(known)

    @cached_property
    def rows(self) -> Estimate:
        """The rows."""
        return self.estimate(lambda part: part.rows)

    @cached_property
    def units(self) -> Estimate:
        """The write units of the table and its indexes."""
        return self.estimate(lambda part: part.units)

    @property
    def sizes(self) -> ItemSizes | None:
        """The sizes of the items that were seen."""
        return summary(self.reader.meter.sizes)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The table and its indexes, as far as was read."""
        return self.reader.meter.parts

    @cached_property
    def segments(self) -> int:
        """In how many parts they are loaded."""
        known = [(reading.source.size_bytes, reading.is_splittable) for reading in self.readings]
        like_those = all(reading.is_splittable for reading in self.readings)
        sizes = known + [(source.size_bytes, like_those) for source in self.unread]
        return sum(self.fleet.segments(size, is_splittable=splittable) for size, splittable in sizes)

    @property
    def workers(self) -> int:
        """How many functions at once load them."""
        return max(1, min(self.segments, self.fleet.functions))

    @property
    def work_s(self) -> float:
        """What one core would take for all of it."""
        return work_seconds(self.rows.value, self.text_bytes)

    def demand(self, part: Part) -> Demand:
        """Return what the table or an index is asked for."""
        hottest = part.skew.hottest()
        units = part.units * self.scale
        return Demand(units, units * hottest[1] if hottest else 0.0, part.skew.hottest_units * self.scale)

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """How long it takes at each capacity."""
        demands = [self.demand(part) for part in self.parts]
        return tuple(
            Scenario(what, capacity, duration(demands, capacity, work_s=self.work_s, workers=self.workers))
            for what, capacity in self.capacities
        )

    @cached_property
    def charges(self) -> list[Charge]:
        """The bill."""
        table, *indexes = (part.units * self.scale for part in self.parts)
        load = Load(
            files=self.files,
            size_bytes=self.size_bytes,
            segments=self.segments,
            workers=self.workers,
            seconds=self.scenarios[0].duration.seconds,
            table_units=table,
            index_units=sum(indexes),
            reject_parts=self._reject_parts(),
            splits=self.segments > self.files,
        )
        return charges(load, self.fleet)

    def _reject_parts(self) -> int:
        """Rejects are put where a cell of the file ends: once for each that has any."""
        with_rejects = sum(part.rejected > 0 for part in self.seen) * self.scale
        return round(min(with_rejects, self.text_bytes / CELL_BYTES + self.files))
