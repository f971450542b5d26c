"""Reports the progress of work and the outcomes of files: metrics, log lines, one event for each file."""

from ingest.aws.clock import epoch_s
from ingest.contract import NO_FEED, Metric, Status
from ingest.dynamodb.item_writer import ItemWriter
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import IngestError, ServiceFault, UnknownMessage
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import WorkItem
from ingest.metrics.emf import Value
from ingest.worker.lease import Lease
from ingest.worker.ports import Services

_METRICS = {
    Status.COMPLETE: Metric.FILES_COMPLETED,
    Status.FAILED: Metric.FILES_FAILED,
    Status.SUPERSEDED: Metric.FILES_SUPERSEDED,
    Status.UNBALANCED: Metric.FILES_UNBALANCED,
}


class Reporter:
    """Reports what happened: never row data, and only the code of an error, whose message may quote the file."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._metrics = services.metrics
        self._log = services.log

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        """Report how a file ended, and note that in the ledger. If a crash comes in between, it is reported again.

        The file's rows are not included: they were reported when they were counted.
        """
        is_undone = bool(file.undo) and outcome.status == Status.COMPLETE
        values: dict[str, Value] = {Metric.FILES_UNDONE if is_undone else _METRICS[outcome.status]: 1}
        event_s = epoch_s(file.event_time)
        if outcome.status == Status.COMPLETE and event_s is not None:
            values[Metric.EVENT_TO_VISIBLE] = max(0.0, self._services.clock.now_s() - event_s)
        try:
            self._services.events.file_ended(file, feed, outcome)  # first, because it may fail
        except ServiceFault:
            self._services.ledger.transitions.list_unreported(file, feed)
            raise
        self._metrics.put(feed, values)
        fields: dict[str, object] = {"file": file.url, "version": file.version, "feed": feed, "status": outcome.status}
        fields |= {"undo": True} if file.undo else {}
        code = outcome.error.code if outcome.error else None
        self._log("file closed", fields | outcome.row_counts.document() | {"seconds": outcome.seconds, "error": code})
        self._services.ledger.transitions.note_reported(file, feed, outcome.status)

    def progressed(self, feed: str, more: RowCounts, written: WriteStats, seconds: float) -> None:
        """Report rows counted in a number of seconds, and write statistics; nothing if both are empty."""
        values = _rows(more, seconds) if more != NOTHING else {}
        values |= {} if written.is_nothing else written.metrics()
        if values:
            self._metrics.put(feed, values)

    def segment_ended(self, work: WorkItem, feed: str, outcome: Outcome) -> None:
        """Report that a segment ended."""
        self._metrics.put(feed, {Metric.SEGMENTS_DONE: int(outcome.status == Status.DONE)})
        fields = {"work": work.name, "version": work.file.version, "feed": feed, "status": outcome.status}
        self._log("segment closed", fields | outcome.row_counts.document() | {"seconds": outcome.seconds})

    def passed_over(self, file: FileVersion, feed: str, metric: str) -> None:
        """Report a notification that needs no new work."""
        self._metrics.put(feed, {metric: 1})
        self._log("file skipped", {"file": file.url, "version": file.version, "as": metric})

    def put_back(self, work: WorkItem, feed: str, error: IngestError) -> None:
        """Report work that was put back unfinished and continues later."""
        self._metrics.put(feed, {Metric.FILES_RETRIED: 1})
        self._log("work put back", {"work": work.name, "version": work.file.version, "feed": feed, "error": error.code})

    def oldest_unfinished(self, feed: str, seconds: float) -> None:
        """Report the age in seconds of a feed's oldest unfinished file; 0 if there is none, for the alarm."""
        self._metrics.put(feed, {Metric.OLDEST_UNFINISHED_FILE: seconds})

    def handed_over(self, message_id: str, hops: int) -> None:
        """Report a message that was sent again to continue in another invocation."""
        self._metrics.put(NO_FEED, {Metric.HAND_OVERS: 1})
        self._log("message handed over", {"message_id": message_id, "hops": hops})

    def dead_lettered(self, message_id: str, error: IngestError) -> None:
        """Report a dead-lettered message: of an unknown kind, or with work that killed each worker."""
        if isinstance(error, UnknownMessage):
            self._metrics.put(NO_FEED, {Metric.MESSAGES_UNKNOWN: 1})
        self._log("message dead-lettered", {"message_id": message_id, "reason": str(error)})

    def resent(self, work: WorkItem, times: int) -> None:
        """Report that the message of stuck work was resent."""
        self._log("work sent again", {"work": work.name, "resent": times})

    def object_found(self, file: FileVersion) -> None:
        """Report an object whose notification was lost."""
        self._log("object found", {"file": file.url})


