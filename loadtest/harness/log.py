"""The function's log, read on as it grows: each line once."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.measure.invocations import Invocation, invocation

MOST_LINES = 10_000  # at once
LATE_MS = 60_000  # a line may come so much later than one that was written after it
_CRASHED = re.compile(r"Task timed out|Runtime exited|Runtime\.\w*Error|Runtime\.OutOfMemory")


class Log:
    """What the log group holds since a moment, epoch milliseconds, as far as it was read.

    Attributes:
        told: the parsed lines of the function.
        invocations: what Lambda says of those that have ended.
        crashes: lines that tell of one that did not end well.
    """

    def __init__(self, client: Any, group: str, *, since_ms: int = 0) -> None:
        self.reported: list[Mapping[str, Any]] = []
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
                self.reported += _parsed(line)
            if _CRASHED.search(line):
                self.crashes.append(line)


def _parsed(line: str) -> Iterator[Mapping[str, Any]]:
    try:
        reported = json.loads(line)
    except ValueError:
        return
    if isinstance(reported, dict):
        yield reported
