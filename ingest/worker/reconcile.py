"""The reconciler: resends lost messages of stuck work, reports unreported outcomes, finds unnoticed objects."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from itertools import islice

from ingest.aws.clock import iso_day
from ingest.contract import NO_FEED, Status
from ingest.errors import GivenUp, ObjectArchived, ServiceFault
from ingest.feeds.feed import Feeds
from ingest.file import MOST_RETRIES
from ingest.ledger.claims import LeaseToken, Looked, Outcome
from ingest.ledger.work_item import Entry, WorkItem, is_open
from ingest.queue.messages import Reconcile, body_of, restored_body
from ingest.worker.lease import TimeIsUpError, Turn
from ingest.worker.ports import Services
from ingest.worker.report import Reporter, finish_split_file

MOST_RESENT = 3
DAY_S = 86_400.0
LOOKS_AT_ALL_S = DAY_S / 4  # how often a run covers a whole day's objects; other runs cover those changed since
OVERLAP_S = 3600.0  # S3 dates an object by the start of its multipart upload, which may end much later
PORTION = 100  # objects looked up in the ledger at once
FROM_THE_START = Reconcile()
BY_HAND = LeaseToken("by hand", 0, 0.0)
OPEN, ARCHIVED, LIST = "open ", "archived ", "list "  # a step's name is one of these and a feed
ARCHIVED_DAYS = 30  # restored objects are looked for this long after their files failed as archived
MOST_FAILED = 1000  # failed files of a feed that are checked for this, newest first
LONG_QUEUE = 1000  # with this many messages waiting, work that was not begun is late, not lost


@dataclass(slots=True)
class Findings:
    """Counts of what a run found and did."""

    outcomes_reported: int = 0
    files_closed: int = 0
    files_sent_again: int = 0
    segments_sent_again: int = 0
    files_given_up: int = 0
    objects_not_known: int = 0
    objects_restored: int = 0
    not_looked_after: int = 0  # files, because a service failed: left to the next run
    is_late: bool = False  # the queue is long: nothing was sent again, and no lost notification looked for
    is_busy: bool = False  # another run is under way: nothing was done
    rest: Reconcile | None = None  # what is left if the run had to end early

    @property
    def is_nothing(self) -> bool:
        """Whether the run found nothing to do."""
        return not any(asdict(self).values())


@dataclass(frozen=True, slots=True)
class Window:
    """Which changes of objects to look for (epoch seconds), and the state to save when that is done."""

    since_s: float
    until_s: float
    looked: Looked
    is_whole: bool = False


class Reconciler:
    """Goes once through the open files and the objects of the last day. Safe to run at any time.

    Open files are listed by the feeds that the ledger knows, including feeds that were renamed or removed since.

    `bucket` is the landing bucket. `stuck_s`: work that no worker holds and that made no progress for this long has
    lost its message. An extra message does no harm: work that is done or held is passed over as a duplicate.
    """

    def __init__(self, feeds: Feeds, services: Services, *, bucket: str, stuck_s: float) -> None:
        self._feeds = feeds
        self._services = services
        self._ledger = services.ledger
        self._clock = services.clock
        self._reporter = Reporter(services)
        self._bucket = bucket
        self._stuck_s = stuck_s

    def run(
        self,
        asked: Reconcile = FROM_THE_START,
        *,
        token: LeaseToken = BY_HAND,
        lease_s: float = 60.0,
        end_s: float = float("inf"),
        keep: Callable[[], None] = lambda: None,
    ) -> Findings:
        """Go through everything once; return what was found and done.

        Only one run is active at a time; `token` is the name of this one. It stops at `end_s` (epoch seconds), and
        returns the rest, which another run takes as `asked`. `keep` hides its message meanwhile.
        """
        turn = Turn(self._services, token, lease_s=lease_s, end_s=end_s, keep=keep)
        looked = turn.take()
        if looked is None:
            return Findings(is_busy=True)
        done = None
        try:
            window = self._window(asked, looked, is_whole=token == BY_HAND)
            findings = self._run(asked, turn, window)
            done = None if findings.is_late or findings.rest else window.looked
        finally:
            turn.end(done)
        self._services.log("reconciled", asdict(findings))
        return findings

    def _window(self, asked: Reconcile, looked: Looked, *, is_whole: bool) -> Window:
        until_s = asked.until_s or self._clock.now_s() - self._stuck_s
        is_whole = is_whole or until_s - looked.all_s >= LOOKS_AT_ALL_S
        changed_since = looked.until_s - OVERLAP_S if looked.until_s else float("inf")
        since_s = min(until_s - DAY_S, changed_since) if is_whole else changed_since
        return Window(since_s, until_s, Looked(until_s, until_s if is_whole else looked.all_s), is_whole)

    def _run(self, asked: Reconcile, turn: Turn, window: Window) -> Findings:
        """Take one step after another, beginning with the step in `asked`."""
        is_late = self._services.queue.waiting() >= LONG_QUEUE
        findings = Findings(is_late=is_late)
        feeds = {**self._feeds.feeds, **self._ledger.queries.feeds(), NO_FEED: None}  # removed feeds may have files
        steps = [OPEN + feed for feed in feeds]
        steps += [ARCHIVED + feed for feed in feeds] if window.is_whole and not is_late else []
        steps += [] if is_late else [LIST + feed for feed in self._feeds.feeds]
        first = steps.index(asked.step) if asked.step in steps else 0
        for number, step in enumerate(steps[first:], start=first):
            at = Reconcile(step, asked.after if step == asked.step else "", window.until_s)
            try:
                self._take(step, at, turn, window, findings)
            except TimeIsUpError as up:
                at = up.args[0] if up.args else at
                if at == asked:  # no further than the previous run: more is open than one run can handle
                    at = Reconcile(steps[(number + 1) % len(steps)], "", window.until_s)
                findings.rest = at
                break
        return findings

    def _take(self, step: str, at: Reconcile, turn: Turn, window: Window, findings: Findings) -> None:
        if step.startswith(OPEN):
            self._look_after_feed(step.removeprefix(OPEN), turn, findings)
        elif step.startswith(ARCHIVED):
            self._look_for_restored(step.removeprefix(ARCHIVED), turn, findings)
        else:
            self._look_for_lost(at, turn, window, findings)

    def _look_after_feed(self, feed: str, turn: Turn, findings: Findings) -> None:
        """Look after a feed's open files, and report the age of the oldest one that stays unfinished."""
        begun_s = []
        for entry in self._ledger.queries.open_files(feed):
            turn.go_on()
            if self._try_to_look_after(entry, findings):
                begun_s.append(entry.first_seen_s or entry.moved_s)
        if begun_s or feed in self._feeds.feeds:  # old feeds: only with open files, to save the metric's cost
            oldest_s = max(0.0, self._clock.now_s() - min(begun_s)) if begun_s else 0.0
            self._reporter.oldest_unfinished(feed, oldest_s)

    def _try_to_look_after(self, entry: Entry, findings: Findings) -> bool:
        """Return whether a file stays unfinished. A service failure for one file does not stop the run."""
        try:
            return self._look_after(entry, findings, is_late=findings.is_late)
        except ServiceFault as fault:
            findings.not_looked_after += 1
            self._services.log("file not looked after", {"file": entry.work.file.url, "error": fault.code})
            return is_open(entry.status)

    def _look_after(self, entry: Entry, findings: Findings, *, is_late: bool) -> bool:
        """Return whether a file stays unfinished, after reporting, closing or resending it as needed."""
        file = entry.work.file
        if not is_open(entry.status):
            may_report = self._is_old(entry) and not findings.not_looked_after  # the event bus may be down: try it once
            unreported = self._ledger.queries.unreported(file) if may_report else None
            if unreported:
                self._reporter.file_ended(file, entry.feed, unreported)
                findings.outcomes_reported += 1
            return False
        if entry.status == Status.SPLIT and entry.segments == entry.segments_done:
            finish_split_file(self._services, file, entry.feed)
            findings.files_closed += 1
            return False
        return is_late or not self._send_stuck(entry, findings)

    def _is_old(self, entry: Entry) -> bool:
        """Return whether the worker that closed the file has had enough time to report it."""
        return self._clock.now_s() - entry.moved_s >= min(60.0, self._stuck_s)

    def _send_stuck(self, entry: Entry, findings: Findings) -> bool:
        """Resend the messages of a file's stuck parts, or give the file up; return whether it was given up."""
        now_s = self._clock.now_s()
        parts = [entry, *(self._ledger.queries.segments(entry.work.file) if entry.segments else ())]
        for part in parts:
            if not part.is_stuck(now_s, self._stuck_s):
                continue
            if part.resent >= MOST_RESENT and part.attempts > part.attempts_when_resent:
                is_given_up = self._give_up(entry, part)
                findings.files_given_up += is_given_up
                return is_given_up
            if self._ledger.transitions.note_resent(part.work, part.resent + 1):
                self._services.queue.send([body_of(part.work)], feed=entry.feed)
                self._reporter.resent(part.work, part.resent + 1)
                findings.segments_sent_again += part.work.segment is not None
                findings.files_sent_again += part.work.segment is None
        return False

    def _give_up(self, entry: Entry, part: Entry) -> bool:
        now_s = self._clock.now_s()
        error = GivenUp(
            f"{part.work.name} was sent to a worker {1 + part.resent} times and none could finish it; the last error "
            f"was: {part.error or 'none was reported.'} Fix the cause and retry the file."
        )
        begun_s = entry.first_seen_s or now_s
        rejects = self._services.rejects_url(entry.work.file) if entry.row_counts.rows_rejected else None
        outcome = Outcome(Status.FAILED, entry.row_counts, max(0.0, now_s - begun_s), rejects, error)
        ended = self._ledger.transitions.give_up(entry.work.file, outcome)
        if ended:
            self._reporter.file_ended(entry.work.file, entry.feed, ended)
        return ended is not None

    def _look_for_restored(self, feed: str, turn: Turn, findings: Findings) -> None:
        """Send messages for archived objects that can be read now, in case S3's event was lost."""
        queries, now_s = self._ledger.queries, self._clock.now_s()
        days = [iso_day(now_s - number * DAY_S) for number in range(ARCHIVED_DAYS)]
        failed = (e for day in days for e in queries.ended_files(feed, Status.FAILED, day, newest_first=True))
        for entry in islice(failed, MOST_FAILED):
            turn.go_on()
            try:
                if self._is_restored(entry):
                    self._services.queue.send([restored_body(entry.work.file)], feed=feed)
                    findings.objects_restored += 1
            except ServiceFault as fault:
                findings.not_looked_after += 1
                self._services.log("file not looked after", {"file": entry.work.file.url, "error": fault.code})

    def _is_restored(self, entry: Entry) -> bool:
        """Return whether a file failed because it was archived, was not retried since, and can be read now."""
        file = entry.work.file
        if entry.error_code != ObjectArchived.code or file.retry == MOST_RETRIES:
            return False
        again = replace(file, retry=(file.retry or 0) + 1)
        return self._ledger.queries.entry(WorkItem(again)) is None and self._services.listing.is_readable(file)

    def _look_for_lost(self, at: Reconcile, turn: Turn, window: Window, findings: Findings) -> None:
        """Send messages for objects unknown to the ledger whose notification should have arrived by now.

        Raises:
            TimeIsUpError: the run must end; it has the rest as a `Reconcile`.
        """
        feed = at.step.removeprefix(LIST)
        prefix = self._feeds.feeds[feed].prefix
        listed = iter(self._services.listing.under(self._bucket, prefix, after=at.after))
        while portion := list(islice(listed, 10 * PORTION)):  # a page of S3's
            try:
                turn.go_on()
            except TimeIsUpError as up:
                raise TimeIsUpError(at) from up
            due = [file for file, changed_s in portion if window.since_s <= changed_s <= window.until_s]
            wanted = (file for file in due if not self._feeds.ignores(file.key, file.size_bytes))
            for file in self._ledger.queries.unknown(wanted):
                self._services.queue.send([body_of(WorkItem(file))], feed=feed)
                self._reporter.object_found(file)
                findings.objects_not_known += 1
            at = replace(at, after=portion[-1][0].key)
