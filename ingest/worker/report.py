"""Tells how work goes on, and how files ended: metrics, one log line, one event. Knows the edges by Protocol only."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from ingest.contract import Metric, Status
from ingest.dynamodb.item_writer import ItemWriter
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import IngestError
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import WorkItem
from ingest.metrics.emf import Value
from ingest.worker.lease import Lease
from ingest.worker.ports import EventSink, Ledger, MetricSink, WorkerClock

NO_FEED = "-"  # in place of a feed's name, for what belongs to none
Log = Callable[[str, dict[str, object]], None]

_METRICS = {
    Status.COMPLETE: Metric.FILES_COMPLETED,
    Status.FAILED: Metric.FILES_FAILED,
    Status.SUPERSEDED: Metric.FILES_SUPERSEDED,
    Status.UNBALANCED: Metric.FILES_UNBALANCED,
}


class Reporter:
    """Tells what happened. Never row data, and of an error its code only: its sentence may quote the file."""

    def __init__(self, *, ledger: Ledger, metrics: MetricSink, events: EventSink, clock: WorkerClock, log: Log) -> None:
        self._ledger = ledger
        self._metrics = metrics
        self._events = events
        self._clock = clock
        self.log = log

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        """Tell how a file ended, and remember that it was told. After a crash in between it is told again.

        Its rows were told as they were counted.
        """
        values: dict[str, Value] = {_METRICS[outcome.status]: 1}
        event_s = epoch_s(file.event_time)
        if outcome.status == Status.COMPLETE and event_s is not None:
            values[Metric.EVENT_TO_VISIBLE] = max(0.0, self._clock.now_s() - event_s)
        self._events.file_ended(file, feed, outcome)  # first, because it may fail
        self._metrics.put(feed, values)
        fields = {"file": file.url, "version": file.version, "feed": feed, "status": outcome.status}
        code = outcome.error.code if outcome.error else None
        self.log("file closed", fields | asdict(outcome.row_counts) | {"seconds": outcome.seconds, "error": code})
        self._ledger.reported(file, feed, outcome.status, now_s=self._clock.now_s())

    def progressed(self, feed: str, more: RowCounts, written: WriteStats, seconds: float) -> None:
        """Tell what was counted, and what writing met, in so many seconds; where neither is anything, nothing."""
        values = _rows(more, seconds) if more != NOTHING else {}
        values |= {} if written.is_nothing else written.metrics()
        if values:
            self._metrics.put(feed, values)

    def segment_ended(self, work: WorkItem, feed: str, outcome: Outcome) -> None:
        """Tell that a segment ended."""
        self._metrics.put(feed, {Metric.SEGMENTS_DONE: int(outcome.status == Status.DONE)})
        fields = {"work": work.name, "version": work.file.version, "feed": feed, "status": outcome.status}
        self.log("segment closed", fields | asdict(outcome.row_counts) | {"seconds": outcome.seconds})

    def passed_over(self, file: FileVersion, feed: str, metric: str) -> None:
        """Tell of a notification that asks for nothing new."""
        self._metrics.put(feed, {metric: 1})
        self.log("file passed over", {"file": file.url, "version": file.version, "as": metric})

    def put_back(self, work: WorkItem, feed: str, error: IngestError) -> None:
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


def _rows(more: RowCounts, seconds: float) -> dict[str, Value]:
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


REPORT_EVERY_S = 5.0  # while a block is written, which takes a slow table minutes


class ProgressReporter:
    """Tells what one attempt adds to the books of some work, and what its writer met.

    `books` is what others have counted, and told, before. Rows are told right after the ledger has them, so none is
    told twice: a worker that is killed, or has lost its lease, has told those up to its last checkpoint. What writing
    met has happened whether the rows count or not.
    """

    def __init__(
        self, feed: str, row_counts: RowCounts, lease: Lease, *, reporter: Reporter, clock: WorkerClock
    ) -> None:
        self._feed = feed
        self._row_counts = row_counts
        self._lease = lease
        self._reporter = reporter
        self._clock = clock
        self._writer: ItemWriter | None = None
        self._written = NOTHING_WRITTEN
        self._counted_s = self._reported_s = clock.monotonic_s()

    def begin(self, writer: ItemWriter) -> ItemWriter:
        """Take the writer that is used from now on; what it met before is not ours."""
        self._writer, self._written = writer, writer.stats
        return writer

    def heartbeat(self) -> None:
        """Pass the heartbeat on to the lease, and every few seconds report what writing has met.

        Raises:
            LeaseLost, OutOfTime: as `Lease.heartbeat`.
        """
        self._lease.heartbeat()
        if self._clock.monotonic_s() - self._reported_s >= REPORT_EVERY_S:
            self.wrote()

    def counted(self, row_counts: RowCounts) -> None:
        """Tell what the ledger has counted since it was told last; `books` are its own of this work, absolute."""
        now_s = self._clock.monotonic_s()
        self._reporter.progressed(
            self._feed, row_counts.since(self._row_counts), self._since(), now_s - self._counted_s
        )
        self._row_counts, self._counted_s = row_counts, now_s

    def wrote(self) -> None:
        """Tell what writing has met since it was told last."""
        self._reporter.progressed(self._feed, NOTHING, self._since(), 0.0)

    def _since(self) -> WriteStats:
        self._reported_s = self._clock.monotonic_s()
        before, self._written = self._written, self._writer.stats if self._writer else NOTHING_WRITTEN
        return self._written.since(before)


class SplitCloser:
    """Closes files that are split. `rejects_url` tells where a file's rejects are, if it has any."""

    def __init__(
        self, *, ledger: Ledger, reporter: Reporter, clock: WorkerClock, rejects_url: Callable[[FileVersion], str]
    ) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._clock = clock
        self._rejects_url = rejects_url

    def close_split(self, file: FileVersion, feed: str) -> None:
        """Close a file that is split if all its segments have ended, and tell."""
        outcome = self._ledger.end_split(file, rejects=self._rejects_url(file), now_s=self._clock.now_s())
        if outcome:
            self._reporter.file_ended(file, feed, outcome)
