"""The edges as one worker sees them: what they keep is shared, and before and after each touch there is a point."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from ingest.aws.clock import digits, iso
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import ObjectSuperseded
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.items.items import Items
from ingest.ledger.claims import Outcome
from ingest.rejects.reject import DUPLICATES, DuplicateRow, Reject
from tests.model.budget import OwnBudget
from tests.model.scheduler import KilledError, Scheduler
from tests.model.sqs import Delivery
from tests.model.watch import Watch
from tests.support.fakes import FakeTable, RecordingDeadLetters, cut
from tests.support.memory_ledger import MemoryEntry

PORTION = 17  # bytes: neither a row nor a block
ITERATES = ("open_files", "ended_files", "segments", "versions", "unknown")


@dataclass(slots=True)
class Clock:
    """Time, shared by all."""

    time_s: float

    def now_s(self) -> float:
        return self.time_s

    def monotonic_s(self) -> float:
        return self.time_s


@dataclass(frozen=True)
class OwnClock:
    """Looking at the clock, which may be wrong, is a point: whoever looks may be late when it acts on it."""

    clock: Clock
    scheduler: Scheduler
    worker: str
    skew_s: int = 0

    def now_s(self) -> float:
        now_s = self.clock.time_s + self.skew_s
        self.scheduler.point("looking at the clock", is_after=True)
        return now_s

    def monotonic_s(self) -> float:
        return self.clock.time_s

    def chance(self) -> float:
        return 0.5

    def unique(self) -> str:
        return self.worker


# What of the ledger depends on the time: each asks for it before it sends its request.
IS_TIMED = {"begin", "claim", "save", "save_plan", "add_segment", "split", "end_file", "end_begun", "end_segment"}
IS_TIMED |= {"end_by_segment", "end_early", "end_split", "give_up", "note_reported", "note_resent", "retry", "unknown"}
IS_TIMED |= {"take_turn", "end_turn"}


class OwnLedger:
    """The ledger, watched, by a worker's own clock."""

    def __init__(self, watch: Watch, scheduler: Scheduler, clock: OwnClock, worker: str) -> None:
        self.leases = self.transitions = self.queries = self
        self.budgets = watch.ledger.budgets
        self._watch = watch
        self._scheduler = scheduler
        self._clock = clock
        self._worker = worker

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            now_s = self._clock.now_s() if name in IS_TIMED else 0.0
            self._scheduler.point(name, may_fail=True)
            answer = self._watch.call(self._worker, name, args, named, now_s=now_s, point=partial(self._amid, name))
            answer = list(answer) if name in ITERATES else answer
            self._scheduler.point(name, is_after=True, may_fail=True)
            return iter(answer) if name in ITERATES else answer

        return call

    def _amid(self, name: str) -> None:
        self._scheduler.point(f"amid {name}", may_fail=True)


@dataclass(frozen=True)
class OwnQueue:
    """The queue, as far as a worker sends to it."""

    queue: Any
    scheduler: Scheduler

    def send(self, bodies: Any, **named: Any) -> None:
        self.scheduler.point("send", may_fail=True)
        self.queue.send(bodies, **named)
        self.scheduler.point("send", is_after=True, may_fail=True)

    def waiting(self) -> int:
        return int(self.queue.waiting())


@dataclass(frozen=True)
class OwnBatch:
    """The queue, as far as a worker looks after the messages it was handed, by the names of their receipts."""

    queue: Any
    scheduler: Scheduler
    held: dict[str, Delivery]

    def keep(self, receipt_handles: Iterable[str], seconds: int) -> None:
        for handle in receipt_handles:
            self.queue.hide(self.held[handle], seconds)

    def hide(self, receipt_handle: str, seconds: int) -> None:
        self.queue.hide(self.held[receipt_handle], seconds)

    def delete(self, receipt_handles: Iterable[str]) -> None:
        self.scheduler.point("delete", may_fail=True)
        for handle in receipt_handles:
            self.queue.delete(self.held[handle])
        self.scheduler.point("delete", is_after=True, may_fail=True)


@dataclass(frozen=True)
class OwnDeadLetters:
    """The dead-letter queue, as far as a worker sends to it."""

    dead_letters: RecordingDeadLetters
    scheduler: Scheduler

    def dead_letter(self, body: str, *, code: str, reason: str) -> None:
        self.scheduler.point("dead-letter", may_fail=True)
        self.dead_letters.dead_letter(body, code=code, reason=reason)
        self.scheduler.point("dead-letter", is_after=True, may_fail=True)


