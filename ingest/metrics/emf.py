"""Metrics as lines of CloudWatch's embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric

MOST_VALUES = 100  # of one metric in one line
Value = float | Sequence[float]  # several are the values of several events, such as the latencies of requests

_UNITS: Mapping[str, str] = {metric: metric.unit for metric in Metric}
_DIMENSIONS = ([Dimension.STACK], [Dimension.STACK, Dimension.FEED])


def emf_line(stack: str, feed: str, values: Mapping[str, Value], *, at_s: float) -> str:
    """Return the EMF line that emits values by metric, both for the stack and for a feed of it.

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


class Metrics:
    """Writes metrics of one stack."""

    def __init__(self, *, stack: str, now_s: Callable[[], float] = time.time) -> None:
        self._stack = stack
        self._now_s = now_s

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Write one line and flush it, in case the function is killed. `feed` is "-" for what belongs to no feed."""
        print(emf_line(self._stack, feed, values, at_s=self._now_s()), flush=True)
