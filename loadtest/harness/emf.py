"""The metrics in lines of CloudWatch's embedded metric format."""

import json
from typing import NamedTuple

from ingest.contract import METRIC_NAMESPACE, Dimension
from ingest.metrics.emf import Value


class MetricLine(NamedTuple):
    """One line of metrics: whose they are, their values by name, and when they were emitted (epoch seconds)."""

    stack: str
    feed: str | None
    values: dict[str, Value]
    at_s: float


def read_emf(line: str) -> MetricLine | None:
    """Return the metrics in a line of a log; None for any other line.

    >>> from ingest.metrics.emf import emf_line
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