@dataclass(frozen=True)
class OwnWriter:
    """The table: half of the items, then the rest. Like the real writer it calls `heartbeat` before it sends."""

    table: FakeTable
    scheduler: Scheduler
    watch: Watch
    worker: str
    budget: OwnBudget | None = None
    undoes: str | None = None  # the attribute by which items are deleted that name the file
    stats: WriteStats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        middle = len(items) // 2
        result = WriteResult()
        for start, end in ((0, middle), (middle, len(items))):
            heartbeat()
            if self.budget and end > start:
                self.budget.admit(end - start, heartbeat)
            self.scheduler.point("write", may_fail=True)
            part = items.take(list(range(start, end)))
            before = dict(self.table.items)
            one = self.table.undo(part, self.undoes) if self.undoes else self.table.write(part, heartbeat)
            one = one.placed(range(start, end))
            result += one
            self.watch.wrote(self.worker, before, self.table.items)
            if not one.refusals:
                taken(range(start, end))
                for why, rows in one.skipped.items():
                    taken(rows, why)
            self.scheduler.point("write", is_after=True, may_fail=True)
        return result


@dataclass
class Object:
    """What lies under a key now."""

    etag: str
    data: bytes
    changed_s: float
    sequencer: str = ""

    def is_of(self, entry: MemoryEntry) -> bool:
        """Whether an entry is of this very object, and not of one with the same contents that was put before.

        An operator may have had the same contents loaded again since; an undo loads nothing.
        """
        file = entry.work.file
        is_retry = bool(file.retry) and not file.undo
        is_again = is_retry and file.etag == self.etag and (entry.first_seen_s or 0.0) >= self.changed_s
        return self.sequencer == file.sequencer or file.changed == digits(self.changed_s) or is_again


@dataclass
class Bucket:
    """Objects, of which the newest version only can be read."""

    objects: dict[str, Object] = field(default_factory=dict)


def listed(lying: Bucket, bucket: str, prefix: str, after: str = "") -> Iterator[tuple[FileVersion, float]]:
    """Yield what lies under a prefix."""
    for key, found in sorted(lying.objects.items()):
        if key.startswith(prefix) and key > after:
            size, time = len(found.data), iso(found.changed_s)
            changed = digits(found.changed_s)
            file = FileVersion(bucket, key, etag=found.etag, size_bytes=size, event_time=time, changed=changed)
            yield file, found.changed_s


@dataclass(frozen=True)
class OwnObjects:
    """Reads pinned to a version, and the listing."""

    bucket: Bucket
    scheduler: Scheduler
    deadly: str | None = None  # a key: whoever reads it is killed

    def find(self, file: FileVersion) -> FileVersion:
        self.scheduler.point("find", may_fail=True)
        return replace(file, size_bytes=len(self._data(file)))

    def portions(self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0) -> Iterator[bytes]:
        for portion in cut(self._data(file)[start:end], PORTION):
            self.scheduler.point("read", may_fail=True)
            self._data(file)
            if file.key == self.deadly:
                self.scheduler.deaths += 1
                raise KilledError
            yield portion

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[tuple[FileVersion, float]]:
        self.scheduler.point("list", may_fail=True)
        return listed(self.bucket, bucket, prefix, after)

    def is_readable(self, file: FileVersion) -> bool:
        return True

    def _data(self, file: FileVersion) -> bytes:
        found = self.bucket.objects[file.key]
        if found.etag != file.etag:
            raise ObjectSuperseded(f"{file.url} was overwritten.")
        return found.data


# Of a file's version, and of that with DUPLICATES: the offsets of the rejects, or of the duplicates, in each part.
Parts = dict[tuple[str, str], dict[int, list[int]]]


class OwnRejects:
    """Like `rejects.bucket.RejectParts`: a part for each flush, named by its first reject, put over another."""

    url = "s3://rejects/"

    def __init__(self, parts: Parts, file: FileVersion, scheduler: Scheduler) -> None:
        self._parts = parts.setdefault((file.url, file.version), {})
        self._scheduler = scheduler
        self._held: list[int] = []
        self._duplicate_parts = parts.setdefault((file.url, file.version + DUPLICATES), {})
        self._duplicates: list[int] = []

    def begin(self, head: bytes, csv: Csv) -> None:
        pass

    def add(self, rejects: list[Reject]) -> None:
        self._held += [reject.byte_offset for reject in rejects]

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        self._duplicates += [duplicate.byte_offset for duplicate in duplicates]

    def flush(self) -> None:
        if self._held:
            self._scheduler.point("put rejects", may_fail=True)
            self._parts[self._held[0]] = self._held
            self._held = []
            self._scheduler.point("put rejects", is_after=True, may_fail=True)
        if self._duplicates:
            self._scheduler.point("put duplicates", may_fail=True)
            self._duplicate_parts[self._duplicates[0]] = self._duplicates
            self._duplicates = []
            self._scheduler.point("put duplicates", is_after=True, may_fail=True)

    def close(self) -> None:
        self.flush()


@dataclass(frozen=True)
class ReportedOutcome:
    """An outcome as it was reported."""

    file: FileVersion
    feed: str
    outcome: Outcome


@dataclass(frozen=True)
class OwnEvents:
    """The event bus."""

    reported: list[ReportedOutcome]
    scheduler: Scheduler

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        self.scheduler.point("report", may_fail=True)
        self.reported.append(ReportedOutcome(file, feed, outcome))
        self.scheduler.point("report", is_after=True, may_fail=True)
