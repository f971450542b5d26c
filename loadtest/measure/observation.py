"""How things stand at a moment, and how they stood once a second. Pure."""

from dataclasses import dataclass, field
from typing import Any

MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a target says of itself at a moment. None: it does not know.

    Attributes:
        backlog: messages that wait.
        in_flight: messages with a worker.
        rows: rows in the tables so far, as far as that is known without looking at each.
        rows_reported: rows in the functions' metrics so far, which come late: no curve is made of it.
        throttles: requests so far that found no capacity for all they asked.
        workers: processes at work.
        cpu_seconds: what all of them took so far.
        memory_bytes, peak_memory_bytes: of the worker that has most.
    """

    backlog: int
    in_flight: int
    rows: int | None = None
    rows_reported: int | None = None
    throttles: int | None = None
    workers: int | None = None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    peak_memory_bytes: int | None = None


@dataclass(slots=True)
class Samples:
    """Observations at whole seconds, with the age of the oldest file that has not ended."""

    times: list[float] = field(default_factory=list)
    seen: list[Observation] = field(default_factory=list)
    oldest_s: list[float] = field(default_factory=list)

    def take(self, at_s: float, seen: Observation, oldest_s: float) -> None:
        """Add one sample, `at_s` seconds after the beginning."""
        self.times.append(at_s)
        self.seen.append(seen)
        self.oldest_s.append(oldest_s)

    def values(self, name: str) -> list[Any]:
        """Return one of the figures in each second."""
        return [getattr(seen, name) for seen in self.seen]

    def rates(self, name: str) -> list[float | None]:
        """Return by how much a growing figure grew in each second; the first is 0."""
        values, grown = self.values(name), list[float | None]()
        for number, value in enumerate(values):
            before, passed = (values[number - 1], self._passed(number)) if number else (value, 1.0)
            grown.append(None if value is None or before is None else round((value - before) / passed, 2))
        return grown

    def _passed(self, number: int) -> float:
        return max(self.times[number] - self.times[number - 1], 1e-9)
