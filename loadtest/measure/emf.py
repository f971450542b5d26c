"""What the function says of itself: its metrics, as the lines of its log have them. Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ingest.contract import METRIC_NAMESPACE, Metric


@dataclass(frozen=True, slots=True)
class Told:
    """One line of metrics: when it was written, and its values by name."""

    at_s: float
    values: Mapping[str, float]


def metrics(log: Iterable[Mapping[str, Any]]) -> list[Told]:
    """Return the metrics among the parsed lines of a log."""
    return [_reported(line) for line in log if _is_ours(line)]


def rates(reported: Iterable[Told], name: str, *, begun_s: float, times: Sequence[float]) -> list[float]:
    """Return a metric per second between each of these times and the one before; the first is 0.

    `times` are seconds since `begun_s`. What was told before or after them counts at the ends.
    """
    sums = [0.0] * len(times)
    for line in reported:
        if name in line.values and len(times) > 1:
            sums[min(max(1, bisect_left(times, line.at_s - begun_s)), len(times) - 1)] += line.values[name]
    passed = [1.0, *(max(after - before, 1e-9) for before, after in pairwise(times))]
    return [total / seconds for total, seconds in zip(sums, passed, strict=False)]


def totals(reported: Iterable[Told]) -> Counter[str]:
    """Return the sum of each metric."""
    total: Counter[str] = Counter()
    for line in reported:
        total.update(line.values)
    return total


def requests_reported(log: Iterable[Mapping[str, Any]]) -> tuple[int, float]:
    """Return how many requests to the tables the functions sent, and which share of them was throttled."""
    counted = totals(metrics(log))
    sent, throttled = counted[Metric.REQUESTS_SENT], counted[Metric.REQUESTS_THROTTLED]
    return round(sent), throttled / sent if sent else 0.0


def _is_ours(line: Mapping[str, Any]) -> bool:
    about = line.get("_aws")
    if not isinstance(about, Mapping):
        return False
    return any(part.get("Namespace") == METRIC_NAMESPACE for part in about.get("CloudWatchMetrics", []))


def _reported(line: Mapping[str, Any]) -> Told:
    names = {metric["Name"] for part in line["_aws"]["CloudWatchMetrics"] for metric in part.get("Metrics", [])}
    return Told(line["_aws"]["Timestamp"] / 1000, {name: _sum(line[name]) for name in names if name in line})


def _sum(value: Any) -> float:
    return float(sum(value)) if isinstance(value, list) else float(value)
