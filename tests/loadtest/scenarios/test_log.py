"""Each event of a log is read once, however it comes; its lines are metrics, invocations, crashes, others."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ingest.contract import METRIC_NAMESPACE, Metric
from ingest.metrics.emf import emf_line
from loadtest.scenarios.figures import FunctionLog, Invocation, LogReader

REPORT = (
    "REPORT RequestId: 1f\tDuration: 2.1 ms\tBilled Duration: 1204 ms\tMemory Size: 1769 MB\tMax Memory Used: 211 MB"
)


class FakeLogs:
    """Answers by pages of two events."""

    def __init__(self, *lines: tuple[int, str]) -> None:
        self.events = [self.event(at_ms, line) for at_ms, line in lines]

    def event(self, at_ms: int, line: str) -> dict[str, Any]:
        return {"timestamp": at_ms, "message": line, "logStreamName": f"stream-{at_ms % 2}"}

    def get_paginator(self, operation: str) -> "FakeLogs":
        assert operation == "filter_log_events"
        return self

    def paginate(self, *, startTime: int, logGroupName: str) -> Iterator[dict[str, Any]]:
        found = sorted((e for e in self.events if e["timestamp"] >= startTime), key=lambda e: int(e["timestamp"]))
        for first in range(0, len(found), 2):
            yield {"events": found[first : first + 2]}


def log(*lines: str, at_s: float = 0.0) -> FunctionLog:
    return FunctionLog.of((at_s, line) for line in lines)


def reported(at_s: float, **values: Any) -> str:
    return emf_line("stack", "orders", {Metric[name]: value for name, value in values.items()}, at_s=at_s)


def test_all_pages_are_read() -> None:
    found = LogReader(FakeLogs(*((at, f'{{"n": {at}}}') for at in range(1, 8))), "group").read()
    assert [line["n"] for line in found.entries] == [1, 2, 3, 4, 5, 6, 7]


def test_an_event_that_comes_late_is_read_and_none_twice() -> None:
    logs = FakeLogs((100_000, '{"n": 1}'), (200_000, '{"n": 2}'))
    reader = LogReader(logs, "group")
    reader.read()
    logs.events += [logs.event(199_000, '{"n": 3}'), logs.event(201_000, '{"n": 4}\n{"n": 5}')]
    assert [line["n"] for line in reader.read().entries] == [1, 2, 3, 4, 5]


def test_lambda_reports_what_an_invocation_took_and_how_it_ended() -> None:
    crash = "2026 1f Task timed out after 60.00 seconds"
    found = log("START RequestId: 1f", REPORT, crash, '["no object"]', "{broken", at_s=2.0)
    assert found.invocations == [Invocation(2.0, 1.204, 1769, 211)]
    assert (found.crashes, found.entries) == ([crash], [])


def test_only_our_own_metrics_count_and_they_are_not_taken_for_lines_of_the_function() -> None:
    other = json.dumps(json.loads(reported(1, ROWS_READ=5).replace(METRIC_NAMESPACE, "Other")))
    found = log('{"message": "file closed", "RowsRead": 7}', other, reported(2, ROWS_READ=[3.0, 1.0]))
    assert found.total(Metric.ROWS_READ) == 4
    assert found.entries[0]["message"] == "file closed"


@pytest.mark.parametrize(
    ("lines", "times", "rates"),
    [
        ([(100.2, 10), (100.9, 10), (101.5, 4)], [0, 1, 2], [0, 20, 4]),
        ([(90, 1), (200, 2)], [0, 1, 2, 3], [0, 1, 0, 2]),  # before and after: at the ends
        ([(101.1, 5)], [0, 1, 1.5], [0, 0, 10]),  # a short last interval
        ([(100, 1)], [0.0], [0]),
        ([(100, 1)], [], []),
    ],
)
def test_a_metric_counts_in_the_second_in_which_it_was_reported(
    lines: list[tuple[float, int]], times: list[float], rates: list[float]
) -> None:
    found = log(*(reported(at_s, ROWS_READ=rows) for at_s, rows in lines))
    assert found.rates(Metric.ROWS_READ, begun_s=100, times=times) == pytest.approx(rates)


def test_an_invocation_is_at_work_from_its_beginning_to_its_end() -> None:
    ran = [Invocation(103.0, 2.0, 0, 0), Invocation(104.5, 3.0, 0, 0), Invocation(110.0, 1.0, 0, 0)]
    times = [0, 1, 2, 3, 4, 5, 9.5]
    assert FunctionLog(invocations=ran).at_work(begun_s=100.0, times=times) == [0, 1, 2, 2, 1, 0, 1]
    assert FunctionLog().at_work(begun_s=0.0, times=[1, 2]) == [0, 0]
