"""What a run comes to, wherever it is: observations at a moment, and results at the end."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ingest.contract import Price
from loadtest.checker.found import Found
from loadtest.scenarios.log import FunctionLog

MB = 1_000_000
MEMORY_MB = 1769  # of the function
PRICES = {  # list prices of us-east-1, on demand
    "write_units": Price.WRITE_UNIT,  # of tables and ledger
    "worker_seconds": MEMORY_MB / 1024 * Price.LAMBDA_GB_SECOND,
    "invocations": Price.LAMBDA_REQUEST,
    "queue_requests": Price.SQS_REQUEST,
    "objects_put": Price.S3_PUT,
    "object_reads": Price.S3_GET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a target says of itself at a moment. None: it does not know."""

    backlog: int  # messages that wait
    in_flight: int  # messages with a worker
    rows: int | None = None  # in the tables so far
    rows_reported: int | None = None  # in the functions' metrics so far, which come late: no curve is made of it
    throttles: int | None = None  # requests so far that found no capacity for all they asked
    workers: int | None = None
    cpu_seconds: float | None = None  # of all workers so far
    memory_bytes: int | None = None  # of the worker that has most


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
            before, passed = values[max(0, number - 1)], self.times[number] - self.times[max(0, number - 1)]
            grown.append(None if value is None or before is None else round((value - before) / max(passed, 1e-9), 2))
        return grown


def distribution(values: Sequence[float]) -> dict[str, float | None]:
    """Return percentiles of how long things took: each is a value that was measured (nearest rank).

    >>> distribution([4, 1, 3, 2])
    {'p50': 2.0, 'p90': 4.0, 'p99': 4.0, 'max': 4.0}
    """
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    if not len(values):
        return dict.fromkeys(shares)
    found = np.quantile(values, list(shares.values()), method="inverted_cdf")
    return {name: round(float(value), 3) for name, value in zip(shares, found, strict=True)}


def usd(**used: float) -> float:
    """Return what was used, by the names in PRICES, costs; without storage, transfer and the free tier.

    On this machine a worker's CPU seconds stand for the time its function would have run: functions here share cores,
    and their waiting is not what they would wait for on AWS.
    """
    return sum(PRICES[name] * quantity for name, quantity in used.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a run came to."""

    found: Found
    log: FunctionLog
    requests: int  # to the tables
    throttled: int  # how many of these found no capacity for all they asked
    write_units: float  # of tables and ledger
    usd: float  # what it cost, or would have cost on AWS
    peak_memory_bytes: int | None  # of the worker that needed most
