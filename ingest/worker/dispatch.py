"""Dispatches messages: claims and does their work, passes over work that others have, or hands it over."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby

from ingest.contract import NO_FEED, Metric, Status
from ingest.errors import (
    IngestError,
    InternalFault,
    NoFeed,
    ObjectArchived,
    OutOfTime,
    StillLoading,
    Throttled,
    UnknownMessage,
    WaitingForBudget,
    WorkerKilled,
)
from ingest.feeds.feed import Feeds
from ingest.file import MOST_RETRIES, FileVersion
from ingest.ledger.claims import Busy, Claimed, ClaimStatus, LeaseToken, Outcome, judge_claim
from ingest.ledger.work_item import CarriedOver, WorkItem, is_open
from ingest.queue.messages import NewFiles, Reconcile, Restored, Several, read_message, reconcile_body, works_of
from ingest.worker.attempt import DeployedSettings, Task, UnfinishedError, next_attempt
from ingest.worker.lease import Lease, Timing
from ingest.worker.load import Sizes
from ingest.worker.ports import WorkerServices
from ingest.worker.reconcile import Reconciler
from ingest.worker.report import Reporter, finish_split_file
from ingest.worker.run import TaskRunner

MOST_STALLS = 1  # hand-overs in a row without progress; after that, the delivery fails
STALL_PAUSE_S = 20  # before a table that took no writes is tried again
PARKED_S = 60  # plus a random 0 to 50 %, so that parked messages do not all come back together
LEAST_DEATHS = 2  # at least this many workers in a row are killed before their work is given up
LAST_DELIVERIES = 2  # deliveries reserved for giving up: SQS would dead-letter the message without a reason


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery of one queue message. `deadline_s` (epoch seconds) is when Lambda stops the function.

    `worker` is a name that no other worker has. `hops` is the number of hand-overs of the message, `stalls` the number
    in a row without progress. `function_s` is the function's timeout in seconds.
    """

    message_id: str
    body: str
    delivery: int
    deadline_s: float
    worker: str = ""
    hops: int = 0
    stalls: int = 0
    function_s: float = 900.0


@dataclass(frozen=True, slots=True)
class Past:
    """What happened at earlier deliveries of a message.

    `deaths` is how many workers in a row were killed at its work, 0 if the work will not be tried again.
    `has_no_error`: the last delivery did not fail by an error of the work, and no worker holds a lease on it now.
    """

    deaths: int = 0
    has_no_error: bool = False


