"""The function's log, read on as it grows: each line once."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_LINES = 10_000  # at once
LATE_MS = 60_000  # a line may come so much later than one that was written after it
_REPORT = re.compile(r"^REPORT RequestId: .*Billed Duration: (\d+) ms.*Max Memory Used: (\d+) MB")
_CRASHED = re.compile(r"Task timed out|Runtime exited|Runtime\.\w*Error|Runtime\.OutOfMemory")
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Report:
    """What Lambda says of one invocation."""

    seconds: float
    peak_memory_bytes: int


class Log:
    """What the log group holds since a moment, epoch milliseconds, as far as it was read.

    Attributes:
        told: the parsed lines of the function.
        reports: what Lambda says of each invocation that has ended.
        crashes: lines that tell of one that did not end well.
        heard_ms: when each stream, which is one execution environment, was heard of last.
    """

    def __init__(self, client: Any, group: str, *, since_ms: int = 0) -> None:
        self.told: list[Mapping[str, Any]] = []
        self.reports: list[Report] = []
        self.crashes: list[str] = []
        self.heard_ms: dict[str, int] = {}
        self._client, self._group, self._since_ms = client, group, since_ms
        self._seen: set[Any] = set()

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
        self._since_ms = max(self._since_ms, max(self.heard_ms.values(), default=0) - LATE_MS)

    def environments(self, within_s: float) -> int:
        """Return how many execution environments were heard of in the last seconds that were read."""
        newest_ms = max(self.heard_ms.values(), default=0)
        return sum(at_ms >= newest_ms - 1000 * within_s for at_ms in self.heard_ms.values())

    def _take(self, events: list[dict[str, Any]]) -> None:
        for event in events:
            stream, at_ms, message = event["logStreamName"], int(event["timestamp"]), event["message"]
            name = event.get("eventId") or (stream, at_ms, message)
            if name not in self._seen:
                self._seen.add(name)
                self.heard_ms[stream] = max(at_ms, self.heard_ms.get(stream, 0))
                self._read(message)

    def _read(self, message: str) -> None:
        for line in message.splitlines():
            report = _REPORT.match(line)
            if report:
                self.reports.append(Report(int(report[1]) / 1000, int(report[2]) * _MIB))
            else:
                self.told += _parsed(line)
            if _CRASHED.search(line):
                self.crashes.append(line)


def _parsed(line: str) -> Iterator[Mapping[str, Any]]:
    try:
        told = json.loads(line)
    except ValueError:
        return
    if isinstance(told, dict):
        yield told
