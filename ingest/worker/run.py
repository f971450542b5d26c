"""Does claimed work: splits a large file, loads a file or a segment, and writes how it ended."""

from dataclasses import replace
from functools import partial

from ingest.aws.clock import epoch_s
from ingest.contract import Status
from ingest.errors import (
    CheckpointOutOfReach,
    FileFault,
    GivenUp,
    IngestError,
    InternalFault,
    LeaseLost,
    ObjectSuperseded,
    OutOfTime,
    ServiceFault,
)
from ingest.feeds.feed import Feed
from ingest.file import MOST_RETRIES, FileVersion
from ingest.ledger.claims import Outcome, final_status, order_text
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import CarriedOver, Checkpoint, WorkItem
from ingest.queue.messages import body_of
from ingest.worker.attempt import (
    Attempt,
    DeployedSettings,
    Ending,
    Failed,
    Loaded,
    LoadSettings,
    Refused,
    Split,
    Splitter,
    Stopped,
    Task,
    UnfinishedError,
)
from ingest.worker.lease import ABANDON_BEFORE_END_S
from ingest.worker.load import Load, check_limits
from ingest.worker.ports import WorkerServices
from ingest.worker.report import ProgressReporter, Reporter, finish_split_file

# After this many deliveries, a message whose work makes progress is replaced by a new one, whose count starts at one.
RENEWED_DELIVERIES = 3


