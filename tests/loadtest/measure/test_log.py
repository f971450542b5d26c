"""Each line of a log is read once, however it comes: late, by pages, or with a limited number at once."""

from typing import Any

from loadtest.measure import log
from loadtest.measure.log import Invocation, Log

REPORT = (
    "REPORT RequestId: 1f\tDuration: 1203.1 ms\tBilled Duration: 1204 ms\tMemory Size: 1769 MB\tMax Memory Used: 211 MB"
)


class FakeLogs:
    """Answers by pages of two events, as AWS does: with a token; or as the emulator does: with no token."""

    def __init__(self, *lines: tuple[int, str], has_tokens: bool = True) -> None:
        self.events = [self.event(at_ms, line) for at_ms, line in lines]
        self._has_tokens = has_tokens

    def event(self, at_ms: int, line: str) -> dict[str, Any]:
        return {"timestamp": at_ms, "message": line, "logStreamName": f"stream-{at_ms % 2}"}

    def filter_log_events(self, *, startTime: int, limit: int, logGroupName: str, nextToken: str = "0") -> Any:
        found = sorted((e for e in self.events if e["timestamp"] >= startTime), key=lambda e: int(e["timestamp"]))
        first = int(nextToken)
        more = {"nextToken": str(first + limit)} if self._has_tokens and first + limit < len(found) else {}
        return {"events": found[first : first + limit], **more}


def numbers(it: Log) -> list[Any]:
    return [line["n"] for line in it.lines]


def test_all_pages_are_read(monkeypatch: Any) -> None:
    monkeypatch.setattr(log, "MOST_LINES", 2)
    for has_tokens in (True, False):
        it = Log(FakeLogs(*((at, f'{{"n": {at}}}') for at in range(1, 8)), has_tokens=has_tokens), "group")
        it.look()
        assert numbers(it) == [1, 2, 3, 4, 5, 6, 7]


def test_a_line_that_comes_late_is_read_and_none_twice() -> None:
    logs = FakeLogs((100_000, '{"n": 1}'), (200_000, '{"n": 2}'))
    it = Log(logs, "group")
    it.look()
    logs.events += [logs.event(199_000, '{"n": 3}'), logs.event(201_000, '{"n": 4}')]
    it.look()
    assert numbers(it) == [1, 2, 3, 4]


def test_what_was_there_before_the_run_is_not_read() -> None:
    it = Log(FakeLogs((1, '{"n": 1}'), (5, '{"n": 2}')), "group", since_ms=5)
    it.look()
    assert numbers(it) == [2]


def test_lambda_reports_what_an_invocation_took_and_how_it_ended() -> None:
    lines = (1, "START RequestId: 1f\n"), (2, REPORT + "\t\n"), (3, "2026 1f Task timed out after 60.00 seconds")
    it = Log(FakeLogs(*lines, (4, '["no object"]')), "group")
    it.look()
    assert it.invocations == [Invocation(0.002, 1.204, 211 * 1024 * 1024)]
    assert it.crashes == [lines[2][1]]
    assert it.lines == []
