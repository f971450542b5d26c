"""Does work that was claimed: splits a large file, loads a file or a segment, and writes how it ended."""

from collections.abc import Callable
from dataclasses import replace

from ingest.contract import Status
from ingest.dynamodb.item_writer import ItemWriter
from ingest.errors import FileFault, IngestError, InternalFault, LeaseLost, ObjectSuperseded, OutOfTime, ServiceFault
from ingest.feeds.feed import Feed
from ingest.file import FileVersion
from ingest.ledger.claims import Outcome, final_status
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint
from ingest.worker.attempt import Attempt, Task, UnfinishedError
from ingest.worker.load import Load, Sizes, too_many_rejects
from ingest.worker.ports import FileRejects, Ledger, Objects, Queue, WorkerClock
from ingest.worker.report import ProgressReporter, Reporter, SplitCloser, epoch_s
from ingest.worker.split import Split

RENEWED_DELIVERIES = (
    3  # a message that came so often and makes progress is replaced by a new one, whose count begins anew
)


class Worker:
    """Does one task after another."""

    def __init__(
        self,
        *,
        feed_for: Callable[[str], Feed],
        objects: Objects,
        ledger: Ledger,
        queue: Queue,
        writer_for: Callable[[Feed], ItemWriter],
        rejects_for: Callable[[FileVersion], FileRejects],
        reporter: Reporter,
        clock: WorkerClock,
        segment_bytes: int,
        sizes: Sizes | None = None,
    ) -> None:
        self._feed_for = feed_for
        self._objects = objects
        self._ledger = ledger
        self._queue = queue
        self._writer_for = writer_for
        self._rejects_for = rejects_for
        self._reporter = reporter
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._sizes = sizes or Sizes()
        self.close_split = SplitCloser(
            ledger=ledger, reporter=reporter, clock=clock, rejects_url=lambda file: rejects_for(file).url
        ).close_split

    def do(self, task: Task) -> None:
        """Bring a task to its end, and write that in the ledger.

        Raises:
            UnfinishedError: it goes on later, at its checkpoint.
            LeaseLost: another worker has taken it over.
        """
        account = ProgressReporter(task.feed, task.row_counts, task.lease, reporter=self._reporter, clock=self._clock)
        attempt = Attempt(task, self._rejects_for(task.work.file), account)
        try:
            self._do(attempt)
        finally:
            account.wrote()

    def _do(self, attempt: Attempt) -> None:
        try:
            self._run(attempt)
        except LeaseLost:
            raise
        except (FileFault, ObjectSuperseded) as error:
            self._ended(attempt, error)
        except ServiceFault as fault:
            self._put_back(attempt, fault)
        except Exception as error:  # a bug of ours: the message comes back and ends in the dead-letter queue
            bug = InternalFault(f"The ingester failed with {type(error).__name__}; its log has the traceback.")
            bug.__cause__ = error
            self._put_back(attempt, bug)
        else:
            self._ended(attempt, None)

    def _run(self, attempt: Attempt) -> None:
        task = attempt.task
        feed = self._feed_for(task.work.file.key)
        file = self._objects.find(task.work.file)
        if self._may_split(task, file):
            attempt.split = self._split(task, feed, file)
            attempt.is_split = attempt.split.run()
            attempt.account.counted(task.row_counts.plus(attempt.split.row_counts))
        if not attempt.is_split:
            attempt.load = self._load(attempt, feed)
            self._load_all(attempt.load, task, file)

    def _may_split(self, task: Task, file: FileVersion) -> bool:
        """Return whether a file is large, is not loaded as a whole already, and has a name that segments can share."""
        is_known = file.version == task.work.file.version
        is_begun = task.work.segment is not None or task.claimed.checkpoint is not None
        return is_known and not is_begun and (file.size_bytes or 0) > self._segment_bytes

    def _split(self, task: Task, feed: Feed, file: FileVersion) -> Split:
        return Split(
            file,
            feed,
            task.claimed,
            task.lease,
            objects=self._objects,
            ledger=self._ledger,
            queue=self._queue,
            clock=self._clock,
            segment_bytes=self._segment_bytes,
            block_bytes=self._sizes.block,
        )

    def stop_segment(self, task: Task) -> None:
        """Give a segment up whose file has ended."""
        self._end_segment(task, task.row_counts, Status.STOPPED)

    def _load(self, attempt: Attempt, feed: Feed) -> Load:
        task = attempt.task
        return Load(
            feed=feed,
            writer=attempt.account.begin(self._writer_for(feed)),
            rejects=attempt.rejects,
            file=task.work.file.url,
            now_s=epoch_s(task.work.file.event_time)
            or task.claimed.first_seen_s,  # whoever goes on makes the same items
            heartbeat=attempt.account.heartbeat,
            before_block=task.lease.before_block,
            at_checkpoint=lambda checkpoint: self._checkpoint(attempt, feed, checkpoint),
            sizes=self._sizes,
        )

    def _load_all(self, load: Load, task: Task, file: FileVersion) -> None:
        segment = task.work.segment
        load.run(
            lambda start, end: self._objects.portions(file, start, end),
            segment,
            task.claimed.checkpoint,
            at_end=segment is None or segment.end.byte == file.size_bytes,
        )

    def _checkpoint(self, attempt: Attempt, feed: Feed, checkpoint: Checkpoint) -> None:
        """Save a checkpoint if it is time, and look whether the work is still wanted."""
        task = attempt.task
        if not task.lease.save(checkpoint):
            return
        attempt.account.counted(checkpoint.row_counts)
        known = self._ledger.file_status(task.work.file)
        if not known.should_continue:
            raise ObjectSuperseded(f"{task.work.file.url} has a newer version, or has ended otherwise.")
        total = known.row_counts.plus(checkpoint.row_counts) if task.work.segment else checkpoint.row_counts
        if total.exceeds(feed.max_rejects):
            raise too_many_rejects(total)
        if task.delivery >= RENEWED_DELIVERIES:
            raise OutOfTime(f"The message was delivered {task.delivery} times before; a new one takes its place.")

    def _ended(self, attempt: Attempt, error: IngestError | None) -> None:
        """Write how a file or segment ended."""
        task = attempt.task
        if task.work.segment is not None and error is not None:
            self._end_early(attempt, error)  # the file first: else the last segment to end would find it unbalanced
            self._end_loaded_segment(attempt, Status.STOPPED)
        elif task.work.segment is not None:
            self._end_loaded_segment(attempt, Status.DONE)
            self.close_split(task.work.file, task.feed)
        elif error is None and attempt.is_split:
            self.close_split(task.work.file, task.feed)
        elif attempt.row_counts is None:
            self._end_early(attempt, error)
        else:
            outcome = self._outcome(attempt, attempt.row_counts, error)
            outcome = replace(outcome, checkpoint=attempt.checkpoint if error else None)
            self._ledger.end_file(task.work.file, task.lease.token, outcome, now_s=self._clock.now_s())
            attempt.account.counted(outcome.row_counts)
            self._reporter.file_ended(task.work.file, task.feed, outcome)

    def _outcome(self, attempt: Attempt, row_counts: RowCounts, error: IngestError | None) -> Outcome:
        if error is None:
            status = final_status(row_counts)
        else:
            status = Status.FAILED if isinstance(error, FileFault) else Status.SUPERSEDED
        seconds = max(0.0, self._clock.now_s() - attempt.task.claimed.first_seen_s)
        return Outcome(status, row_counts, seconds, attempt.rejects.url if row_counts.rows_rejected else None, error)

    def _end_loaded_segment(self, attempt: Attempt, status: str) -> None:
        row_counts = attempt.row_counts or attempt.task.row_counts
        self._end_segment(attempt.task, row_counts, status)
        attempt.account.counted(row_counts)

    def _end_segment(self, task: Task, row_counts: RowCounts, status: str) -> None:
        now_s = self._clock.now_s()
        self._ledger.end_segment(task.work, task.lease.token, row_counts, is_whole=status == Status.DONE, now_s=now_s)
        outcome = Outcome(status, row_counts, max(0.0, now_s - task.claimed.first_seen_s))
        self._reporter.segment_ended(task.work, task.feed, outcome)

    def _end_early(self, attempt: Attempt, error: IngestError | None) -> None:
        """End a file before all of it is read; its books are those of the segments that have ended, and of this one."""
        task, file = attempt.task, attempt.task.work.file
        own = (attempt.row_counts or task.row_counts) if task.work.segment else RowCounts()
        outcome = self._outcome(attempt, self._ledger.file_status(file).row_counts.plus(own), error)
        now_s = self._clock.now_s()
        if task.work.segment is None:
            self._ledger.end_begun(file, task.lease.token, outcome, now_s=now_s)
        elif not self._ledger.end_early(file, outcome, now_s=now_s):
            return
        self._reporter.file_ended(file, task.feed, outcome)

    def _put_back(self, attempt: Attempt, fault: ServiceFault) -> None:
        """Put the work back at its checkpoint.

        Raises:
            UnfinishedError: always.
        """
        task = attempt.task
        self._ledger.put_back(task.work, task.lease.token, attempt.checkpoint, fault)
        if attempt.checkpoint:
            attempt.account.counted(attempt.checkpoint.row_counts)
        self._reporter.put_back(task.work, task.feed, fault)
        raise UnfinishedError(fault, made_progress=attempt.has_moved) from fault
