"""Metrics as lines of CloudWatch's embedded metric format, and such lines read again.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric

MOST_VALUES = 100  # of one metric in one line
Value = float | Sequence[float]  # several are the values of several events, such as the latencies of requests

_UNITS: Mapping[str, str] = {metric: metric.unit for metric in Metric}
_DIMENSIONS = ([Dimension.STACK], [Dimension.STACK, Dimension.FEED])


class MetricLine(NamedTuple):
    """One line of metrics: whose they are, their values by name, and when they were emitted (epoch seconds)."""

    stack: str
    feed: str | None
    values: dict[str, Value]
    at_s: float


def emf_line(stack: str, feed: str, values: Mapping[str, Value], *, at_s: float) -> str:
    """Return the line that emits values by metric, for the stack and for the feed in it.

    Raises:
        ValueError: a name is not in the table of metrics, a value is not finite, or a metric has too many values.
    """
    for name, value in values.items():
        if name not in _UNITS:
            raise ValueError(f"{name!r} is not in the table of metrics")
        if isinstance(value, Sequence) and len(value) > MOST_VALUES:
            raise ValueError(f"{name} has {len(value)} values, a line holds {MOST_VALUES}")
    directive = {
        "Namespace": METRIC_NAMESPACE,
        "Dimensions": _DIMENSIONS,
        "Metrics": [{"Name": name, "Unit": _UNITS[name]} for name in values],
    }
    about = {"Timestamp": round(at_s * 1000), "CloudWatchMetrics": [directive]}
    dimensions = {Dimension.STACK: stack, Dimension.FEED: feed}
    return json.dumps({"_aws": about, **dimensions, **values}, separators=(",", ":"), allow_nan=False)


def read_emf(line: str) -> MetricLine | None:
    """Return the metrics in a line of a log; None for any other line.

    >>> read_emf(emf_line("prod", "orders", {"RowsRead": 3}, at_s=1.5))
    MetricLine(stack='prod', feed='orders', values={'RowsRead': 3}, at_s=1.5)
    >>> read_emf("START RequestId: 1")
    """
    if METRIC_NAMESPACE not in line:  # as in most lines of a log
        return None
    try:
        document = json.loads(line)
        about = document["_aws"]
        (directive,) = about["CloudWatchMetrics"]
        if directive["Namespace"] != METRIC_NAMESPACE:
            return None
        values = {metric["Name"]: document[metric["Name"]] for metric in directive["Metrics"]}
        return MetricLine(document[Dimension.STACK], document.get(Dimension.FEED), values, about["Timestamp"] / 1000)
    except (ValueError, TypeError, KeyError):
        return None


class Metrics:
    """Writes metrics of one stack."""

    def __init__(self, *, stack: str, now_s: Callable[[], float] = time.time) -> None:
        self._stack = stack
        self._now_s = now_s

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Write one line and flush it, in case the function is killed. `feed` is "-" for what belongs to no feed."""
        print(emf_line(self._stack, feed, values, at_s=self._now_s()), flush=True)
