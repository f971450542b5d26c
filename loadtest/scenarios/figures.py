"""What a run on any target produces: observations, results, and the function's log.

The log has the function's lines, metrics, and the invocations from Lambda's REPORT lines.
"""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ingest.contract import METRIC_NAMESPACE, Dimension, Price
from ingest.metrics.emf import Value
from loadtest.checker.found import Found

LATE_MS = 60_000  # an event may arrive this much later than one written after it
_REPORT = re.compile(
    r"REPORT RequestId: .*Billed Duration: ([\d.]+) ms.*Memory Size: (\d+) MB.*Max Memory Used: (\d+) MB"
)
_CRASHED = re.compile(r"Task timed out|Runtime exited|Runtime\.\w*Error|Runtime\.OutOfMemory")


class MetricLine(NamedTuple):
    """One line of metrics: stack and feed, values by name, and the time of emission in epoch seconds."""

    stack: str
    feed: str | None
    values: dict[str, Value]
    at_s: float


def read_emf(line: str) -> MetricLine | None:
    """Return the metrics in a log line; None if it has none.

    >>> from ingest.metrics.emf import emf_line
    >>> read_emf(emf_line("prod", "orders", {"RowsRead": 3}, at_s=1.5))
    MetricLine(stack='prod', feed='orders', values={'RowsRead': 3}, at_s=1.5)
    >>> read_emf("START RequestId: 1")
    """
    if METRIC_NAMESPACE not in line:  # most log lines
        return None
    with suppress(ValueError, TypeError, KeyError):
        about = (document := json.loads(line))["_aws"]
        (directive,) = about["CloudWatchMetrics"]
        if directive["Namespace"] == METRIC_NAMESPACE:
            values = {one["Name"]: document[one["Name"]] for one in directive["Metrics"]}
            feed, at_s = document.get(Dimension.FEED), about["Timestamp"] / 1000
            return MetricLine(document[Dimension.STACK], feed, values, at_s)
    return None


class Invocation(NamedTuple):
    """One invocation: its end, its billed duration, its memory size, and the most memory its environment had used."""

    ended_s: float
    seconds: float
    memory_mb: int
    used_mb: int

    @property
    def begun_s(self) -> float:
        """The start of the invocation, in epoch seconds."""
        return self.ended_s - self.seconds


@dataclass(slots=True)
class FunctionLog:
    """The content of a log: the function's parsed lines, metrics, invocations, and lines about crashes."""

    entries: list[Mapping[str, Any]] = field(default_factory=list)
    metrics: list[MetricLine] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[tuple[float, str]]) -> "FunctionLog":
        """Return the content of lines, each given with its time in epoch seconds."""
        log = cls()
        for at_s, line in lines:
            if _CRASHED.search(line):
                log.crashes.append(line)
            if report := _REPORT.match(line):
                log.invocations.append(Invocation(at_s, float(report[1]) / 1000, int(report[2]), int(report[3])))
            elif metrics := read_emf(line):
                log.metrics.append(metrics)
            elif line.startswith("{"):
                with suppress(ValueError):
                    log.entries.append(json.loads(line))
        return log

    def total(self, metric: str) -> float:
        """Return the sum of a metric."""
        return sum(_sum(line, metric) for line in self.metrics)

    def rates(self, metric: str, *, begun_s: float, times: Sequence[float]) -> list[float]:
        """Return a metric per second between each of these times and the one before; the first is 0.

        `times` are seconds since `begun_s`. Values reported before the first or after the last count at the ends.
        """
        sums = [0.0] * len(times)
        for line in self.metrics if len(times) > 1 else ():
            sums[min(max(1, bisect_left(times, line.at_s - begun_s)), len(times) - 1)] += _sum(line, metric)
        passed = [1.0, *(max(after - before, 1e-9) for before, after in pairwise(times))]
        return [total / seconds for total, seconds in zip(sums, passed, strict=False)]

    def at_work(self, *, begun_s: float, times: Sequence[float]) -> list[int]:
        """Return the number of functions running at each of these times, in seconds since `begun_s`."""
        begun = sorted(one.begun_s - begun_s for one in self.invocations)
        ended = sorted(one.ended_s - begun_s for one in self.invocations)
        return [bisect_right(begun, at_s) - bisect_left(ended, at_s) for at_s in times]


class LogReader:
    """Reads a CloudWatch log group as it grows: each event once, late ones included."""

    def __init__(self, client: Any, group: str) -> None:
        self._client, self._group = client, group
        self._events: dict[Any, tuple[int, str]] = {}
        self._newest_ms = 0

    def read(self) -> FunctionLog:
        """Return the content of the log so far."""
        pages, since_ms = self._client.get_paginator("filter_log_events"), max(0, self._newest_ms - LATE_MS)
        for page in pages.paginate(logGroupName=self._group, startTime=since_ms):
            for event in page["events"]:
                at_ms, message = int(event["timestamp"]), event["message"]
                self._events[event.get("eventId") or (event["logStreamName"], at_ms, message)] = at_ms, message
                self._newest_ms = max(self._newest_ms, at_ms)
        # The emulator puts several lines in one event.
        return FunctionLog.of(
            (at_ms / 1000, line) for at_ms, text in self._events.values() for line in text.splitlines()
        )


def _sum(line: MetricLine, metric: str) -> float:
    value = line.values.get(metric, 0)
    return float(sum(value)) if isinstance(value, Sequence) else value


MB = 1_000_000
MEMORY_MB = 1769  # of the deployed function
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
    """The state that a target reports at a moment. None: the target does not know it."""

    backlog: int  # messages that wait
    in_flight: int  # messages with a worker
    rows: int | None = None  # in the tables so far
    rows_reported: int | None = None  # in the functions' metrics so far; not drawn as a curve, because they arrive late
    throttles: int | None = None  # requests so far of which any item was throttled
    workers: int | None = None
    cpu_seconds: float | None = None  # of all workers so far
    memory_bytes: int | None = None  # of the largest worker


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
        """Return one figure of each sample."""
        return [getattr(seen, name) for seen in self.seen]

    def rates(self, name: str) -> list[float | None]:
        """Return the growth per second of a cumulative figure at each sample; the first is 0."""
        values, grown = self.values(name), list[float | None]()
        for number, value in enumerate(values):
            before, passed = values[max(0, number - 1)], self.times[number] - self.times[max(0, number - 1)]
            grown.append(None if value is None or before is None else round((value - before) / max(passed, 1e-9), 2))
        return grown


def distribution(values: Sequence[float]) -> dict[str, float | None]:
    """Return percentiles of measured durations by nearest rank, so that each is a measured value.

    >>> distribution([4, 1, 3, 2])
    {'p50': 2.0, 'p90': 4.0, 'p99': 4.0, 'max': 4.0}
    """
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    if not len(values):
        return dict.fromkeys(shares)
    found = np.quantile(values, list(shares.values()), method="inverted_cdf")
    return {name: round(float(value), 3) for name, value in zip(shares, found, strict=True)}


def usd(**used: float) -> float:
    """Return the cost of quantities used, by their names in PRICES; without storage, transfer and the free tier.

    On this machine a worker's CPU seconds replace the duration of its function: functions here share cores, and their
    waiting times differ from those on AWS.
    """
    return sum(PRICES[name] * quantity for name, quantity in used.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results of a run."""

    found: Found
    log: FunctionLog
    requests: int  # to the tables
    throttled: int  # requests of which any item was throttled
    write_units: float  # of tables and ledger
    usd: float  # actual cost, or the estimated cost on AWS
    peak_memory_bytes: int | None  # of the largest worker
