"""The function's metrics, read from its log: lines in CloudWatch's embedded metric format (EMF). Pure."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from ingest.contract import METRIC_NAMESPACE, Metric


class MetricValues(NamedTuple):
    """The values of one metric in one log line, and under which sets of dimensions CloudWatch counts them."""

    at_s: float
    namespace: str
    name: str
    dimensions: list[dict[str, str]]
    values: list[float]


@dataclass(frozen=True, slots=True)
class MetricLine:
    """One line of metrics: when it was written, and its values by name."""

    at_s: float
    values: Mapping[str, float]


def metrics(log: Iterable[Mapping[str, Any]]) -> list[MetricLine]:
    """Return the metrics among the parsed lines of a log."""
    read = [[one for one in read_emf(line) if one.namespace == METRIC_NAMESPACE] for line in log]
    return [MetricLine(ours[0].at_s, {one.name: sum(one.values) for one in ours}) for ours in read if ours]


def rates(lines: Iterable[MetricLine], name: str, *, begun_s: float, times: Sequence[float]) -> list[float]:
    """Return a metric per second between each of these times and the one before; the first is 0.

    `times` are seconds since `begun_s`. What was reported before or after them counts at the ends.
    """
    sums = [0.0] * len(times)
    for line in lines:
        if name in line.values and len(times) > 1:
            sums[min(max(1, bisect_left(times, line.at_s - begun_s)), len(times) - 1)] += line.values[name]
    passed = [1.0, *(max(after - before, 1e-9) for before, after in pairwise(times))]
    return [total / seconds for total, seconds in zip(sums, passed, strict=False)]


def totals(lines: Iterable[MetricLine]) -> Counter[str]:
    """Return the sum of each metric."""
    total: Counter[str] = Counter()
    for line in lines:
        total.update(line.values)
    return total


def requests_reported(log: Iterable[Mapping[str, Any]]) -> tuple[int, float]:
    """Return how many requests to the tables the functions sent, and which share of them was throttled."""
    counted = totals(metrics(log))
    sent, throttled = counted[Metric.REQUESTS_SENT], counted[Metric.REQUESTS_THROTTLED]
    return round(sent), throttled / sent if sent else 0.0


def read_emf(line: Mapping[str, Any]) -> Iterator[MetricValues]:
    """Yield the metrics of a parsed log line in CloudWatch's embedded metric format; nothing for other lines."""
    about = line.get("_aws")
    if not isinstance(about, Mapping):
        return
    for directive in about.get("CloudWatchMetrics", []):
        dimensions = [{name: str(line[name]) for name in names} for names in directive.get("Dimensions", [])]
        for metric in directive.get("Metrics", []):
            if metric["Name"] in line:
                yield MetricValues(
                    about["Timestamp"] / 1000,
                    directive["Namespace"],
                    metric["Name"],
                    dimensions,
                    _list(line[metric["Name"]]),
                )


def _list(value: Any) -> list[float]:
    return [float(one) for one in (value if isinstance(value, list) else [value])]
