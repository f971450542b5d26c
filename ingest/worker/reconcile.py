"""Looks after what no message brings to its end: stuck work, unreported outcomes, objects never heard of."""

from dataclasses import asdict, dataclass

from ingest.contract import Status
from ingest.errors import GivenUp
from ingest.feeds.feed import Feeds
from ingest.ledger.claims import Outcome
from ingest.ledger.work_item import Entry, WorkItem, is_open
from ingest.queue.messages import body_of
from ingest.worker.ports import Services
from ingest.worker.report import NO_FEED, Reporter, finish_split_file

MOST_RESENT = 3
DAY_S = 86_400.0
LONG_QUEUE = 1000  # with this many messages waiting, work that no one has begun is only late


@dataclass(slots=True)
class Findings:
    """What a run found and did: counts."""

    outcomes_reported: int = 0
    files_closed: int = 0
    files_sent_again: int = 0
    segments_sent_again: int = 0
    files_given_up: int = 0
    objects_not_known: int = 0
    is_late: bool = False  # the queue is long: nothing was sent again, and no lost notification looked for

    @property
    def is_nothing(self) -> bool:
        """Whether all was well."""
        return not any(asdict(self).values())


class Reconciler:
    """Looks once through what is open, and through the objects of the last day. Safe to run at any time.

    Open files are found by the feeds that the ledger knows: also those of a feed that was renamed or removed since.

    `bucket` is where files are dropped. `stuck_s`: work that no one holds and that has not moved for this long has lost
    its message. A message too many does no harm: whatever is done or held already is a duplicate.
    """

    def __init__(self, feeds: Feeds, services: Services, *, bucket: str, stuck_s: float) -> None:
        self._feeds = feeds
        self._services = services
        self._ledger = services.ledger
        self._clock = services.clock
        self._reporter = Reporter(services)
        self._bucket = bucket
        self._stuck_s = stuck_s

    def run(self) -> Findings:
        """Look once; return what was found, and done about it."""
        is_late = self._services.queue.waiting() >= LONG_QUEUE
        findings = Findings(is_late=is_late)
        for feed in {**self._feeds.feeds, **self._ledger.queries.feeds(), NO_FEED: None}:  # files know those of old
            self._look_after_feed(feed, findings, is_late=is_late)
        if not is_late:
            for name, declared in self._feeds.feeds.items():
                self._look_for_lost(name, declared.prefix, findings)
        self._services.log("reconciled", asdict(findings))
        return findings

    def _look_after_feed(self, feed: str, findings: Findings, *, is_late: bool) -> None:
        """Look after a feed's files, and report how old the oldest is that stays unfinished."""
        begun_s = [
            entry.first_seen_s or entry.moved_s
            for entry in self._ledger.queries.open_files(feed)
            if self._look_after(entry, findings, is_late=is_late)
        ]
        if begun_s or feed in self._feeds.feeds:  # no others should have any: the metric costs nothing until they do
            oldest_s = max(0.0, self._clock.now_s() - min(begun_s)) if begun_s else 0.0
            self._reporter.oldest_unfinished(feed, oldest_s)

    def _look_after(self, entry: Entry, findings: Findings, *, is_late: bool) -> bool:
        """Return whether the file stays unfinished."""
        file = entry.work.file
        if not is_open(entry.status):
            unreported = self._ledger.queries.unreported(file) if self._is_old(entry) else None
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
        """Return whether whoever closed the file has had the time to report it."""
        return self._clock.now_s() - entry.moved_s >= min(60.0, self._stuck_s)

    def _send_stuck(self, entry: Entry, findings: Findings) -> bool:
        """Send the messages of the stuck parts of a file again, or give it up; return whether it was given up."""
        now_s = self._clock.now_s()
        parts = [entry, *(self._ledger.queries.segments(entry.work.file) if entry.segments else ())]
        for part in parts:
            if not part.is_stuck(now_s, self._stuck_s):
                continue
            if part.resent >= MOST_RESENT and part.attempts > part.attempts_when_resent:
                is_given_up = self._give_up(entry, part)
                findings.files_given_up += is_given_up
                return is_given_up
            if self._ledger.transitions.note_resent(part.work):
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

    def _look_for_lost(self, feed: str, prefix: str, findings: Findings) -> None:
        """Send messages for objects that are not known, although their notification should have come by now."""
        now_s = self._clock.now_s()
        for file, changed_s in self._services.listing.under(self._bucket, prefix):
            is_due = self._stuck_s <= now_s - changed_s <= self._stuck_s + DAY_S
            is_wanted = is_due and not self._feeds.ignores(file.key, file.size_bytes)
            if is_wanted and not self._ledger.queries.knows(file):
                self._services.queue.send([body_of(WorkItem(file))], feed=feed)
                self._reporter.object_found(file)
                findings.objects_not_known += 1
