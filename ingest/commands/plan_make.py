"""From what was read of some files to a plan for all of them: how much, how long, how dear."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ingest.commands.plan_read import Reader, Reading
from ingest.commands.source import Source
from ingest.core.bill import Charge, Load, charges
from ingest.core.estimate import Estimate, Observed, exactly, extrapolate
from ingest.core.meter import ItemSizes, Part, summary
from ingest.core.schedule import NEW_TABLE, QUOTA, Capacity, Demand, Duration, Fleet, duration, work_seconds
from ingest.feeds import Feed
from ingest.pipeline import CELL_BYTES


@dataclass(frozen=True, slots=True)
class Scenario:
    """How long it takes at a capacity."""

    what: str
    capacity: Capacity
    duration: Duration


@dataclass(frozen=True, slots=True)
class Plan:
    """What loading some files means. What was not read is estimated; `scale` is by how much more than what was read."""

    feed_name: str
    feed: Feed
    readings: tuple[Reading, ...]
    unread: tuple[Source, ...]
    reader: Reader
    rows: Estimate
    written: Estimate
    rejected: Estimate
    superseded: Estimate
    units: Estimate
    text_bytes: float
    scale: float
    segments: int
    workers: int
    fleet: Fleet
    scenarios: tuple[Scenario, ...]
    charges: tuple[Charge, ...]

    @property
    def files(self) -> int:
        """How many files there are."""
        return len(self.readings) + len(self.unread)

    @property
    def size_bytes(self) -> int:
        """How large they are as they lie there."""
        return sum(reading.source.size_bytes for reading in self.readings) + sum(s.size_bytes for s in self.unread)

    @property
    def is_exact(self) -> bool:
        """Whether all was read."""
        return not self.unread and all(reading.is_whole for reading in self.readings)

    @property
    def sizes(self) -> ItemSizes | None:
        """The sizes of the items that were seen."""
        return summary(self.reader.meter.sizes)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The table and its indexes, as far as was read."""
        return self.reader.meter.parts


def capacities(given: int | None, *, is_new: bool) -> list[tuple[str, Capacity]]:
    """Return the capacities a plan is made for, each with what it is called."""
    if given is not None:
        return [("as given, a new table", Capacity(given, is_new=True)) if is_new else ("as given", Capacity(given))]
    new = ("a new table on demand", Capacity(QUOTA, is_new=True))
    at_first = ("as a new one takes at first", Capacity(NEW_TABLE))
    return [new] if is_new else [new, at_first, ("the default quota", Capacity(QUOTA))]


def make_plan(
    feed_name: str,
    feed: Feed,
    reader: Reader,
    readings: Sequence[Reading],
    unread: Sequence[Source],
    wanted: Sequence[tuple[str, Capacity]],
    fleet: Fleet,
) -> Plan:
    """Return the plan; its bill is for the first of the wanted capacities."""
    whole = [part for reading in readings if reading.is_whole for part in reading.seen]
    parts = [part for reading in readings if not reading.is_whole for part in reading.seen]
    read_text = sum(reading.text_bytes for reading in readings)
    unread_text = _unread_text(readings, unread)
    left = sum(reading.text_bytes for reading in readings if not reading.is_whole) + unread_text

    def estimate(number: Callable[[Observed], int]) -> Estimate:
        known = sum(map(number, whole))
        if not left:
            return exactly(known)
        return extrapolate([(part.bytes, number(part)) for part in parts or whole], left).plus(known)

    rows, units = estimate(lambda part: part.rows), estimate(lambda part: part.units)
    read_bytes = sum(reading.read_bytes for reading in readings)
    scale = (read_text + unread_text) / read_bytes if read_bytes else 1.0
    segments, workers = _work(readings, unread, fleet)
    demands = [demand(part, scale) for part in reader.meter.parts]
    work_s = work_seconds(rows.value, read_text + unread_text)
    scenarios = tuple(
        Scenario(what, capacity, duration(demands, capacity, work_s=work_s, workers=workers))
        for what, capacity in wanted
    )
    table = reader.meter.parts[0].units * scale
    load = Load(
        files=len(readings) + len(unread),
        size_bytes=sum(r.source.size_bytes for r in readings) + sum(s.size_bytes for s in unread),
        segments=segments,
        workers=workers,
        seconds=scenarios[0].duration.seconds,
        table_units=table,
        index_units=sum(part.units for part in reader.meter.parts[1:]) * scale,
        reject_parts=_reject_parts(readings, scale, read_text + unread_text),
        splits=segments > len(readings) + len(unread),
    )
    return Plan(
        feed_name=feed_name,
        feed=feed,
        readings=tuple(readings),
        unread=tuple(unread),
        reader=reader,
        rows=rows,
        written=estimate(lambda part: part.written),
        rejected=estimate(lambda part: part.rejected),
        superseded=estimate(lambda part: part.superseded),
        units=units,
        text_bytes=read_text + unread_text,
        scale=scale,
        segments=segments,
        workers=workers,
        fleet=fleet,
        scenarios=scenarios,
        charges=tuple(charges(load, fleet)),
    )


def _unread_text(readings: Sequence[Reading], unread: Sequence[Source]) -> float:
    size = sum(reading.source.size_bytes for reading in readings)
    text = sum(reading.text_bytes for reading in readings)
    return sum(source.size_bytes for source in unread) * (text / size if size else 1.0)


def _work(readings: Sequence[Reading], unread: Sequence[Source], fleet: Fleet) -> tuple[int, int]:
    """Return how many parts there are to load, and how many functions at once load them."""
    is_splittable = all(reading.is_splittable for reading in readings)
    segments = sum(fleet.segments(r.source.size_bytes, is_splittable=r.is_splittable) for r in readings)
    segments += sum(fleet.segments(source.size_bytes, is_splittable=is_splittable) for source in unread)
    return segments, max(1, min(segments, fleet.functions))


def _demand(part: Part, scale: float) -> Demand:
    hottest = part.skew.hottest()
    share = hottest[1] if hottest else 0.0
    return Demand(part.units * scale, part.units * scale * share, part.skew.hottest_units * scale)


def _reject_parts(readings: Sequence[Reading], scale: float, text_bytes: float) -> int:
    cells = sum(reading.reject_cells for reading in readings) * scale
    return round(min(cells, text_bytes / CELL_BYTES + len(readings)))
