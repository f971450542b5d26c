"""What is measured of a run: how things stand once a second, how long things took, what it would cost. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.contract import Price

MB = 1_000_000
MEMORY_MB = 1769  # of the function


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a target says of itself at a moment. None: it does not know.

    Attributes:
        backlog: messages that wait.
        in_flight: messages with a worker.
        rows: rows in the tables so far.
        rows_reported: rows in the functions' metrics so far, which come late: no curve is made of it.
        throttles: requests so far that found no capacity for all they asked.
        workers: processes at work.
        cpu_seconds: what all of them took so far.
        memory_bytes: of the worker that has most.
    """

    backlog: int
    in_flight: int
    rows: int | None = None
    rows_reported: int | None = None
    throttles: int | None = None
    workers: int | None = None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None


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
        self.oldest_s.append(round(oldest_s, 2))

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


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least such a share of all does not pass (nearest rank).

    >>> percentile([4, 1, 3, 2], 0.5), percentile([4, 1, 3, 2], 0.99), percentile([], 0.5)
    (2, 4, None)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def distribution(values: Sequence[float]) -> dict[str, float | None]:
    """Return percentiles of how long things took."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    found = {name: percentile(values, share) for name, share in shares.items()}
    return {name: None if value is None else round(value, 3) for name, value in found.items()}


def usd(
    *,
    write_units: float,
    worker_seconds: float,
    invocations: int,
    queue_requests: int,
    objects_put: int,
    object_reads: int,
) -> float:
    """Return what a run cost at list prices of us-east-1, on demand; without storage, transfer and the free tier.

    On this machine a worker's CPU seconds stand for the time its function would have run: functions here share cores,
    and their waiting is not what they would wait for on AWS.
    """
    return (
        write_units * Price.WRITE_UNIT  # of tables and ledger
        + worker_seconds * MEMORY_MB / 1024 * Price.LAMBDA_GB_SECOND
        + invocations * Price.LAMBDA_REQUEST
        + queue_requests * Price.SQS_REQUEST
        + objects_put * Price.S3_PUT
        + object_reads * Price.S3_GET
    )
