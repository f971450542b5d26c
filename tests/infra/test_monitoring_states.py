"""Each alarm goes to ALARM and back to OK when it should, by its definition in the template."""

from typing import Any

import numpy as np
import pytest

from infra.monitoring.arithmetic import ALARM, NO_DATA, OK, evaluate, states
from infra.monitoring.template import alarms_of, lines_of_alarm

Template = dict[str, Any]
NONE = float("nan")
SIGNS = {OK: ".", ALARM: "!", NO_DATA: "?"}


def judged(template: Template, name: str, **series: list[float]) -> str:
    """Return a sign for the state after each period: OK, ALARM or no data."""
    (alarm,) = [alarm for alarm in alarms_of(template) if alarm["AlarmName"] == f"ingest-{name}"]
    lines = lines_of_alarm(alarm)
    (shown,) = [line for line in lines if line.options.get("visible", True)]
    given = {key: np.array(values, dtype=float) for key, values in series.items()}
    period_s = next(line.options["period"] for line in lines if line.metric)
    values = evaluate(shown.expression, given, period_s) if shown.expression else given["m"]
    return "".join(SIGNS[state] for state in states(alarm, values))


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        # one unbalanced file, and then no data
        ("UnbalancedFile", [NONE, 1, NONE], ".!."),
        ("UnbalancedFile", [0, 0], ".."),
        ("FailedFiles", [NONE, 2, NONE, NONE], ".!.."),
        # a dead letter without activity: no data does not end the alarm, an empty queue does
        ("DeadLetters", [NONE, NONE, 1, NONE, NONE, 1, 0], "??!!!!."),
        # minutes: five in a row over half an hour
        ("OldestMessage", [900, 1700, 1900, 1900, 1900, 1900], "......"),
        ("OldestMessage", [1900] * 5 + [100, NONE], "....!.."),
        ("OldestMessage", [1900, 1900, 1900, 1900, NONE, 1900], "......"),
        # a reconciler that stops reporting: from OK to no data, which notifies
        ("OldestFile", [0, 7100, 7300, 0], "..!."),
        ("OldestFile", [0, NONE, NONE, 0], ".??."),
        ("FunctionErrors", [0, 1, 0, NONE], ".!.."),
        ("FunctionDuration", [854_999, 870_000, 890_000, 900_000, 3], "..!!."),
        ("FunctionThrottles", [5, 5, 0, 5, 5, 5, NONE], ".....!."),
    ],
)
def test_an_alarm_on_one_metric(template: Template, name: str, values: list[float], expected: str) -> None:
    assert judged(template, name, m=values) == expected


@pytest.mark.parametrize(
    ("rows", "rejected", "expected"),
    [
        ([100_000, 100_000, 100_000], [0, 1000, 999], ".!."),
        ([999, 1000], [999, 10], ".!"),  # too few to judge; just enough
        ([0, NONE, 50_000], [0, NONE, 0], "..."),
    ],
)
def test_a_share_of_rejects_counts_among_many_rows(
    template: Template, rows: list[float], rejected: list[float], expected: str
) -> None:
    assert judged(template, "RejectShare", rows=rows, rejected=rejected) == expected


@pytest.mark.parametrize(
    ("waiting", "written", "expected"),
    [
        ([5, 5, 5, 5], [NONE, NONE, NONE, 10], "..!."),  # nothing was emitted: FILL makes that 0
        ([5, 5, 5, 5], [0, 0, 1, 0], "...."),
        ([0, 0, 0, 0], [0, 0, 0, 0], "...."),  # nothing to do
        ([5, 0, 5, 5], [0, 0, 0, 0], "...."),  # the queue was empty for a moment
        ([NONE, NONE, NONE], [NONE, NONE, NONE], "..."),
    ],
)
def test_waiting_messages_without_rows_written_alarm_after_a_quarter_of_an_hour(
    template: Template, waiting: list[float], written: list[float], expected: str
) -> None:
    assert judged(template, "Stalled", waiting=waiting, written=written) == expected


@pytest.mark.parametrize(
    ("refused", "left", "expected"),
    [
        ([500] * 7, [0] * 7, ".....!!"),  # half of the requests, for half an hour
        ([0] * 7, [12_500] * 7, ".....!!"),  # half of the items
        ([200] * 7, [7_500] * 7, ".....!!"),  # together
        ([50] * 7, [1_000] * 7, "......."),  # how the writer finds a table's limit
        ([900, 900, 900, 900, 900, 0, 900], [0] * 7, "......."),  # a storm that passes
    ],
)
def test_throttling_alarms_when_half_of_the_writes_are_throttled_for_half_an_hour(
    template: Template, refused: list[float], left: list[float], expected: str
) -> None:
    sent, items = [1000.0] * len(refused), [25_000.0] * len(refused)
    assert judged(template, "Throttling", sent=sent, refused=refused, items=items, left=left) == expected


@pytest.mark.parametrize("reports", [[], [0.0]], ids=["nothing runs yet", "the reconciler runs"])
def test_no_alarm_goes_off_after_a_first_deployment(template: Template, reports: list[float]) -> None:
    """A day on which no file comes: only the reconciler's own message, and at first not even that."""
    quiet = {
        "ApproximateNumberOfMessagesVisible": 0.0,
        "ApproximateAgeOfOldestMessage": 0.0,
        "Errors": 0.0,
        "Throttles": 0.0,
        "Duration": 800.0,  # of looking for what is stuck
        "OldestUnfinishedFile": 0.0,
    }
    for alarm in alarms_of(template):
        lines = lines_of_alarm(alarm)
        (shown,) = [line for line in lines if line.options.get("visible", True)]
        length = 24 * 60 * 60 // next(line.options["period"] for line in lines if line.metric)
        begun = [NONE] * 2  # SQS reports on a new queue, and the schedule begins, minutes later
        series = {
            line.id: np.array(begun + [quiet.get(line.metric.name, NONE) if reports else NONE] * length)
            for line in lines
            if line.metric
        }
        values = evaluate(shown.expression, series, 60) if shown.expression else series["m"]
        assert ALARM not in states(alarm, values), alarm["AlarmName"]


def test_an_alarm_notifies_of_missing_data_only_where_there_was_data(template: Template) -> None:
    """CloudWatch makes an alarm in INSUFFICIENT_DATA, and notifies of changes only."""
    assert judged(template, "OldestFile", m=[NONE, NONE, 0, NONE]) == "??.?"


def test_a_few_throttled_requests_do_not_alarm(template: Template) -> None:
    quiet = {"sent": [99.0] * 8, "refused": [99.0] * 8, "items": [2475.0] * 8, "left": [0.0] * 8}
    assert judged(template, "Throttling", **quiet) == "........"
