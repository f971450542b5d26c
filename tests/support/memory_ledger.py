"""The ledger in memory, by the same steps as the table: tests/ledger holds both to one contract."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from ingest.aws.clock import epoch_s, iso, iso_day
from ingest.contract import Status
from ingest.errors import IngestError, InternalFault, LeaseLost, Throttled
from ingest.file import FileVersion
from ingest.ledger.begun import ABANDONED_S
from ingest.ledger.claims import (
    Claimed,
    ClaimStatus,
    FileStatus,
    KnownOrder,
    LeaseToken,
    Looked,
    Newest,
    Outcome,
    next_order_ms,
    split_outcome,
)
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.store import BEGIN_ATTEMPTS, TableLedger
from ingest.ledger.table import steps_of
from ingest.ledger.work_item import (
    FILE_STEPS,
    NEW,
    SEGMENT_STEPS,
    CarriedOver,
    Checkpoint,
    Entry,
    KeptFeed,
    SegmentPlan,
    Step,
    WorkItem,
    is_open,
)
from ingest.reading.segments import Segment
from ingest.worker.ports import WorkerClock
from tests.support.fakes import ScriptedClock
from tests.support.memory_budgets import MemoryBudgets


@dataclass
class MemoryEntry:
    """One entry, as the table has it."""

    work: WorkItem
    status: str = NEW
    feed: str = ""
    settings: str = ""
    order_ms: int | None = None
    lease: str = ""
    until_s: float = 0.0
    attempts: int = 0
    first_seen_s: float | None = None
    started_s: float | None = None
    moved_s: float = 0.0
    checkpoint: Checkpoint | None = None
    plan: SegmentPlan | None = None
    row_counts: RowCounts = NOTHING
    segments_done: int = 0
    resent: int = 0
    attempts_when_resent: int = 0
    claims_in_a_row: int = 0
    outcome: Outcome | None = None
    error: IngestError | None = None
    reported: bool = False
    is_counted: bool = False  # of a segment: by its file
    is_written: bool = True  # False: it is a file's that was begun in its HEAD, and has no entry of its own
    is_listed: bool = False  # in the index, of a file
    ended: dict[int, list["MemoryEntry"]] = field(default_factory=dict)  # of a file: its segments, by count entry

    @property
    def error_code(self) -> str:
        """The code of its error, if it has one."""
        return self.error.code if self.error else ""


COUNT_SHARES = 2  # so that two segments may, and may not, count in one
SameLedger = TypeVar("SameLedger")


def at(ledger: SameLedger, time_s: float) -> SameLedger:
    """Return the same ledger, by another clock."""
    if isinstance(ledger, TableLedger):
        return TableLedger(table=ledger.table.dynamodb, clock=ScriptedClock(time_s))  # type: ignore[return-value]
    seen = copy.copy(ledger)
    seen.clock = ScriptedClock(time_s)  # type: ignore[attr-defined]
    return seen


class MemoryLedger:
    """A `Ledger` whose parts are one object. `at` shows it at another time."""

    def __init__(self, clock: WorkerClock | None = None) -> None:
        self.clock = clock or ScriptedClock()
        self.newest: dict[str, str] = {}
        self.found: dict[str, tuple[str | None, str, str]] = {}  # eTag, when it was found, when it was changed
        self.orders: dict[str, KnownOrder] = {}
        self.begun: dict[str, tuple[str, str]] = {}  # URL -> the key of the entry that was begun in its HEAD
        self.entries: dict[tuple[str, str], MemoryEntry] = {}
        self.turn: dict[str, tuple[str, float]] = {"now": ("", 0.0)}
        self.looked = [Looked()]
        self.meanwhile: Callable[[], None] = lambda: None  # between two requests of one call
        self.kept_feeds: dict[str, KeptFeed] = {}
        self.kept_settings: dict[str, str] = {}
        self.budgets = MemoryBudgets()

    @property
    def leases(self) -> "MemoryLedger":
        return self

    @property
    def transitions(self) -> "MemoryLedger":
        return self

    @property
    def queries(self) -> "MemoryLedger":
        return self

    def note_newest(self, file: FileVersion, *, least_ms: int = 0) -> int | None:
        now_s = self.clock.now_s()
        if self._is_late(file):
            return None
        if self.begun.get(file.url, ("", ""))[1] != WorkItem(file).sort_key:
            self._keep_begun(file)
        return self._note(file, now_s, least_ms)

    def prefetch(self, files: Sequence[FileVersion]) -> None:
        pass

    def begin(
        self, file: FileVersion, *, feed: str, token: LeaseToken, settings: str = ""
    ) -> Claimed | ClaimStatus | None:
        now_s, work = self.clock.now_s(), WorkItem(file)
        for _ in range(BEGIN_ATTEMPTS):
            head = self._head(file)
            if self._is_late(file):
                return None
            if self._may_have_entry(file):
                self.meanwhile()
                is_noted = self.newest.get(file.url) == file.version
                known_ms = self.orders[file.url].order_ms if is_noted else self.note_newest(file)
                self.meanwhile()
                claim = partial(self.claim, work, feed=feed, token=token, settings=settings)
                return None if known_ms is None else claim(order_ms=known_ms)
            self.meanwhile()
            self._keep_begun(file)
            self.meanwhile()
            if not self._is_as_it_was(file, head):
                continue
            entry = self._begin(work, feed, token, settings, now_s)
            entry.order_ms = self._note(file, now_s)
            return _claimed(entry)
        raise Throttled("Others write of the object all the time.")

    def _begin(self, work: WorkItem, feed: str, token: LeaseToken, settings: str, now_s: float) -> MemoryEntry:
        """Begin a file in its HEAD. What was begun there before is gone, if it has no entry of its own."""
        before = self.begun.get(work.file.url)
        if before and not self.entries[before].is_written:
            del self.entries[before]
        entry = MemoryEntry(work, Status.LOADING, feed, settings, lease=token.value, until_s=token.until_s, attempts=1)
        entry.claims_in_a_row, entry.is_written = 1, False
        entry.first_seen_s = entry.started_s = entry.moved_s = now_s
        self._keep(entry)
        self.begun[work.file.url] = work.file.url, work.sort_key
        return entry

    def _head(self, file: FileVersion) -> tuple[object, ...]:
        begun = self.entries.get(self.begun.get(file.url, ("", "")))
        noted = self.newest.get(file.url), self.found.get(file.url), self.orders.get(file.url)
        return *noted, begun and (begun.work, begun.first_seen_s)

    def _is_as_it_was(self, file: FileVersion, head: tuple[object, ...]) -> bool:
        return self._head(file) == head

    def _is_late(self, file: FileVersion) -> bool:
        if not file.sequencer:
            return self.is_reported(file)
        etag, found_at, _ = self.found.get(file.url, ("", "", ""))
        is_found = etag is not None and etag == file.etag and found_at >= (file.event_time or "~")
        return is_found or self.newest.get(file.url, "") > file.version

    def _may_have_entry(self, file: FileVersion) -> bool:
        if file.retry or file.sequencer:
            return bool(file.retry) or self.newest.get(file.url) == file.version
        return self._of(WorkItem(file)).status not in (NEW, Status.IGNORED)

    def _note(self, file: FileVersion, now_s: float, least_ms: int = 0) -> int:
        """Note a version as the newest; return its order value."""
        known = self.orders.get(file.url, KnownOrder())
        order_ms = next_order_ms(file, known, now_s, least_ms=least_ms)
        if file.sequencer:
            self.newest[file.url] = file.version
            self.orders[file.url] = replace(known, version=file.version, order_ms=order_ms)
        else:
            self.found[file.url] = (file.etag, iso(now_s), file.changed or "")
            self.orders[file.url] = replace(known, found_ms=order_ms, found_changed=file.changed or "")
        return order_ms

    def _keep_begun(self, file: FileVersion) -> None:
        """Write what was begun in a HEAD as an entry, and list what was not reported."""
        if entry := self.entries.get(self.begun.get(file.url, ("", ""))):
            entry.is_written, entry.is_listed = True, True

    def keep_feeds(self, deployed: Mapping[str, KeptFeed]) -> None:
        for name, kept in self.kept_feeds.items():
            self.kept_feeds[name] = replace(kept, is_deployed=False)
        for name, kept in deployed.items():
            self.kept_feeds[name] = kept
            self.kept_settings.setdefault(kept.settings, kept.text)

    def keep_settings(self, kept: KeptFeed) -> None:
        self.kept_settings.setdefault(kept.settings, kept.text)

    def undo(self, file: FileVersion) -> bool:
        entry = self._of(WorkItem(file))
        if _allows(FILE_STEPS["undo"], entry, None, 0.0):
            entry.status, entry.reported = Status.UNDONE, True
        return entry.status == Status.UNDONE

    def settings(self, fingerprint: str) -> str | None:
        return self.kept_settings.get(fingerprint)

    def feeds(self) -> dict[str, KeptFeed]:
        return dict(self.kept_feeds)

    def claim(
        self, work: WorkItem, *, feed: str, token: LeaseToken, settings: str = "", order_ms: int = 0
    ) -> Claimed | ClaimStatus:
        now_s = self.clock.now_s()
        entry = self._written(work)
        if not _allows(steps_of(work)["claim"], entry, token, now_s):
            if (entry.status, entry.lease) == (Status.LOADING, token.value):  # ours, and only the answer was lost
                return _claimed(entry)
            return ClaimStatus(entry.status, entry.lease, entry.until_s, entry.feed)
        entry.status, entry.lease, entry.until_s, entry.error = Status.LOADING, token.value, token.until_s, None
        entry.started_s = entry.moved_s = now_s
        entry.outcome, entry.reported = None, False  # of one that was ignored
        entry.attempts += 1
        entry.claims_in_a_row += 1
        if work.segment is None and entry.settings in ("", settings):
            entry.feed, entry.settings = feed, settings
        if work.segment is None and entry.order_ms is None:
            entry.order_ms = order_ms
        entry.first_seen_s = now_s if entry.first_seen_s is None else entry.first_seen_s
        entry.is_listed = True
        self._keep(entry)
        return _claimed(entry)

    def renew(self, work: WorkItem, token: LeaseToken) -> None:
        self._held(work, "save", token).until_s = token.until_s

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint) -> None:
        now_s = self.clock.now_s()
        entry = self._held(work, "save", token)
        entry.until_s, entry.moved_s, entry.resent, entry.claims_in_a_row = token.until_s, now_s, 0, 0
        entry.checkpoint, entry.row_counts = checkpoint, checkpoint.row_counts

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        entry = self._held(work, "put back", token)
        entry.status, entry.until_s, entry.error, entry.claims_in_a_row = Status.WAITING, 0.0, error, 0
        if checkpoint:
            entry.checkpoint, entry.row_counts = checkpoint, checkpoint.row_counts

    def file_status(self, file: FileVersion) -> FileStatus:
        entry = self._of(WorkItem(file))
        status, is_newest = entry.status, self._is_newest(file)
        row_counts, order_ms = _live(entry).row_counts, entry.order_ms or 0
        return FileStatus(status, is_newest, row_counts, entry.feed, entry.settings, entry.first_seen_s, order_ms)

    def add_segment(self, file: FileVersion, segment: Segment) -> None:
        now_s = self.clock.now_s()
        entry = self._of(WorkItem(file, segment))
        if entry.status == NEW:
            entry.status, entry.moved_s = Status.PENDING, now_s
            self._keep(entry)
        elif entry.work.segment != segment:
            raise InternalFault("A segment was planned with another end before.")

    def save_plan(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan) -> None:
        now_s = self.clock.now_s()
        entry = self._held(WorkItem(file), "save", token)
        entry.plan, entry.until_s, entry.moved_s = plan, token.until_s, now_s
        entry.resent = entry.claims_in_a_row = 0

    def split(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan, *, head_bytes: int) -> None:
        now_s = self.clock.now_s()
        entry = self._held(WorkItem(file), "split", token)
        entry.status, entry.until_s, entry.moved_s, entry.plan = Status.SPLIT, 0.0, now_s, plan
        entry.row_counts = entry.row_counts.plus(RowCounts(bytes_read=head_bytes))

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        now_s = self.clock.now_s()
        entry = self._held(WorkItem(file), "complete", token, is_listed=False)
        entry.row_counts = outcome.row_counts
        self._close(entry, outcome, now_s)

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        now_s = self.clock.now_s()
        entry = self._held(work, "finish" if is_whole else "stop", token)
        entry.status = Status.DONE if is_whole else Status.STOPPED
        entry.row_counts, entry.until_s, entry.moved_s = row_counts, 0.0, now_s
        self._of(WorkItem(work.file)).ended.setdefault(share_of(work), []).append(entry)

    def end_by_segment(
        self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, outcome: Outcome
    ) -> Outcome | None:
        self.end_segment(work, token, row_counts, is_whole=False)
        return self.end_early(work.file, outcome)

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> Outcome:
        now_s = self.clock.now_s()
        return self._close(self._held(WorkItem(file), "fail", token, is_listed=False), outcome, now_s)

    def end_early(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        now_s = self.clock.now_s()
        entry = self._written(WorkItem(file))
        if not _allows(FILE_STEPS["fail, by a segment"], entry, None, now_s):
            return None
        return self._close(entry, outcome, now_s)

    def end_split(self, file: FileVersion, *, rejects: str) -> Outcome | None:
        now_s = self.clock.now_s()
        entry = self._of(WorkItem(file))
        is_newest = self._is_newest(file)
        if entry.status != Status.SPLIT:
            return None
        counted: list[MemoryEntry] = []
        for share in range(COUNT_SHARES):  # not at one moment: others go on
            self.meanwhile()
            counted += entry.ended.get(share, ())
        assert entry.plan is not None
        if is_newest and entry.segments_done + len(counted) != entry.plan.segments:
            return None
        row_counts = _plus(entry.row_counts, counted)
        size = file.size_bytes if file.size_bytes is not None else entry.plan.at.byte
        status, error = split_outcome(row_counts, is_newest=is_newest, object_bytes=size)
        where = rejects if row_counts.rows_rejected else None
        seconds = now_s - (entry.first_seen_s or now_s)
        self.meanwhile()
        if not _allows(FILE_STEPS["complete, by its last segment"], entry, None, now_s):
            return None
        return self._close(entry, Outcome(status, row_counts, seconds, where, error), now_s, counted)

    def unreported(self, file: FileVersion) -> Outcome | None:
        entry = self._of(WorkItem(file))
        if is_open(entry.status) or entry.reported or not entry.outcome:
            return None
        return replace(entry.outcome, row_counts=entry.row_counts)

    def ignore(self, file: FileVersion, feed: str) -> bool:
        now_s = self.clock.now_s()
        entry = self._of(WorkItem(file))
        if not _allows(FILE_STEPS["ignore"], entry, None, now_s):
            return entry.status == Status.IGNORED  # also where it was begun in its HEAD
        entry.status, entry.feed, entry.first_seen_s, entry.moved_s = Status.IGNORED, feed, now_s, now_s
        entry.outcome, entry.reported = Outcome(Status.IGNORED, NOTHING, 0.0), True
        self._keep(entry)
        return True

    def note_reported(self, file: FileVersion, feed: str, status: str) -> None:
        entry = self._of(WorkItem(file))
        entry.reported = entry.reported or entry.status == status
        entry.is_listed = entry.is_listed or entry.status == status

    def list_unreported(self, file: FileVersion, feed: str) -> None:
        self._of(WorkItem(file)).is_listed = True

    def open_files(self, feed: str) -> Iterator[Entry]:
        return iter([_seen(r) for r in self.files() if r.feed == feed and r.is_listed and not r.reported])

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        found = [
            r for r in self.files() if r.reported and (r.feed, r.status, iso_day(r.moved_s)) == (feed, status, day)
        ]
        return iter([_seen(r) for r in sorted(found, key=lambda r: r.moved_s, reverse=newest_first)])

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        return iter([_seen(entry) for entry in self.segment_entries(file)])

    def versions(self, bucket: str, key: str) -> Iterator[Entry]:
        found = [r for r in self.files() if (r.work.file.bucket, r.work.file.key) == (bucket, key)]
        return iter([_seen(entry) for entry in sorted(found, key=lambda entry: entry.work.sort_key)])

    def knows(self, file: FileVersion) -> bool:
        return self._known(file) is not None

    def is_reported(self, file: FileVersion) -> bool:
        return self._reported(file) is not None

    def _known(self, file: FileVersion) -> MemoryEntry | None:
        own = self._of(WorkItem(file))
        return own if own.status not in (NEW, Status.IGNORED) else self._reported(file)

    def _reported(self, file: FileVersion) -> MemoryEntry | None:
        etag, _, changed = self.found.get(file.url, ("", "", ""))
        newest = Newest(found_etag=etag or "", found_changed=changed)
        found = self.entries.get((file.url, f"FILE#{self.newest.get(file.url)}"))
        if found and found.status != Status.IGNORED:
            reported_s = epoch_s(found.work.file.event_time) or found.first_seen_s or 0.0
            newest = replace(newest, reported=found.work.file, reported_s=reported_s)
        return found if newest.is_of(file) else None

    def unknown(self, files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        known = [(file, self._known(file)) for file in files]
        return iter([e.work.file if e else file for file, e in known if not e or self._is_abandoned(e)])

    def _is_abandoned(self, entry: MemoryEntry) -> bool:
        now_s = self.clock.now_s()
        return not entry.is_listed and entry.until_s <= now_s and now_s - entry.moved_s >= ABANDONED_S

    def take_turn(self, token: LeaseToken) -> Looked | None:
        holder, until_s = self.turn["now"]
        if until_s > self.clock.now_s() and holder != token.value:
            return None
        self.turn["now"] = token.value, token.until_s
        return self.looked[-1]

    def end_turn(self, token: LeaseToken, looked: Looked | None = None) -> None:
        if self.turn["now"][0] == token.value:
            self.turn["now"] = token.value, 0.0
            self.looked += [looked] if looked else []

    def note_resent(self, work: WorkItem, times: int) -> bool:
        now_s = self.clock.now_s()
        entry = self._written(work)
        if (entry.resent, entry.moved_s) == (times, now_s):  # by us, and only the answer was lost
            return True
        if entry.resent != times - 1 or entry.status == NEW or not _allows(steps_of(work)["claim"], entry, None, now_s):
            return False
        entry.resent, entry.moved_s, entry.attempts_when_resent = entry.resent + 1, now_s, entry.attempts
        return True

    def give_up(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        return self.end_early(file, outcome)

    def entry(self, work: WorkItem) -> Entry | None:
        entry = self._of(work)
        return None if entry.status == NEW else _seen(entry)

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        return self._of(WorkItem(file)).checkpoint

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver) -> bool:
        now_s = self.clock.now_s()
        entry = self._of(WorkItem(file))
        if not _allows(FILE_STEPS["retry"], entry, None, now_s):
            return False
        entry.status, entry.feed, entry.first_seen_s, entry.moved_s = Status.WAITING, feed, now_s, now_s
        entry.checkpoint, entry.plan, entry.segments_done = begun.checkpoint, begun.plan, begun.segments_done
        entry.row_counts = begun.checkpoint.row_counts if begun.checkpoint else begun.row_counts
        entry.settings, entry.order_ms = begun.settings, begun.order_ms
        entry.is_listed = True
        self._keep(entry)
        return True

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts) -> None:
        now_s = self.clock.now_s()
        entry = self._of(WorkItem(file, segment))
        if _allows(SEGMENT_STEPS["carry over"], entry, None, now_s):
            entry.status, entry.row_counts, entry.moved_s = Status.DONE, row_counts, now_s
            entry.is_counted = True
            self._keep(entry)

    def files(self) -> list[MemoryEntry]:
        """Return the entries of files."""
        return [entry for entry in self.entries.values() if entry.work.segment is None]

    def segment_entries(self, file: FileVersion) -> list[MemoryEntry]:
        """Return the entries of a file's segments in their order."""
        found = [r for r in self.entries.values() if r.work.segment and r.work.file.version == file.version]
        return sorted((r for r in found if r.work.file.url == file.url), key=lambda entry: entry.work.sort_key)

    def _of(self, work: WorkItem) -> MemoryEntry:
        return self.entries.get((work.file.url, work.sort_key)) or MemoryEntry(work)

    def _is_newest(self, file: FileVersion) -> bool:
        return not file.sequencer or bool(file.undo) or self.newest.get(file.url, "") <= file.version

    def _keep(self, entry: MemoryEntry) -> None:
        self.entries[entry.work.file.url, entry.work.sort_key] = entry

    def _written(self, work: WorkItem, *, is_listed: bool = True) -> MemoryEntry:
        """Return an entry; one of a file that was begun in its HEAD is written now."""
        entry = self._of(work)
        if not entry.is_written:
            entry.is_written, entry.is_listed = True, is_listed
        return entry

    def _held(self, work: WorkItem, step: str, token: LeaseToken, *, is_listed: bool = True) -> MemoryEntry:
        entry = self._written(work, is_listed=is_listed)
        if not _allows(steps_of(work)[step], entry, token, 0.0):
            raise LeaseLost(f"The lease on {work.name} was lost.")
        return entry

    def _close(
        self, entry: MemoryEntry, outcome: Outcome, now_s: float, counted: list[MemoryEntry] | None = None
    ) -> Outcome:
        for segment in _all_ended(entry) if counted is None else counted:
            segment.is_counted = True
            entry.row_counts, entry.segments_done = entry.row_counts.plus(segment.row_counts), entry.segments_done + 1
        entry.ended = {}
        entry.status, entry.until_s, entry.moved_s = outcome.status, 0.0, now_s
        entry.outcome, entry.error = replace(outcome, row_counts=entry.row_counts), outcome.error
        entry.checkpoint = outcome.checkpoint or entry.checkpoint
        return entry.outcome