class Dispatcher:
    """Dispatches messages one at a time: claims the work of each and does it."""

    def __init__(
        self,
        settings: DeployedSettings,
        services: WorkerServices,
        *,
        runner: TaskRunner,
        reconciler: Reconciler,
        timing: Timing,
        max_receive_count: int,
    ) -> None:
        self._settings = settings
        self._services = services
        self._ledger = services.ledger
        self._clock = services.clock
        self._runner = runner
        self._reconciler = reconciler
        self._reporter = Reporter(services)
        self._timing = timing
        self._most_deaths = max(LEAST_DEATHS, max_receive_count - LAST_DELIVERIES)

    def past(self, message: Message) -> Past:
        """Return what happened at earlier deliveries of a message."""
        if message.delivery == 1 and not message.hops:
            return Past()
        try:
            asked = read_message(message.body)
        except UnknownMessage:
            return Past()
        works = [asked] if isinstance(asked, WorkItem) else []
        works += map(WorkItem, asked.files) if isinstance(asked, NewFiles) else ()
        entries = [self._ledger.queries.entry(work) for work in works]
        is_free = bool(works) and not any(e and (e.error or e.lease_until_s > self._clock.now_s()) for e in entries)
        deaths = max((entry.claims_in_a_row for entry in entries if entry and is_open(entry.status)), default=0)
        return Past(deaths if is_free and deaths < self._most_deaths else 0, has_no_error=is_free)

    def prefetch(self, messages: Iterable[Message]) -> None:
        """Look up the new files of several messages in one request, which saves a read for each when it is begun."""
        files: list[FileVersion] = []
        for message in messages:
            with suppress(UnknownMessage):
                asked = read_message(message.body)
                files += asked.files if isinstance(asked, NewFiles) else ()
        self._ledger.leases.prefetch(files)

    def dispatch(self, message: Message, keep_messages: Callable[[], None] = lambda: None) -> None:
        """Handle a message to its end: it is finished when this returns. Work that is left goes on in a new message.

        `keep_messages` is called during the work, whenever messages must stay hidden for longer.

        Raises:
            ServiceFault: the message must come back. Its files that are finished will then be duplicates.
        """
        try:
            asked = read_message(message.body)
        except UnknownMessage as fault:
            self.dead_letter(message, fault)
            return
        self._settings.keep()
        if isinstance(asked, Reconcile):
            self._reconcile(asked, message, keep_messages)
            return
        if isinstance(asked, Several):
            for feed, bodies in groupby(asked.bodies, key=self.feed_of):
                self._services.queue.send(bodies, feed=feed, hops=message.hops, stalls=message.stalls)
            return
        for work in self._load_restored(asked.file) if isinstance(asked, Restored) else works_of(asked):
            if not self._dispatch_work(work, message, keep_messages):
                return

    def feed_of(self, body: str) -> str | None:
        """Return the feed of the file that a message names; None if it names none."""
        try:
            works = works_of(read_message(body))
        except UnknownMessage:
            return None
        return self._settings_of(works[0].file)[0] if works else None

    def _reconcile(self, asked: Reconcile, message: Message, keep_messages: Callable[[], None]) -> None:
        """Run the reconciler until the function's time is nearly over, and hand over what is left."""
        token = LeaseToken(message.message_id, message.delivery, 0.0, message.worker)
        end_s = message.deadline_s - self._timing.stop_before_end_s
        found = self._reconciler.run(asked, token=token, lease_s=self._timing.lease_s, end_s=end_s, keep=keep_messages)
        if found.rest:
            self.hand_over(replace(message, body=reconcile_body(found.rest)), NO_FEED, stalls=0)

    def _dispatch_work(self, work: WorkItem, message: Message, keep_messages: Callable[[], None]) -> bool:
        """Do some work; return False if the message was handed over with all of its work that is not done."""
        feed, settings = self._settings_of(work.file)
        if self._clock.now_s() > message.deadline_s - self._timing.stop_before_end_s:
            self.hand_over(message, feed, stalls=message.stalls)
            return False
        token = LeaseToken(
            message.message_id, message.delivery, self._clock.now_s() + self._timing.lease_s, message.worker
        )
        if self._is_ignored(work) and self._ledger.transitions.ignore(work.file, feed):
            self._reporter.passed_over(work.file, feed, Metric.FILES_IGNORED)
            return True
        claimed = self._claim(work, feed, settings, token)
        if claimed is None:
            self._pass_over_stale(work, feed)
            return True
        if isinstance(claimed, ClaimStatus):
            self._pass_over_claimed(work, feed, claimed, token)
            return True
        return self._do(self._task(work, claimed, token, message, keep_messages), message)

    def _claim(self, work: WorkItem, feed: str, settings: str, token: LeaseToken) -> Claimed | ClaimStatus | None:
        """Return the result of a claim; None if a newer version of the file is known."""
        leases = self._ledger.leases
        if work.segment is None and not work.file.undo:  # a file to undo need not be the newest
            return leases.begin(work.file, feed=feed, token=token, settings=settings)
        return leases.claim(work, feed=feed, token=token, settings=settings)

    def _do(self, task: Task, message: Message) -> bool:
        if task.work.segment is not None:
            file = self._ledger.queries.file_status(task.work.file)
            begun_s = task.begun_s if file.first_seen_s is None else file.first_seen_s
            task = replace(task, feed=file.feed, begun_with=file.settings, begun_s=begun_s, order_ms=file.order_ms)
            if not file.should_continue:
                self._runner.stop_segment(task)
                # If a newer version is known, no other message may come to close the file.
                finish_split_file(self._services, task.work.file, task.feed)
                return True
        if task.claimed.deaths >= self._most_deaths:
            self._give_up(task, message)
            return True
        try:
            self._runner.do(task)
        except UnfinishedError as unfinished:
            self._go_on_later(message, task.feed, unfinished)
            return False
        return True

    def _task(
        self,
        work: WorkItem,
        claimed: Claimed,
        token: LeaseToken,
        message: Message,
        keep_messages: Callable[[], None],
    ) -> Task:
        lease = Lease(
            work,
            token,
            self._services,
            timing=self._timing,
            deadline_s=message.deadline_s,
            keep_messages=keep_messages,
        )
        begun = (claimed.settings, claimed.first_seen_s, claimed.order_ms)
        return Task(work, claimed.feed, claimed, lease, message.delivery, *begun, function_s=message.function_s)

    def _pass_over_claimed(self, work: WorkItem, feed: str, status: ClaimStatus, token: LeaseToken) -> None:
        """Pass over work that cannot be claimed, and close or report its file if the worker died before it could.

        Raises:
            StillLoading: an earlier delivery of this message holds the lease, which must run out first.
        """
        if isinstance(judge_claim(status, token), Busy):
            wait_s = max(0.0, status.lease_until_s - self._clock.now_s())
            raise StillLoading(f"An earlier delivery of this message may still work on {work.name}.", wait_s)
        feed = status.feed or self._ledger.queries.file_status(work.file).feed or feed
        if work.segment is not None or status.status == Status.SPLIT:
            finish_split_file(self._services, work.file, feed)
        unreported = self._ledger.queries.unreported(work.file)
        if unreported:
            self._reporter.file_ended(work.file, feed, unreported)
        elif work.segment is None:
            self._reporter.passed_over(work.file, feed, Metric.FILES_DUPLICATE)

    def _pass_over_stale(self, work: WorkItem, feed: str) -> None:
        """Pass over a version that is not the newest; end it if it was begun."""
        known = self._ledger.queries.file_status(work.file)
        feed = known.feed or feed
        self._reporter.passed_over(work.file, feed, Metric.FILES_STALE)
        if not known.status or not is_open(known.status):
            return
        now_s = self._clock.now_s()
        rejects = self._services.rejects_url(work.file) if known.row_counts.rows_rejected else None
        outcome = Outcome(Status.SUPERSEDED, known.row_counts, max(0.0, now_s - (known.first_seen_s or now_s)), rejects)
        ended = self._ledger.transitions.end_early(work.file, outcome)
        if ended:
            self._reporter.file_ended(work.file, feed, ended)

    def _go_on_later(self, message: Message, feed: str, unfinished: UnfinishedError) -> None:
        """Hand the message over if its work can go on in another invocation.

        Raises:
            ServiceFault: it cannot; the message comes back through the queue, which counts its deliveries.
        """
        fault = unfinished.fault
        if isinstance(fault, WaitingForBudget):
            self.hand_over(message, feed, stalls=message.stalls, delay_s=self._parked_s())
        elif isinstance(fault, InternalFault):  # with a little progress each time, it would go on forever
            raise fault
        elif unfinished.made_progress:
            self.hand_over(message, feed, stalls=0)
        elif isinstance(fault, (OutOfTime, Throttled)) and message.stalls < MOST_STALLS:
            self.hand_over(message, feed, stalls=message.stalls + 1)
        else:
            raise fault

    def _parked_s(self) -> int:
        """Return how many seconds a message waits when too many workers share a table's write budget."""
        return round(PARKED_S * (1 + self._clock.chance() / 2))

    def hand_over(self, message: Message, feed: str | None, *, stalls: int, delay_s: int = 0) -> None:
        """Send a message again as a new one, whose count of deliveries starts at one."""
        delay_s = STALL_PAUSE_S if stalls > message.stalls else delay_s
        hops = message.hops + 1
        self._services.queue.send([message.body], feed=feed, hops=hops, stalls=stalls, delay_s=delay_s)
        self._reporter.handed_over(message.message_id, hops)

    def dead_letter(self, message: Message, fault: IngestError) -> None:
        """Put a message in the dead-letter queue, with the reason."""
        self._services.dead_letters.dead_letter(message.body, code=fault.code, reason=str(fault))
        self._reporter.dead_lettered(message.message_id, fault)

    def _give_up(self, task: Task, message: Message) -> None:
        """End the file of work at which several workers in a row were killed."""
        error = WorkerKilled(
            f"{task.claimed.deaths} functions in a row were killed while they loaded {task.work.name}, most likely for "
            "lack of memory, as their log says. Raise `memory_mb`, or lower the feed's `max_record_bytes`, and retry "
            "the file."
        )
        self.dead_letter(message, error)  # first: once the file has ended, this work could not be claimed again
        self._runner.give_up(task, error)

    def _load_restored(self, file: FileVersion) -> list[WorkItem]:
        """Return a new attempt at a file that failed because it was archived; otherwise its last attempt, if any."""
        attempts = [
            entry
            for entry in self._ledger.queries.versions(file.bucket, file.key)
            if _is_same_version(entry.work.file, file)
        ]
        if not attempts:  # older than the ledger's entries: not restored in order to be loaded
            self._services.log("restored object is not known", {"file": file.url})
            return []
        last = max(attempts, key=lambda entry: entry.work.file.version)
        if last.error_code != ObjectArchived.code or is_open(last.status) or last.work.file.retry == MOST_RETRIES:
            return [last.work]
        again = next_attempt(last.work.file, lambda file: not any(self._ledger.queries.segments(file)))
        begun = CarriedOver(order_ms=last.order_ms, settings=last.settings if again.undo else "")
        self._ledger.transitions.retry(again, feed=last.feed, begun=begun)
        return [WorkItem(again)]

    def _is_ignored(self, work: WorkItem) -> bool:
        """Return whether the feeds exclude an object. Retries are loaded anyway, and files begun before (`ignore`)."""
        return (
            work.segment is None
            and not work.file.retry
            and self._settings.feeds.ignores(work.file.key, work.file.size_bytes)
        )

    def _settings_of(self, file: FileVersion) -> tuple[str, str]:
        """Return the name of a file's feed and the fingerprint of its settings, both as deployed now."""
        try:
            name, settings = self._settings.of_key(file.key)
        except NoFeed:
            return NO_FEED, NO_FEED
        return name, settings.fingerprint


def _is_same_version(known: FileVersion, file: FileVersion) -> bool:
    """Return whether two files are the same version. One found by listing the bucket has no version id."""
    if known.version_id and file.version_id:
        return known.version_id == file.version_id
    return bool(file.etag) and known.etag == file.etag


def build_dispatcher(
    feeds: Feeds,
    services: WorkerServices,
    *,
    timing: Timing,
    segment_bytes: int,
    bucket: str,
    stuck_s: float,
    max_receive_count: int = 5,
    sizes: Sizes | None = None,
) -> Dispatcher:
    """Return a dispatcher with its worker and reconciler. Files larger than `segment_bytes` are split. `bucket` is the
    landing bucket, `stuck_s` as in `Reconciler`, `max_receive_count` the queue's limit of deliveries."""
    settings = DeployedSettings(feeds, services.ledger, sizes=sizes or Sizes(), segment_bytes=segment_bytes)
    runner = TaskRunner(settings, services)
    reconciler = Reconciler(feeds, services, bucket=bucket, stuck_s=stuck_s)
    return Dispatcher(
        settings,
        services,
        runner=runner,
        reconciler=reconciler,
        timing=timing,
        max_receive_count=max_receive_count,
    )
