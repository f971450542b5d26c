"""A function's log -> samples of metrics, and how files ended. Pure."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from loadtest.measure.emf import read_emf

LAMBDA, SQS, DYNAMODB = "AWS/Lambda", "AWS/SQS", "AWS/DynamoDB"
CONSUMED = "ConsumedWriteCapacityUnits"
_REPORT = re.compile(r"^REPORT .*\tDuration: ([\d.]+) ms.*\tMemory Size: (\d+) MB\tMax Memory Used: (\d+) MB")
Dimensions = tuple[tuple[str, str], ...]


class MetricSamples:
    """Values of metrics, each with its second; equal ones are counted."""

    def __init__(self, began_s: float) -> None:
        self._began_s = began_s
        self._found: dict[tuple[str, str, Dimensions], Counter[tuple[int, float]]] = {}

    def add(self, namespace: str, name: str, dimensions: dict[str, str], at_s: float, value: float) -> None:
        """Add one value, unless it is from before the beginning."""
        if at_s < self._began_s:
            return
        key = (namespace, name, tuple(sorted(dimensions.items())))
        rounded = float(f"{value:.6g}")
        self._found.setdefault(key, Counter())[int(at_s - self._began_s), rounded] += 1

    def document(self) -> list[dict[str, Any]]:
        """Return all, for JSON: values are [second, value, how often]."""
        return [
            {
                "namespace": namespace,
                "name": name,
                "dimensions": dict(dimensions),
                "values": [[second, value, count] for (second, value), count in sorted(values.items())],
            }
            for (namespace, name, dimensions), values in sorted(self._found.items())
        ]


def read_log(events: Iterable[tuple[float, str]], samples: MetricSamples, *, function: str) -> dict[str, list[Any]]:
    """Add what log lines say to the samples; return the lines on files that ended, and on memory."""
    closed, memory = [], []
    for at_s, line in events:
        if line.startswith("REPORT "):
            memory += _read_report(line, at_s, samples, {"FunctionName": function})
        elif line.startswith("{"):
            closed += _read_json(line, samples)
    closed = [line for line in closed if "/warm-up-" not in line["file"]]
    return {"closed": closed, "memory": memory}


def _read_json(line: str, samples: MetricSamples) -> list[dict[str, Any]]:
    try:
        document = json.loads(line)
    except ValueError:
        return []
    for metric in read_emf(document):
        for dimensions in metric.dimensions:  # as CloudWatch counts them
            for value in metric.values:
                samples.add(metric.namespace, metric.name, dimensions, metric.at_s, value)
    return [document] if document.get("message") == "file closed" else []


def _read_report(line: str, at_s: float, samples: MetricSamples, dimensions: dict[str, str]) -> list[dict[str, float]]:
    """Add an invocation: its duration at its end, and that it ran in each second of it."""
    found = _REPORT.match(line)
    if not found:
        return []
    duration_ms, size_mb, used_mb = float(found[1]), int(found[2]), int(found[3])
    samples.add(LAMBDA, "Duration", dimensions, at_s, duration_ms)
    samples.add(LAMBDA, "Invocations", dimensions, at_s, 1)
    return [{"at_s": at_s, "began_s": at_s - duration_ms / 1000, "used_mb": used_mb, "size_mb": size_mb}]


def add_concurrency(runs: list[dict[str, float]], samples: MetricSamples, *, function: str) -> None:
    """Add how many invocations were under way, whenever that changed and in each second it did not."""
    changes = [(run["began_s"], 1) for run in runs] + [(run["at_s"], -1) for run in runs]
    changes += [(second, 0) for run in runs for second in range(int(run["began_s"]) + 1, int(run["at_s"]) + 1)]
    at_once = 0
    for at_s, change in sorted(changes):
        at_once += change
        samples.add(LAMBDA, "ConcurrentExecutions", {"FunctionName": function}, at_s, at_once)
