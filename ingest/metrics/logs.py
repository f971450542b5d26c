"""The lines of a log group of the last minutes, read on from where they were read last."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingest.aws.errors import aws_call
from ingest.metrics.summary import Line

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

LATE_S = 20.0  # CloudWatch Logs shows lines that late, and not in their order
MOST_EVENTS = 10_000  # of an answer; who tells no more than that may have more


class LogEvents:
    """Keeps the lines of the last `keep_s`; asks only for new ones, and once more for those that may have been late."""

    def __init__(self, *, client: "CloudWatchLogsClient", group: str, keep_s: float) -> None:
        self._client = client
        self._group = group
        self._keep_s = keep_s
        self._lines: list[Line] = []
        self._read_to_s = 0.0

    def lines(self, now_s: float) -> list[Line]:
        """Return the lines up to now."""
        since_s = max(now_s - self._keep_s, self._read_to_s - LATE_S)
        fresh = list(self._read(since_s))
        kept = [line for line in self._lines if now_s - self._keep_s <= line.at_s < round(since_s * 1000) / 1000]
        self._lines = kept + fresh
        self._read_to_s = now_s
        return self._lines

    def _read(self, since_s: float) -> Iterator[Line]:
        """Yield the lines since a moment. An event may hold several, where an emulator collects what is printed."""
        query: dict[str, Any] = {"logGroupName": self._group, "startTime": round(since_s * 1000), "limit": MOST_EVENTS}
        while True:
            with aws_call(f"reading the log group {self._group}"):
                page: Any = self._client.filter_log_events(**query)
            for event in page["events"]:
                yield from (Line(event["timestamp"] / 1000, text) for text in event["message"].splitlines())
            if "nextToken" not in page:
                return
            query["nextToken"] = page["nextToken"]
