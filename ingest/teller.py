"""Tells how work goes on, and how files ended: metrics, one log line, one event. Knows the edges by Protocol only."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from ingest.contract import Metric, Status
from ingest.core.books import NOTHING, Books
from ingest.core.claims import Closing
from ingest.core.counts import WriteCounts
from ingest.core.emf import Value
from ingest.core.notification import FileVersion
from ingest.core.work import Work
from ingest.errors import IngestError
from ingest.ports import EventSink, IntakeClock, Ledger, MetricSink

NO_FEED = "-"  # in place of a feed's name, for what belongs to none
Log = Callable[[str, dict[str, object]], None]

_METRICS = {
    Status.COMPLETE: Metric.FILES_COMPLETED,
    Status.FAILED: Metric.FILES_FAILED,
    Status.SUPERSEDED: Metric.FILES_SUPERSEDED,
    Status.UNBALANCED: Metric.FILES_UNBALANCED,
}


class Teller:
    """Tells what happened. Never row data, and of an error its code only: its sentence may quote the file."""

    def __init__(self, *, ledger: Ledger, metrics: MetricSink, events: EventSink, clock: IntakeClock, log: Log) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._events = events
        self._clock = clock
        self.log = log

    def file_ended(self, file: FileVersion, feed: str, closing: Closing) -> None:
        """Tell how a file ended, and remember that it was told. After a crash in between it is told again.

        Its rows were told as they were counted.
        """
        values: dict[str, Value] = {_METRICS[closing.status]: 1}
        event_s = epoch_s(file.event_time)
        if closing.status == Status.COMPLETE and event_s is not None:
            values[Metric.EVENT_TO_VISIBLE] = max(0.0, self._clock.now_s() - event_s)
        self._events.file_ended(file, feed, closing)  # first, because it may fail
        self._metrics.put(feed, values)
        fields = {"file": file.url, "version": file.version, "feed": feed, "status": closing.status}
        code = closing.error.code if closing.error else None
        self.log("file closed", fields | asdict(closing.books) | {"seconds": closing.seconds, "error": code})
        self._ledger.told(file, feed, closing.status, now_s=self._clock.now_s())

    def progressed(self, feed: str, more: Books, written: WriteCounts, seconds: float) -> None:
        """Tell what was counted, and what writing met, in so many seconds; where neither is anything, nothing."""
        values = _rows(more, seconds) if more != NOTHING else {}
        values |= {} if written.is_nothing else written.metrics()
        if values:
            self._metrics.put(feed, values)

    def segment_ended(self, work: Work, feed: str, closing: Closing) -> None:
        """Tell that a segment ended."""
        self._metrics.put(feed, {Metric.SEGMENTS_DONE: int(closing.status == Status.DONE)})
        fields = {"work": work.name, "version": work.file.version, "feed": feed, "status": closing.status}
        self.log("segment closed", fields | asdict(closing.books) | {"seconds": closing.seconds})

    def passed_over(self, file: FileVersion, feed: str, metric: str) -> None:
        """Tell of a notification that asks for nothing new."""
        self._metrics.put(feed, {metric: 1})
        self.log("file passed over", {"file": file.url, "version": file.version, "as": metric})

    def put_back(self, work: Work, feed: str, error: IngestError) -> None:
        """Tell of work that is not finished and comes back."""
        self._metrics.put(feed, {Metric.FILES_RETRIED: 1})
        self.log("work put back", {"work": work.name, "version": work.file.version, "feed": feed, "error": error.code})

    def oldest_unfinished(self, feed: str, seconds: float) -> None:
        """Tell the age of a feed's oldest file that has not ended; 0 where there is none, so that an alarm sees it."""
        self._metrics.put(feed, {Metric.OLDEST_UNFINISHED_FILE: seconds})

    def handed_over(self, message_id: str, hops: int) -> None:
        """Tell of a message that was sent again, to go on in another invocation."""
        self._metrics.put(NO_FEED, {Metric.HAND_OVERS: 1})
        self.log("message handed over", {"message_id": message_id, "hops": hops})


def _rows(more: Books, seconds: float) -> dict[str, Value]:
    values: dict[str, Value] = {
        Metric.ROWS_READ: more.rows_read,
        Metric.ROWS_WRITTEN: more.rows_written,
        Metric.ROWS_REJECTED: more.rows_rejected,
        Metric.ROWS_SUPERSEDED: more.rows_superseded,
        Metric.BYTES_READ: more.bytes_read,
    }
    return values | ({Metric.ROWS_PER_SECOND: more.rows_written / seconds} if seconds > 0 else {})


def epoch_s(time: str | None) -> float | None:
    """Return an ISO 8601 time as epoch seconds; None where there is none, or no such time."""
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except ValueError:
        return None
