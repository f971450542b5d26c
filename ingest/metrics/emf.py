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

_DIMENSIONS = ([Dimension.STACK], [Dimension.STACK, Dimension.FEED])
_COUNT = "Count"
_UNITS = {
    Metric.BYTES_READ: "Bytes",
    Metric.ROWS_PER_SECOND: "Count/Second",
    Metric.REQUEST_LATENCY: "Milliseconds",
    Metric.UNPROCESSED_SHARE: "Percent",
    Metric.EVENT_TO_VISIBLE: "Seconds",
    Metric.OLDEST_UNFINISHED_FILE: "Seconds",
}


class Told(NamedTuple):
    """What one line tells: whose metrics, their values by name, and when (epoch seconds)."""

    stack: str
    feed: str | None
    values: dict[str, Value]
    at_s: float


def unit_of(metric: str) -> str:
    """Return a metric's unit as CloudWatch spells it.

    >>> unit_of("BytesRead"), unit_of("RowsRead")
    ('Bytes', 'Count')
    """
    return _UNITS.get(metric, _COUNT)


def emf_line(stack: str, feed: str, values: Mapping[str, Value], *, at_s: float) -> str:
    """Return the line that tells values by metric, for the stack and for the feed in it.

    Raises:
        ValueError: a value is no finite number, or a metric has more values than a line may hold.
    """
    for name, value in values.items():
        if isinstance(value, Sequence) and len(value) > MOST_VALUES:
            raise ValueError(f"{name} has {len(value)} values, a line holds {MOST_VALUES}")
    directive = {
        "Namespace": METRIC_NAMESPACE,
        "Dimensions": _DIMENSIONS,
        "Metrics": [{"Name": name, "Unit": unit_of(name)} for name in values],
    }
    about = {"Timestamp": round(at_s * 1000), "CloudWatchMetrics": [directive]}
    whose = {Dimension.STACK: stack, Dimension.FEED: feed}
    return json.dumps({"_aws": about, **whose, **values}, separators=(",", ":"), allow_nan=False)


def read_emf(line: str) -> Told | None:
    """Return what a line of a log tells; None for any other line.

    >>> read_emf(emf_line("prod", "orders", {"RowsRead": 3}, at_s=1.5))
    Told(stack='prod', feed='orders', values={'RowsRead': 3}, at_s=1.5)
    >>> read_emf("START RequestId: 1")
    """
    if METRIC_NAMESPACE not in line:  # most lines of a log are others
        return None
    try:
        document = json.loads(line)
        about = document["_aws"]
        (directive,) = about["CloudWatchMetrics"]
        if directive["Namespace"] != METRIC_NAMESPACE:
            return None
        values = {metric["Name"]: document[metric["Name"]] for metric in directive["Metrics"]}
        return Told(document[Dimension.STACK], document.get(Dimension.FEED), values, about["Timestamp"] / 1000)
    except (ValueError, TypeError, KeyError):
        return None


class Metrics:
    """Writes metrics of one stack."""

    def __init__(self, *, stack: str, now_s: Callable[[], float] = time.time) -> None:
        self._stack = stack
        self._now_s = now_s

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Write one line, at once: a function that is killed has told it. `feed` is "-" for what belongs to none."""
        print(emf_line(self._stack, feed, values, at_s=self._now_s()), flush=True)
