"""What becomes of a message: its files are claimed, loaded and closed in the ledger. Knows edges by Protocol only."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from ingest.contract import Metric, Status
from ingest.core.books import Books
from ingest.core.claims import Busy, Closing, Lease, final_status, judge_claim
from ingest.core.notification import FileVersion, NewFiles, read_notification
from ingest.errors import (
    FileFault,
    IngestError,
    InternalFault,
    NoFeed,
    ObjectSuperseded,
    OutOfTime,
    ServiceFault,
    StillLoading,
    UnknownMessage,
)
from ingest.feeds import Feed, Feeds
from ingest.pipeline import Load
from ingest.ports import DeadLetters, FileRejects, IntakeClock, ItemWriter, Ledger, MetricSink, Objects

NO_FEED = "-"
STOP_BEFORE_END_S = 30.0  # a block of 4 MiB takes the reference writer some 10 s


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of one queue message. `deadline_s` (epoch seconds) is when the function is stopped."""

    message_id: str
    body: str
    delivery: int
    deadline_s: float


class Intake:
    """Takes messages, one after another."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        objects: Objects,
        ledger: Ledger,
        writer_for: Callable[[Feed], ItemWriter],
        rejects_for: Callable[[FileVersion], FileRejects],
        dead_letters: DeadLetters,
        metrics: MetricSink,
        clock: IntakeClock,
        log: Callable[[str, dict[str, object]], None],
    ) -> None:
        self._feeds = feeds
        self._objects = objects
        self._ledger = ledger
        self._writer_for = writer_for
        self._rejects_for = rejects_for
        self._dead_letters = dead_letters
        self._metrics = metrics
        self._clock = clock
        self._log = log

    def take(self, message: Message) -> None:
        """Bring all files of a message to an end; returning means the message is done with.

        Raises:
            ServiceFault: the message must come back. Files that are done will then be duplicates.
        """
        try:
            notification = read_notification(message.body)
        except UnknownMessage as fault:
            self._dead_letters.bury(message.body, code=fault.code, reason=str(fault))
            self._metrics.put(NO_FEED, {Metric.MESSAGES_UNKNOWN: 1})
            self._log("message buried", {"message_id": message.message_id, "reason": str(fault)})
            return
        if isinstance(notification, NewFiles):
            for file in notification.files:
                self._take_file(file, message)

    def _take_file(self, file: FileVersion, message: Message) -> None:
        self._check_time(message)
        feed = self._feed_name(file)
        if not self._ledger.note_newest(file):
            self._pass_over(file, feed, Metric.FILES_STALE)
            return
        lease = Lease(message.message_id, message.delivery, message.deadline_s)
        standing = self._ledger.claim(file, feed=feed, lease=lease, now_s=self._clock.now_s())
        if standing is None:
            self._load(file, feed, lease, message)
        elif isinstance(judge_claim(standing, lease), Busy):
            raise StillLoading(f"An earlier delivery of this message may still be loading {file.url}.")
        else:
            self._pass_over(file, feed, Metric.FILES_DUPLICATE)

    def _load(self, file: FileVersion, feed: str, lease: Lease, message: Message) -> None:
        begun_s = self._clock.monotonic_s()
        rejects = self._rejects_for(file)
        books, error = self._run(file, rejects, message)
        closing = Closing(
            status=_status(books, error),
            books=books,
            seconds=self._clock.monotonic_s() - begun_s,
            rejects=rejects.url,
            error=error,
        )
        self._ledger.close(file, lease, closing, now_s=self._clock.now_s())
        self._tell(file, feed, closing)
        if isinstance(error, ServiceFault):
            raise error

    def _run(self, file: FileVersion, rejects: FileRejects, message: Message) -> tuple[Books, IngestError | None]:
        """Load a file; return its books so far and what stopped it, if anything did."""
        load: Load | None = None
        try:
            _, feed = self._feeds.for_key(file.key)
            found = self._objects.find(file)
            load = Load(
                feed=feed,
                writer=self._writer_for(feed),
                rejects=rejects,
                file=file.url,
                now_s=_epoch_s(file.event_time) or self._clock.now_s(),  # a redelivery gives the same items
                before_block=lambda: self._check_time(message),
            )
            return load.run(self._objects.portions(found)), None
        except (FileFault, ObjectSuperseded, ServiceFault) as error:
            return load.books if load else Books(), error
        except Exception as error:  # a bug of ours: the message comes back and ends in the dead-letter queue
            fault = InternalFault(f"The ingester failed with {type(error).__name__}; its log has the traceback.")
            fault.__cause__ = error
            return load.books if load else Books(), fault

    def _check_time(self, message: Message) -> None:
        if self._clock.now_s() > message.deadline_s - STOP_BEFORE_END_S:
            raise OutOfTime("The function's time ends before the file does; the message comes back.")

    def _feed_name(self, file: FileVersion) -> str:
        try:
            return self._feeds.for_key(file.key)[0]
        except NoFeed:
            return NO_FEED

    def _pass_over(self, file: FileVersion, feed: str, metric: str) -> None:
        self._metrics.put(feed, {metric: 1})
        self._log("file passed over", {"file": file.url, "version": file.version, "as": metric})

    def _tell(self, file: FileVersion, feed: str, closing: Closing) -> None:
        """Publish how an attempt ended. The error's code only: its sentence may quote the file, the ledger has it."""
        values: dict[str, float] = {_STATUS_METRICS[closing.status]: 1}
        if closing.status != Status.WAITING:
            values |= {
                Metric.ROWS_READ: closing.books.rows_read,
                Metric.ROWS_WRITTEN: closing.books.rows_written,
                Metric.ROWS_REJECTED: closing.books.rows_rejected,
                Metric.ROWS_SUPERSEDED: closing.books.rows_superseded,
                Metric.BYTES_READ: closing.books.bytes_read,
            }
        event_s = _epoch_s(file.event_time)
        if closing.status == Status.COMPLETE and event_s is not None:
            values[Metric.EVENT_TO_VISIBLE] = max(0.0, self._clock.now_s() - event_s)
        self._metrics.put(feed, values)
        fields = {"file": file.url, "version": file.version, "feed": feed, "status": closing.status}
        code = closing.error.code if closing.error else None
        self._log("file closed", fields | asdict(closing.books) | {"seconds": closing.seconds, "error": code})


_STATUS_METRICS = {
    Status.COMPLETE: Metric.FILES_COMPLETED,
    Status.FAILED: Metric.FILES_FAILED,
    Status.SUPERSEDED: Metric.FILES_SUPERSEDED,
    Status.UNBALANCED: Metric.FILES_UNBALANCED,
    Status.WAITING: Metric.FILES_RETRIED,
}


def _epoch_s(time: str | None) -> float | None:
    """Return an ISO 8601 time as epoch seconds; None where there is none, or no such time."""
    try:
        return datetime.fromisoformat(time).timestamp() if time else None
    except ValueError:
        return None


def _status(books: Books, error: IngestError | None) -> str:
    if error is None:
        return final_status(books)
    if isinstance(error, FileFault):
        return Status.FAILED
    return Status.SUPERSEDED if isinstance(error, ObjectSuperseded) else Status.WAITING
