"""The function's log, each line once as it grows; and what Lambda's REPORT lines say of each invocation."""

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_REPORT = re.compile(r"^REPORT RequestId: .*Billed Duration: (\d+) ms.*Max Memory Used: (\d+) MB")
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Invocation:
    """When it ended, how long it is paid for, and how much memory its environment had needed by then."""

    ended_s: float
    seconds: float
    peak_memory_bytes: int


def invocation(line: str, at_s: float) -> Invocation | None:
    """Return what a line of the log, written at a moment, says; None for another line."""
    report = _REPORT.match(line)
    return Invocation(at_s, int(report[1]) / 1000, int(report[2]) * _MIB) if report else None


def at_work(invocations: Sequence[Invocation], *, begun_s: float, times: Sequence[float]) -> list[int]:
    """Return how many ran at each of these times, which are seconds since `begun_s`."""
    begun = sorted(one.ended_s - one.seconds - begun_s for one in invocations)
    ended = sorted(one.ended_s - begun_s for one in invocations)
    return [bisect_right(begun, at_s) - bisect_left(ended, at_s) for at_s in times]


MOST_LINES = 10_000  # at once
LATE_MS = 60_000  # how much later a line may come than one that was written after it
_CRASHED = re.compile(r"Task timed out|Runtime exited|Runtime\.\w*Error|Runtime\.OutOfMemory")


class Log:
    """What the log group holds since a moment, epoch milliseconds, as far as it was read.

    Attributes:
        lines: the parsed lines of the function.
        invocations: what Lambda says of those that have ended.
        crashes: lines about one that did not end well.
    """

    def __init__(self, client: Any, group: str, *, since_ms: int = 0) -> None:
        self.lines: list[Mapping[str, Any]] = []
        self.invocations: list[Invocation] = []
        self.crashes: list[str] = []
        self._client, self._group, self._since_ms = client, group, since_ms
        self._seen: set[Any] = set()
        self._newest_ms = since_ms

    def look(self) -> None:
        """Read on to the end."""
        since_ms, more = self._since_ms, dict[str, str]()
        while True:
            asked = {"logGroupName": self._group, "startTime": since_ms, "limit": MOST_LINES, **more}
            answer = self._client.filter_log_events(**asked)
            events = answer["events"]
            self._take(events)
            if "nextToken" in answer:
                more = {"nextToken": answer["nextToken"]}
            elif len(events) < MOST_LINES or events[-1]["timestamp"] == since_ms:
                break
            else:  # the emulator gives no token
                since_ms, more = events[-1]["timestamp"], {}
        self._since_ms = max(self._since_ms, self._newest_ms - LATE_MS)

    def _take(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            stream, at_ms, message = event["logStreamName"], int(event["timestamp"]), event["message"]
            name = event.get("eventId") or (stream, at_ms, message)
            if name not in self._seen:
                self._seen.add(name)
                self._newest_ms = max(at_ms, self._newest_ms)
                self._read(message, at_ms / 1000)

    def _read(self, message: str, at_s: float) -> None:
        for line in message.splitlines():
            report = invocation(line, at_s)
            if report:
                self.invocations.append(report)
            else:
                self.lines += _parsed(line)
            if _CRASHED.search(line):
                self.crashes.append(line)


def _parsed(line: str) -> Iterator[Mapping[str, Any]]:
    try:
        parsed = json.loads(line)
    except ValueError:
        return
    if isinstance(parsed, dict):
        yield parsed
