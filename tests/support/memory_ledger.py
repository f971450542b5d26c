"""The ledger in memory, by the same steps as the table: tests/edges holds both to one contract."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ingest.contract import Status
from ingest.errors import IngestError, InternalFault, LeaseLost
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, Closing, FileStanding, Lease, Standing, final_status
from ingest.ledger.entry import Record
from ingest.ledger.row_counts import NOTHING, Books
from ingest.ledger.states import FILE_STEPS, NEW, SEGMENT_STEPS, Step, is_open
from ingest.ledger.table import iso
from ingest.ledger.work_item import Begun, Checkpoint, Plan, Work
from ingest.reading.segments import Segment


@dataclass
class MemoryRecord:
    """One record, as the table has it."""

    work: Work
    status: str = NEW
    feed: str = ""
    lease: str = ""
    until_s: float = 0.0
    attempts: int = 0
    first_seen_s: float | None = None
    started_s: float | None = None
    moved_s: float = 0.0
    checkpoint: Checkpoint | None = None
    plan: Plan | None = None
    books: Books = NOTHING
    segments_done: int = 0
    resent: int = 0
    attempts_when_resent: int = 0
    closing: Closing | None = None
    error: IngestError | None = None
    told: bool = False


class MemoryLedger:
    """A `Ledger` and a `Listing`."""

    def __init__(self) -> None:
        self.newest: dict[str, str] = {}
        self.found: dict[str, tuple[str | None, str]] = {}
        self.records: dict[tuple[str, str], MemoryRecord] = {}

    def note_newest(self, file: FileVersion, *, now_s: float) -> bool:
        if not file.sequencer:
            others = [r.work.file for r in self.files() if r.work.file.url == file.url]
            is_told = any(file.etag and o.etag == file.etag and o.first_version != file.first_version for o in others)
            if not is_told:
                self.found[file.url] = (file.etag, iso(now_s))
            return not is_told
        etag, found_at = self.found.get(file.url, ("", ""))
        if etag is not None and etag == file.etag and found_at >= (file.event_time or "~"):
            return False
        is_newest = self.newest.get(file.url, "") <= file.version
        if is_newest:
            self.newest[file.url] = file.version
        return is_newest

    def claim(self, work: Work, *, feed: str, lease: Lease, now_s: float) -> Claimed | Standing:
        record = self._of(work)
        if not _allows(_steps(work)["claim"], record, lease, now_s):
            if (record.status, record.lease) == (Status.LOADING, lease.token):  # ours, and only the answer was lost
                return Claimed(record.first_seen_s or 0.0, record.checkpoint, record.plan)
            return Standing(record.status, record.lease, record.until_s)
        record.status, record.lease, record.until_s, record.error = Status.LOADING, lease.token, lease.until_s, None
        record.started_s = record.moved_s = now_s
        record.attempts += 1
        record.feed = feed if work.segment is None else ""
        record.first_seen_s = now_s if record.first_seen_s is None else record.first_seen_s
        self._keep(record)
        return Claimed(record.first_seen_s, record.checkpoint, record.plan)

    def renew(self, work: Work, lease: Lease) -> None:
        self._held(work, "save", lease).until_s = lease.until_s

    def save(self, work: Work, lease: Lease, checkpoint: Checkpoint, *, now_s: float) -> None:
        record = self._held(work, "save", lease)
        record.until_s, record.moved_s, record.resent = lease.until_s, now_s, 0
        record.checkpoint, record.books = checkpoint, checkpoint.books

    def put_back(self, work: Work, lease: Lease, checkpoint: Checkpoint | None, error: IngestError) -> None:
        record = self._held(work, "put back", lease)
        record.status, record.until_s, record.error = Status.WAITING, 0.0, error
        if checkpoint:
            record.checkpoint, record.books = checkpoint, checkpoint.books

    def standing(self, file: FileVersion) -> FileStanding:
        record = self._of(Work(file))
        return FileStanding(record.status, self._is_newest(file), record.books)

    def add_segment(self, file: FileVersion, segment: Segment, *, now_s: float) -> None:
        record = self._of(Work(file, segment))
        if record.status == NEW:
            record.status, record.moved_s = Status.PENDING, now_s
            self._keep(record)
        elif record.work.segment != segment:
            raise InternalFault("A segment was planned with another end before.")

    def save_plan(self, file: FileVersion, lease: Lease, plan: Plan, *, now_s: float) -> None:
        record = self._held(Work(file), "save", lease)
        record.plan, record.until_s, record.moved_s, record.resent = plan, lease.until_s, now_s, 0

    def split(self, file: FileVersion, lease: Lease, plan: Plan, *, head_bytes: int, now_s: float) -> None:
        record = self._held(Work(file), "split", lease)
        record.status, record.until_s, record.moved_s, record.plan = Status.SPLIT, 0.0, now_s, plan
        record.books = record.books.plus(Books(bytes_read=head_bytes))

    def end_file(self, file: FileVersion, lease: Lease, closing: Closing, *, now_s: float) -> None:
        record = self._held(Work(file), "complete", lease)
        record.books = closing.books
        self._close(record, closing, now_s)

    def end_segment(self, work: Work, lease: Lease, books: Books, *, is_whole: bool, now_s: float) -> None:
        record = self._held(work, "finish" if is_whole else "stop", lease)
        record.status = Status.DONE if is_whole else Status.STOPPED
        record.books, record.until_s, record.moved_s = books, 0.0, now_s
        file = self._of(Work(work.file))
        file.books, file.segments_done, file.moved_s = file.books.plus(books), file.segments_done + 1, now_s

    def end_begun(self, file: FileVersion, lease: Lease, closing: Closing, *, now_s: float) -> None:
        self._close(self._held(Work(file), "fail", lease), closing, now_s)

    def end_early(self, file: FileVersion, closing: Closing, *, now_s: float) -> bool:
        record = self._of(Work(file))
        if not _allows(FILE_STEPS["fail, by a segment"], record, None, now_s):
            return False
        self._close(record, closing, now_s)
        return True

    def end_split(self, file: FileVersion, *, rejects: str, now_s: float) -> Closing | None:
        record = self._of(Work(file))
        has_all = record.plan is not None and record.segments_done == record.plan.segments
        if record.status != Status.SPLIT or (self._is_newest(file) and not has_all):
            return None
        status = final_status(record.books, all_bytes=file.size_bytes)
        status = status if self._is_newest(file) else Status.SUPERSEDED
        where = rejects if record.books.rows_rejected else None
        self._close(record, Closing(status, record.books, now_s - (record.first_seen_s or now_s), where), now_s)
        return record.closing

    def untold(self, file: FileVersion) -> Closing | None:
        record = self._of(Work(file))
        if is_open(record.status) or record.told or not record.closing:
            return None
        return replace(record.closing, books=record.books)

    def told(self, file: FileVersion, feed: str, status: str, *, now_s: float) -> None:
        record = self._of(Work(file))
        record.told = record.told or record.status == status

    def open_files(self, feed: str) -> Iterator[Record]:
        return iter([_told(r) for r in list(self.files()) if r.feed == feed and not r.told])

    def segments(self, file: FileVersion) -> Iterator[Record]:
        return iter([_told(record) for record in self.segment_records(file)])

    def knows(self, file: FileVersion) -> bool:
        return any(r.work.file.url == file.url and r.work.file.etag == file.etag for r in self.files())

    def note_resent(self, work: Work, *, now_s: float) -> bool:
        record = self._of(work)
        if record.status == NEW or not _allows(_steps(work)["claim"], record, None, now_s):
            return False
        record.resent, record.moved_s, record.attempts_when_resent = record.resent + 1, now_s, record.attempts
        return True

    def give_up(self, file: FileVersion, closing: Closing, *, now_s: float) -> bool:
        return self.end_early(file, closing, now_s=now_s)

    def record(self, work: Work) -> Record | None:
        record = self._of(work)
        return None if record.status == NEW else _told(record)

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        return self._of(Work(file)).checkpoint

    def retry(self, file: FileVersion, *, feed: str, begun: Begun, now_s: float) -> bool:
        record = self._of(Work(file))
        if not _allows(FILE_STEPS["retry"], record, None, now_s):
            return False
        record.status, record.feed, record.first_seen_s, record.moved_s = Status.WAITING, feed, now_s, now_s
        record.checkpoint, record.plan, record.segments_done = begun.checkpoint, begun.plan, begun.segments_done
        record.books = begun.checkpoint.books if begun.checkpoint else begun.books
        self._keep(record)
        return True

    def carry_over(self, file: FileVersion, segment: Segment, books: Books, *, now_s: float) -> None:
        record = self._of(Work(file, segment))
        if _allows(SEGMENT_STEPS["carry over"], record, None, now_s):
            record.status, record.books, record.moved_s = Status.DONE, books, now_s
            self._keep(record)

    def files(self) -> list[MemoryRecord]:
        """Return the records of files."""
        return [record for record in self.records.values() if record.work.segment is None]

    def segment_records(self, file: FileVersion) -> list[MemoryRecord]:
        """Return the records of a file's segments in their order."""
        found = [r for r in self.records.values() if r.work.segment and r.work.file.version == file.version]
        return sorted((r for r in found if r.work.file.url == file.url), key=lambda record: record.work.sort_key)

    def _of(self, work: Work) -> MemoryRecord:
        return self.records.get((work.file.url, work.sort_key)) or MemoryRecord(work)

    def _is_newest(self, file: FileVersion) -> bool:
        return not file.sequencer or self.newest.get(file.url, "") <= file.version

    def _keep(self, record: MemoryRecord) -> None:
        self.records[record.work.file.url, record.work.sort_key] = record

    def _held(self, work: Work, step: str, lease: Lease) -> MemoryRecord:
        record = self._of(work)
        if not _allows(_steps(work)[step], record, lease, 0.0):
            raise LeaseLost(f"The lease on {work.name} was lost.")
        return record

    def _close(self, record: MemoryRecord, closing: Closing, now_s: float) -> None:
        record.status, record.until_s, record.moved_s = closing.status, 0.0, now_s
        record.closing, record.error = closing, closing.error
        record.checkpoint = closing.checkpoint or record.checkpoint


def _steps(work: Work) -> dict[str, Step]:
    return FILE_STEPS if work.segment is None else SEGMENT_STEPS


def _allows(step: Step, record: MemoryRecord, lease: Lease | None, now_s: float) -> bool:
    if record.status not in step.sources:
        return False
    if step.lease == "free":
        return record.status == NEW or record.until_s <= now_s
    return step.lease == "any" or (lease is not None and record.lease == lease.token)


def _told(record: MemoryRecord) -> Record:
    return Record(
        work=record.work,
        status=record.status,
        feed=record.feed,
        books=record.books,
        segments=record.plan.segments if record.plan else 0,
        segments_done=record.segments_done,
        attempts=record.attempts,
        resent=record.resent,
        attempts_when_resent=record.attempts_when_resent,
        first_seen_s=record.first_seen_s,
        started_s=record.started_s,
        moved_s=record.moved_s,
        ended_s=record.moved_s if record.closing else None,
        lease_until_s=record.until_s,
        rejects=record.closing.rejects if record.closing else None,
        error=str(record.error) if record.error else None,
    )
