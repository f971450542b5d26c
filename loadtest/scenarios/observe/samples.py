"""Metrics second by second, as CloudWatch would have them: polled ones, and those in a function's log. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ingest.contract import METRIC_NAMESPACE, Dimension
from loadtest.scenarios.log import FunctionLog

LAMBDA, SQS, DYNAMODB = "AWS/Lambda", "AWS/SQS", "AWS/DynamoDB"
Dimensions = tuple[tuple[str, str], ...]


class MetricSamples:
    """Values of metrics, each with its second; equal ones are counted."""

    def __init__(self, began_s: float) -> None:
        self.began_s = began_s
        self._found: dict[tuple[str, str, Dimensions], Counter[tuple[int, float]]] = {}

    def add(self, namespace: str, name: str, dimensions: dict[str, str], at_s: float, value: float) -> None:
        """Add one value, unless it is from before the beginning."""
        if at_s < self.began_s:
            return
        key = (namespace, name, tuple(sorted(dimensions.items())))
        rounded = float(f"{value:.6g}")
        self._found.setdefault(key, Counter())[int(at_s - self.began_s), rounded] += 1

    def add_log(self, log: FunctionLog, *, function: str) -> None:
        """Add what a function reported, for its stack and for the feed in it, and what Lambda reports of it."""
        for line in log.metrics:
            of_stack = {Dimension.STACK: line.stack}
            for name, value in line.values.items():
                for one in value if isinstance(value, Sequence) else [value]:
                    for dimensions in (of_stack, {**of_stack, Dimension.FEED: line.feed or ""}):
                        self.add(METRIC_NAMESPACE, name, dimensions, line.at_s, one)
        of_function = {"FunctionName": function}
        for run in log.invocations:
            self.add(LAMBDA, "Duration", of_function, run.ended_s, 1000 * run.seconds)
            self.add(LAMBDA, "Invocations", of_function, run.ended_s, 1)
        self._add_concurrency(log, of_function)

    def _add_concurrency(self, log: FunctionLog, of_function: dict[str, str]) -> None:
        """Add how many invocations were under way, whenever that changed and in each second it did not."""
        spans = [(run.ended_s - run.seconds, run.ended_s) for run in log.invocations]
        changes = [(began_s, 1) for began_s, _ in spans] + [(ended_s, -1) for _, ended_s in spans]
        changes += [(second, 0) for began_s, ended_s in spans for second in range(int(began_s) + 1, int(ended_s) + 1)]
        at_once = 0
        for at_s, change in sorted(changes):
            at_once += change
            self.add(LAMBDA, "ConcurrentExecutions", of_function, at_s, at_once)

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