def _rows(more: RowCounts, seconds: float) -> dict[str, Value]:
    values: dict[str, Value] = {
        Metric.ROWS_READ: more.rows_read,
        Metric.ROWS_WRITTEN: more.rows_written,
        Metric.ROWS_REJECTED: more.rows_rejected,
        Metric.ROWS_SUPERSEDED: more.rows_superseded,
        Metric.BYTES_READ: more.bytes_read,
    }
    values |= {Metric.ROWS_SKIPPED: more.rows_skipped} if more.rows_skipped else {}
    return values | ({Metric.ROWS_PER_SECOND: more.rows_written / seconds} if seconds > 0 else {})


REPORT_EVERY_S = 5.0  # while a block is written, which can take minutes with a slow table


class ProgressReporter:
    """Reports what one attempt adds to the row counts of some work, and its writer's statistics.

    `row_counts` is what earlier workers counted and reported. Rows are reported right after the ledger has counted
    them, so none is reported twice: a worker that is killed or loses its lease has reported the rows up to its last
    checkpoint. Write statistics are reported whether the rows count or not.
    """

    def __init__(self, feed: str, row_counts: RowCounts, lease: Lease, services: Services) -> None:
        self._feed = feed
        self._row_counts = row_counts
        self._lease = lease
        self._reporter = Reporter(services)
        self._clock = services.clock
        self._writer: ItemWriter | None = None
        self._written = NOTHING_WRITTEN
        self._counted_s = self._reported_s = self._clock.monotonic_s()

    def begin(self, writer: ItemWriter) -> ItemWriter:
        """Use a writer from now on and return it; statistics from before are not reported."""
        self._writer, self._written = writer, writer.stats
        return writer

    def heartbeat(self) -> None:
        """Pass the heartbeat on to the lease, and report write statistics every few seconds.

        Raises:
            LeaseLost, OutOfTime: as `Lease.heartbeat`.
        """
        self._lease.heartbeat()
        if self._clock.monotonic_s() - self._reported_s >= REPORT_EVERY_S:
            self.wrote()

    def counted(self, row_counts: RowCounts) -> None:
        """Report the rows counted since the last report; `row_counts` are the ledger's totals for this work."""
        now_s = self._clock.monotonic_s()
        self._reporter.progressed(
            self._feed, row_counts.since(self._row_counts), self._since(), now_s - self._counted_s
        )
        self._row_counts, self._counted_s = row_counts, now_s

    def wrote(self) -> None:
        """Report write statistics since the last report."""
        self._reporter.progressed(self._feed, NOTHING, self._since(), 0.0)

    def _since(self) -> WriteStats:
        self._reported_s = self._clock.monotonic_s()
        before, self._written = self._written, self._writer.stats if self._writer else NOTHING_WRITTEN
        return self._written.since(before)


def finish_split_file(services: Services, file: FileVersion, feed: str) -> None:
    """Close and report a split file if all its segments have ended or a newer version is known."""
    outcome = services.ledger.transitions.end_split(file, rejects=services.rejects_url(file))
    if outcome:
        Reporter(services).file_ended(file, feed, outcome)
