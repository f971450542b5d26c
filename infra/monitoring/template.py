"""Reads alarms and dashboard from a synthesised template, for tests and for the picture."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Template = dict[str, Any]
_EXPRESSION_NAME = re.compile(r"\b[a-z][A-Za-z0-9_]*\b")  # metric math: functions and keywords are upper case


@dataclass(frozen=True, order=True)
class MetricName:
    """A metric as CloudWatch identifies it."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


def text_of(value: Any) -> str:
    """Return a value as text; a reference becomes `${...}` with its logical id.

    >>> text_of({"Fn::Join": ["", ["a-", {"Ref": "Topic"}]]}), text_of({"Fn::GetAtt": ["Queue", "Name"]})
    ('a-${Topic}', '${Queue.Name}')
    """
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(text_of, parts))
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
    return str(value)


def alarms_of(template: Template) -> list[dict[str, Any]]:
    """Return the properties of all alarms."""
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]


def widgets_of(template: Template) -> list[dict[str, Any]]:
    """Return the widgets of the one dashboard."""
    kind = "AWS::CloudWatch::Dashboard"
    (dashboard,) = [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]
    widgets: list[dict[str, Any]] = json.loads(text_of(dashboard["DashboardBody"]))["widgets"]
    return widgets


@dataclass(frozen=True)
class Plot:
    """A line of a graph, or the input of an alarm: a metric, or an expression of others by their ids."""

    id: str
    options: dict[str, Any]
    metric: MetricName | None = None
    expression: str = ""

    def names(self) -> set[str]:
        """Return the ids used in the expression."""
        return set(_EXPRESSION_NAME.findall(self.expression))


def lines_of(properties: dict[str, Any]) -> list[Plot]:
    """Return the lines of a widget, hidden ones included."""
    return [_line(entry) for entry in properties.get("metrics", [])]


def _line(entry: list[Any]) -> Plot:
    """Read `[namespace, name, dimension, value, ..., options]`, or `[options with an expression]`."""
    options = entry[-1] if isinstance(entry[-1], dict) else {}
    if "expression" in options:
        return Plot(options.get("id", ""), options, expression=options["expression"])
    namespace, name, *rest = [part for part in entry if isinstance(part, str)]
    dimensions = tuple(sorted(zip(rest[::2], rest[1::2], strict=True)))
    return Plot(options.get("id", ""), options, MetricName(namespace, name, dimensions))


def lines_of_alarm(alarm: dict[str, Any]) -> list[Plot]:
    """Return the inputs of an alarm: one metric, or an expression and the metrics in it."""
    if "Metrics" not in alarm:
        options = {"stat": alarm["Statistic"], "period": alarm["Period"]}
        return [Plot("m", options, _metric(alarm))]
    return [_query(entry) for entry in alarm["Metrics"]]


def _query(entry: dict[str, Any]) -> Plot:
    visible = {"visible": entry.get("ReturnData", True)}
    if "Expression" in entry:
        return Plot(entry["Id"], visible, expression=entry["Expression"])
    stat = entry["MetricStat"]
    options = {"stat": stat["Stat"], "period": stat["Period"], **visible}
    return Plot(entry["Id"], options, _metric(stat["Metric"]))


def _metric(identity: dict[str, Any]) -> MetricName:
    dimensions = sorted((d["Name"], text_of(d["Value"])) for d in identity.get("Dimensions", []))
    return MetricName(identity["Namespace"], identity["MetricName"], tuple(dimensions))


def watched(template: Template) -> Iterator[MetricName]:
    """Return every metric used in an alarm or a widget."""
    lines = [line for alarm in alarms_of(template) for line in lines_of_alarm(alarm)]
    lines += [line for widget in widgets_of(template) for line in lines_of(widget["properties"])]
    return (line.metric for line in lines if line.metric)
