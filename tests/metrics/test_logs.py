"""Lines of a log group, read from where the last reading ended."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.errors import IngestError
from ingest.metrics.cloudwatch import LogEvents
from ingest.metrics.summary import LogLine


class FakeLogs:
    """A log group that returns at most two events a page; CloudWatch Logs returns ten thousand."""

    def __init__(self) -> None:
        self.events: list[tuple[int, str]] = []
        self.asked: list[int] = []

    def filter_log_events(self, logGroupName: str, startTime: int, limit: int, nextToken: str = "0") -> Any:
        if logGroupName != "group":
            error = {"Code": "ResourceNotFoundException", "Message": "no such group"}
            raise ClientError({"Error": error}, "FilterLogEvents")
        self.asked.append(startTime)
        found = [{"timestamp": at, "message": text} for at, text in sorted(self.events) if at >= startTime]
        first = int(nextToken)
        page = {"events": found[first : first + 2]}
        return page | ({"nextToken": str(first + 2)} if first + 2 < len(found) else {})


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


def reader(logs: FakeLogs, group: str = "group") -> LogEvents:
    return LogEvents(client=logs, group=group, keep_s=300)  # type: ignore[arg-type]


def texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


def test_all_pages_of_the_last_minutes_are_read(logs: FakeLogs) -> None:
    logs.events = [(at * 1000, f"line {at}") for at in (600, 701, 800, 900, 950)]
    assert texts(reader(logs).lines(1000.0)) == ["line 701", "line 800", "line 900", "line 950"]
    assert logs.asked == [700_000, 700_000]


def test_the_next_time_only_what_is_new_or_may_be_late_is_asked_for(logs: FakeLogs) -> None:
    logs.events = [(900_000, "old"), (995_000, "new")]
    events = reader(logs)
    events.lines(1000.0)
    logs.events += [(990_000, "late"), (1_001_000, "newer")]
    assert texts(events.lines(1002.0)) == ["old", "late", "new", "newer"]
    assert logs.asked[-1] == 980_000


def test_lines_are_forgotten_in_time(logs: FakeLogs) -> None:
    logs.events = [(900_000, "old"), (995_000, "new")]
    events = reader(logs)
    events.lines(1000.0)
    assert texts(events.lines(1250.0)) == ["new"]


def test_an_event_may_hold_several_lines(logs: FakeLogs) -> None:
    logs.events = [(999_000, "one\ntwo\n")]
    assert reader(logs).lines(1000.0) == [LogLine(999.0, "one"), LogLine(999.0, "two")]


def test_a_missing_log_group_is_reported_in_a_sentence(logs: FakeLogs) -> None:
    with pytest.raises(IngestError, match="while reading the log group gone"):
        reader(logs, "gone").lines(1000.0)
