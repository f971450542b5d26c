"""A run of the local stack (`python -m loadtest observe`): its metrics and log, evaluated as by CloudWatch."""

import ast
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from infra.monitoring.arithmetic import Series, evaluate
from infra.monitoring.template import MetricName, Plot
from ingest.contract import METRIC_NAMESPACE

Samples = dict[MetricName, list[tuple[float, float, int]]]  # second, value, count
LogEntry = Mapping[str, Any]  # the fields of a log line


class Run:
    """Metric samples by second, and log entries. It resolves names in the template to those of the run."""

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
        """Return the run saved in a file."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def is_known(self, metric: MetricName) -> bool:
        """Return whether the run knows a metric; it knows all of the code's own, emitted or not."""
        return metric.namespace == METRIC_NAMESPACE or self._here(metric) in self.samples

    def bins(self, period_s: float) -> int:
        """Return the number of periods in the run; the last one may be incomplete."""
        return max(1, int(np.ceil(self.seconds / period_s)))

    def of_metric(self, metric: MetricName, statistic: str, period_s: float) -> Series:
        """Return a statistic of a metric for each period of the run."""
        values: list[list[tuple[float, int]]] = [[] for _ in range(self.bins(period_s))]
        for second, value, count in self.samples.get(self._here(metric), ()):
            place = int(second // period_s)
            if place < len(values):
                values[place].append((value, count))
        return np.array([_statistic(found, statistic) for found in values])

    def of_line(self, line: Plot, lines: list[Plot], period_s: float) -> Series | None:
        """Return the values of a plot; None if a part of it is measured only in AWS."""
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
        """Return a metric with the names of this run instead of the template's references."""
        return replace(metric, dimensions=tuple((name, self._resolved(value)) for name, value in metric.dimensions))

    def _resolved(self, value: str) -> str:
        """Return the name of the resource "${LogicalId}" or "${LogicalId.Attribute}"."""
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


def columns_of(query: str) -> list[str]:
    """Return the columns of a query's table.

    >>> columns_of("SOURCE 'log' | fields @timestamp, file | limit 2")
    ['@timestamp', 'file']
    """
    fields = next(rest for command, rest in _commands(query) if command == "fields")
    return [name.strip() for name in fields.split(",")]


def run_query(query: str, entries: list[LogEntry]) -> list[list[Any]]:
    """Return the rows of a query's table; a field missing in an entry is None.

    Raises:
        ValueError: the query has a command that is not supported here.
    """
    found = [{**entry, "@timestamp": entry.get("timestamp")} for entry in entries]
    for command, rest in _commands(query):
        match command:
            case "filter":
                condition = ast.parse(re.sub(r"(?<![<>!=])=(?!=)", "==", rest), mode="eval").body
                found = [entry for entry in found if _holds(condition, entry)]
            case "sort":
                name, _, order = rest.partition(" ")
                found.sort(key=lambda entry: entry.get(name) or 0, reverse=order == "desc")
            case "limit":
                found = found[: int(rest)]
            case "fields":
                pass
            case _:
                raise ValueError(f"Not supported here of log queries: the command {command!r}.")
    return [[entry.get(name) for name in columns_of(query)] for entry in found]


def fields_of(query: str) -> set[str]:
    """Return every field a query uses."""
    words = set()
    for command, rest in _commands(query):
        if command in ("fields", "filter", "sort"):
            words |= set(re.findall(r"@?[a-z_]+", re.sub(r'"[^"]*"', "", rest)))
    return words - {"and", "or", "not", "desc", "asc"}


def _holds(node: ast.AST, entry: LogEntry) -> Any:
    """Return the value of a part of a condition; it has Python's syntax once `=` is replaced by `==`."""
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_holds(part, entry) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_holds(part, entry) for part in parts)
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            return _holds(left, entry) == _holds(right, entry)
        case ast.Name(id=name):
            return entry.get(name)
        case ast.Constant(value=value):
            return value
    raise ValueError(f"Not supported here of log queries: the condition `{ast.unparse(node)}`.")


def _commands(query: str) -> list[tuple[str, str]]:
    """Return the command and arguments of each part of a query, without the SOURCE part."""
    parts = [part.strip() for part in query.split("|")]
    return [(command, rest) for command, _, rest in (part.partition(" ") for part in parts) if command != "SOURCE"]
