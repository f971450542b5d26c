"""What a run of the local stack told (`python -m loadtest observe`), as CloudWatch would sum it up."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infra.monitoring.arithmetic import Series, evaluate
from infra.monitoring.template import Line, MetricName
from ingest.contract import METRIC_NAMESPACE

Samples = dict[MetricName, list[tuple[float, float, int]]]  # second, value, how often


class Run:
    """Samples of metrics by second, and what the log says. Names in the template's form are known by those here."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.stack = str(document["stack"])
        self.seconds = float(document["seconds"])
        self.closed: list[dict[str, Any]] = document["log"]["closed"]
        self.memory: list[dict[str, float]] = document["log"]["memory"]
        self.command = str(document.get("command", ""))
        self._names: dict[str, str] = document["names"]
        self.samples: Samples = {
            MetricName(m["namespace"], m["name"], tuple(sorted(m["dimensions"].items()))): m["values"]
            for m in document["metrics"]
        }

    @classmethod
    def read(cls, path: Path) -> "Run":
        """Return the run that is kept in a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def is_known(self, metric: MetricName) -> bool:
        """Return whether the run can tell of a metric: of the code's own always, if only that it was silent."""
        return metric.namespace == METRIC_NAMESPACE or self._here(metric) in self.samples

    def bins(self, period_s: float) -> int:
        """Return how many periods the run has begun."""
        return max(1, int(np.ceil(self.seconds / period_s)))

    def of_metric(self, metric: MetricName, statistic: str, period_s: float) -> Series:
        """Return a statistic of a metric for each period from the run's beginning."""
        values: list[list[tuple[float, int]]] = [[] for _ in range(self.bins(period_s))]
        for second, value, count in self.samples.get(self._here(metric), ()):
            place = int(second // period_s)
            if place < len(values):
                values[place].append((value, count))
        return np.array([_statistic(found, statistic) for found in values])

    def of_line(self, line: Line, lines: list[Line], period_s: float) -> Series | None:
        """Return what a line shows; None if something in it can only be known in AWS."""
        if line.metric:
            return self.of_metric(line.metric, line.options["stat"], period_s) if self.is_known(line.metric) else None
        series = {}
        for part in (other for other in lines if other.id in line.names()):
            found = self.of_line(part, lines, period_s)
            if found is None:
                return None
            series[part.id] = found
        return evaluate(line.expression, series, period_s)

    def _here(self, metric: MetricName) -> MetricName:
        """Return a metric with the names that the template's references have here."""
        return replace(metric, dimensions=tuple((name, self._resolved(value)) for name, value in metric.dimensions))

    def _resolved(self, value: str) -> str:
        """Return "${LogicalId}" or "${LogicalId.Attribute}" as the resource's name."""
        if not value.startswith("${"):
            return value
        return self._names.get(value[2:-1].partition(".")[0], value)


def _statistic(values: list[tuple[float, int]], statistic: str) -> float:
    if not values:
        return float("nan")
    numbers = np.repeat([value for value, _ in values], [count for _, count in values])
    if statistic.startswith("p"):
        return float(np.percentile(numbers, float(statistic[1:])))
    reduce: dict[str, Callable[[Any], Any]] = {
        "Sum": np.sum,
        "Maximum": np.max,
        "Minimum": np.min,
        "Average": np.mean,
        "SampleCount": np.size,
    }
    return float(reduce[statistic](numbers))