class TaskRunner:
    """Does one task at a time, each with the settings with which its file was begun."""

    def __init__(self, settings: DeployedSettings, services: WorkerServices) -> None:
        self._settings = settings
        self._services = services
        self._ledger = services.ledger
        self._reporter = Reporter(services)

    def do(self, task: Task) -> None:
        """Do a task, and write its result in the ledger.

        Raises:
            UnfinishedError: the task continues later at its checkpoint.
            LeaseLost: another worker has taken it over.
        """
        progress = ProgressReporter(task.feed, task.row_counts, task.lease, self._services)
        attempt = Attempt(task, self._services.rejects_for(task.work.file), progress)
        try:
            self._end(attempt, self._try(attempt))
        finally:
            progress.wrote()

    def give_up(self, task: Task, error: FileFault) -> None:
        """End the file of a task that is not tried again."""
        progress = ProgressReporter(task.feed, task.row_counts, task.lease, self._services)
        attempt = Attempt(task, self._services.rejects_for(task.work.file), progress)
        self._end(attempt, attempt.stopped(error))

    def stop_segment(self, task: Task) -> None:
        """Stop a segment whose file has ended."""
        self._end_segment(task, task.row_counts, Status.STOPPED)

    def _try(self, attempt: Attempt) -> Ending:
        begun_s = self._services.clock.now_s()
        try:
            return self._run(attempt)
        except LeaseLost:
            raise
        except OutOfTime as fault:
            seconds = self._services.clock.now_s() - begun_s
            out_of_reach = checkpoint_out_of_reach(attempt, seconds)
            return attempt.stopped(out_of_reach) if out_of_reach else attempt.failed(fault)
        except (FileFault, ObjectSuperseded) as error:
            return attempt.stopped(error)
        except ServiceFault as fault:
            return attempt.failed(fault)
        except Exception as error:  # a bug: the message comes back and ends in the dead-letter queue
            bug = InternalFault(f"The ingester failed with {type(error).__name__}; its log has the traceback.")
            bug.__cause__ = error
            return attempt.failed(bug)

    def _run(self, attempt: Attempt) -> Ending:
        task = attempt.task
        is_begun = task.is_begun or bool(task.work.file.undo)
        settings = self._settings.to_go_on(task.work.file.key, task.begun_with, is_begun=is_begun)
        if (settings is not None and settings.feed.write == "undo") != bool(task.work.file.undo):
            raise GivenUp(
                f"{task.work.file.url} cannot be undone with the settings that are kept of it, or by this version of "
                "the ingester; run `ingest undo` again."
            )
        if settings is None:
            raise self._begin_anew(task)
        file = self._services.objects.find(task.work.file)
        if self._may_split(task, file, settings):
            attempt.splitter = self._splitter(task, settings, file)
            is_split = attempt.splitter.run()
            attempt.progress.counted(task.row_counts.plus(attempt.splitter.row_counts))
            if is_split:
                return Split()
        attempt.load = self._load(attempt, settings)
        return self._load_all(attempt.load, task, file)

    def _begin_anew(self, task: Task) -> ObjectSuperseded:
        """Begin another attempt at a file with the deployed settings; return the error that ends this attempt.

        Repeating this after a crash has no further effect: there is one entry, and extra messages are duplicates.
        """
        file, feed = task.work.file, task.feed
        again = replace(file, retry=(file.retry or 0) + 1)
        if again.retry == MOST_RETRIES:
            raise GivenUp(f"{file.url} was begun {MOST_RETRIES} times, each time with other settings.")
        self._ledger.transitions.retry(again, feed=feed, begun=CarriedOver(order_ms=task.order_ms))
        self._services.queue.send([body_of(WorkItem(again))], feed=feed)
        return ObjectSuperseded(
            f"{file.url} was begun with other settings than those deployed now; it is loaded again from its start, as "
            f"version {again.version}."
        )

    def _may_split(self, task: Task, file: FileVersion, settings: LoadSettings) -> bool:
        """Return whether to split a file: it is large, its load as a whole has not begun, and its version is known.

        A file whose rows must be written in order is not split, because segments are loaded concurrently.
        """
        is_known = file.version == task.work.file.version
        is_begun = task.work.segment is not None or task.claimed.checkpoint is not None
        is_large = (file.size_bytes or 0) > settings.segment_bytes
        return is_known and not is_begun and is_large and not settings.feed.is_ordered

    def _splitter(self, task: Task, settings: LoadSettings, file: FileVersion) -> Splitter:
        return Splitter(
            file,
            settings.feed,
            task.claimed,
            task.lease,
            self._services,
            name=task.feed,
            segment_bytes=settings.segment_bytes,
            block_bytes=settings.sizes.block,
        )

    def _load(self, attempt: Attempt, settings: LoadSettings) -> Load:
        task, feed = attempt.task, settings.feed
        return Load(
            feed=feed,
            writer=attempt.progress.begin(self._services.writer_for(feed)),
            rejects=attempt.rejects,
            check_table=partial(self._services.check_table, feed),
            file=task.work.file.url,
            file_id=task.work.file.file_id,
            order=order_text(task.order_ms),
            now_s=epoch_s(task.work.file.event_time)
            or task.claimed.first_seen_s,  # the same for every worker, so that items are the same
            ends_early=not task.work.file.undo,
            heartbeat=lambda: self._heartbeat(attempt, feed),
            before_block=task.lease.before_block,
            at_checkpoint=lambda checkpoint: self._checkpoint(attempt, feed, checkpoint),
            sizes=settings.sizes,
        )

    def _load_all(self, load: Load, task: Task, file: FileVersion) -> Loaded:
        segment = task.work.segment
        row_counts = load.run(
            lambda start, end: self._services.objects.portions(file, start, end),
            segment,
            task.claimed.checkpoint,
            at_end=segment is None or segment.end.byte == file.size_bytes,
        )
        return Loaded(row_counts, file.size_bytes or 0, load.bytes_seen)

    def _heartbeat(self, attempt: Attempt, feed: Feed) -> None:
        """Keep the lease. If a slow table takes long for a block, save which of its rows are written."""
        attempt.progress.heartbeat()
        load = attempt.load
        if not (load and load.has_moved and attempt.task.lease.is_checkpoint_due):
            return
        checkpoint = load.checkpoint
        if checkpoint:
            self._checkpoint(attempt, feed, checkpoint)

    def _checkpoint(self, attempt: Attempt, feed: Feed, checkpoint: Checkpoint) -> None:
        """Save a checkpoint if it is time, and check that the work is still needed."""
        task = attempt.task
        if not task.lease.save(checkpoint):
            return
        attempt.progress.counted(checkpoint.row_counts)
        known = self._ledger.queries.file_status(task.work.file)
        if not known.should_continue:
            raise ObjectSuperseded(f"{task.work.file.url} has a newer version, or has ended otherwise.")
        total = known.row_counts.plus(checkpoint.row_counts) if task.work.segment else checkpoint.row_counts
        check_limits(total, feed)
        if task.delivery >= RENEWED_DELIVERIES:
            raise OutOfTime(f"The message was delivered {task.delivery} times before; a new one takes its place.")

    def _end(self, attempt: Attempt, ending: Ending) -> None:
        """Write how an attempt ended, and report it.

        Raises:
            UnfinishedError: the work continues later.
        """
        task = attempt.task
        match ending:
            case Failed():
                self._put_back(attempt, ending)
            case Split():
                finish_split_file(self._services, task.work.file, task.feed)
            case Refused(error):
                self._refuse_file(attempt, error)
            case Loaded(row_counts) if task.work.segment:
                self._end_segment(task, row_counts, Status.DONE)
                attempt.progress.counted(row_counts)
                finish_split_file(self._services, task.work.file, task.feed)
            case Stopped(error, row_counts) if task.work.segment:
                self._end_by_segment(attempt, error, row_counts)
            case Loaded(row_counts, object_bytes, bytes_seen):
                status = final_status(row_counts, object_bytes=object_bytes, bytes_seen=bytes_seen)
                self._end_file(attempt, self._outcome(attempt, status, row_counts))
            case Stopped(error, row_counts, checkpoint):
                outcome = self._outcome(attempt, _status(error), row_counts, error)
                self._end_file(attempt, replace(outcome, checkpoint=checkpoint))

    def _outcome(
        self, attempt: Attempt, status: str, row_counts: RowCounts, error: IngestError | None = None
    ) -> Outcome:
        rejects = attempt.rejects.url if row_counts.rows_rejected else None
        return Outcome(status, row_counts, self._seconds(attempt.task), rejects, error)

    def _seconds(self, task: Task) -> float:
        """Return the seconds since the file was first seen."""
        return max(0.0, self._services.clock.now_s() - task.begun_s)

    def _end_file(self, attempt: Attempt, outcome: Outcome) -> None:
        task = attempt.task
        self._ledger.transitions.end_file(task.work.file, task.lease.token, outcome)
        attempt.progress.counted(outcome.row_counts)
        self._reporter.file_ended(task.work.file, task.feed, outcome)

    def _end_segment(self, task: Task, row_counts: RowCounts, status: str) -> None:
        is_whole = status == Status.DONE
        self._ledger.transitions.end_segment(task.work, task.lease.token, row_counts, is_whole=is_whole)
        self._report_segment(task, row_counts, status)

    def _report_segment(self, task: Task, row_counts: RowCounts, status: str) -> None:
        seconds = max(0.0, self._services.clock.now_s() - task.claimed.first_seen_s)
        self._reporter.segment_ended(task.work, task.feed, Outcome(status, row_counts, seconds))

    def _refuse_file(self, attempt: Attempt, error: IngestError) -> None:
        """End a file of which this attempt loaded no row; it has the row counts of the segments that have ended."""
        task, file = attempt.task, attempt.task.work.file
        row_counts = self._ledger.queries.file_status(file).row_counts
        outcome = self._outcome(attempt, _status(error), row_counts, error)
        ended = self._ledger.transitions.end_begun(file, task.lease.token, outcome)
        self._reporter.file_ended(file, task.feed, ended)

    def _end_by_segment(self, attempt: Attempt, error: IngestError, own: RowCounts) -> None:
        """End a file because of one of its segments; it counts this one and the segments that have ended."""
        task = attempt.task
        row_counts = self._ledger.queries.file_status(task.work.file).row_counts.plus(own)
        outcome = self._outcome(attempt, _status(error), row_counts, error)
        ended = self._ledger.transitions.end_by_segment(task.work, task.lease.token, own, outcome)
        attempt.progress.counted(own)
        self._report_segment(task, own, Status.STOPPED)
        if ended:
            self._reporter.file_ended(task.work.file, task.feed, ended)

    def _put_back(self, attempt: Attempt, ending: Failed) -> None:
        """Put the work back at its checkpoint.

        Raises:
            UnfinishedError: always.
        """
        task = attempt.task
        self._ledger.leases.put_back(task.work, task.lease.token, ending.checkpoint, ending.fault)
        if ending.checkpoint:
            attempt.progress.counted(ending.checkpoint.row_counts)
        self._reporter.put_back(task.work, task.feed, ending.fault)
        raise UnfinishedError(ending.fault, made_progress=ending.made_progress) from ending.fault


def checkpoint_out_of_reach(attempt: Attempt, seconds: float) -> CheckpointOutOfReach | None:
    """Return the error of a file whose checkpoint no invocation can reach within its time; None if one can.

    `seconds` is the duration of the attempt until its time was up.
    """
    share = attempt.load.share_read_again if attempt.load else None
    task = attempt.task
    if not share or seconds < task.function_s / 2:  # too short to estimate the speed
        return None
    if seconds / share < task.function_s - ABANDON_BEFORE_END_S:
        return None
    return CheckpointOutOfReach(
        f"{task.work.file.url} cannot go on at its checkpoint: it is compressed, or cannot be read from the middle, "
        f"and reading it again up to there takes about {seconds / share:,.0f} s; a function has "
        f"{task.function_s:,.0f} s. The rows written so far stay. Send the file uncompressed, or as several files."
    )


def _status(error: IngestError) -> str:
    return Status.FAILED if isinstance(error, FileFault) else Status.SUPERSEDED