def share_of(work: WorkItem) -> int:
    """Return which of a file's count entries counts a segment."""
    assert work.segment is not None
    return work.segment.start.byte % COUNT_SHARES


def _all_ended(entry: MemoryEntry) -> list[MemoryEntry]:
    return [segment for share in entry.ended.values() for segment in share]


def _plus(row_counts: RowCounts, segments: list[MemoryEntry]) -> RowCounts:
    for segment in segments:
        row_counts = row_counts.plus(segment.row_counts)
    return row_counts


def _live(entry: MemoryEntry) -> MemoryEntry:
    """Return a file's entry with what its segments came to so far; one that has ended has all."""
    ended = _all_ended(entry) if is_open(entry.status) else []
    moved_s = max([entry.moved_s, *(segment.moved_s for segment in ended)])
    row_counts, segments_done = _plus(entry.row_counts, ended), entry.segments_done + len(ended)
    return replace(entry, row_counts=row_counts, segments_done=segments_done, moved_s=moved_s)


def _claimed(entry: MemoryEntry) -> Claimed:
    deaths, order_ms = max(0, entry.claims_in_a_row - 1), entry.order_ms or 0
    seen_s = entry.first_seen_s or 0.0
    return Claimed(seen_s, entry.checkpoint, entry.plan, entry.feed, entry.settings, deaths, order_ms)


def _allows(step: Step, entry: MemoryEntry, token: LeaseToken | None, now_s: float) -> bool:
    if entry.status not in step.sources:
        return False
    if step.lease == "free":
        return entry.status == NEW or entry.until_s <= now_s
    return step.lease == "any" or (token is not None and entry.lease == token.value)


def _seen(entry: MemoryEntry) -> Entry:
    entry = _live(entry)
    return Entry(
        work=entry.work,
        status=entry.status,
        feed=entry.feed,
        settings=entry.settings,
        row_counts=entry.row_counts,
        segments=entry.plan.segments if entry.plan else 0,
        segments_done=entry.segments_done,
        attempts=entry.attempts,
        resent=entry.resent,
        attempts_when_resent=entry.attempts_when_resent,
        claims_in_a_row=entry.claims_in_a_row,
        first_seen_s=entry.first_seen_s,
        started_s=entry.started_s,
        moved_s=entry.moved_s,
        ended_s=entry.moved_s if entry.outcome else None,
        lease_until_s=entry.until_s,
        rejects=entry.outcome.rejects if entry.outcome else None,
        error=str(entry.error) if entry.error else None,
        error_code=entry.error.code if entry.error else None,
        order_ms=entry.order_ms,
    )
