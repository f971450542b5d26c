"""What the tests of the ledger share: a file, segments of it, leases and steps."""

from ingest.errors import IngestError
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import Checkpoint, Entry, SegmentPlan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from tests.support.memory_ledger import MemoryLedger, at

FILE = FileVersion("landing", "orders/größe 1+1.csv", etag="e", sequencer="0A", size_bytes=90)
WORK = WorkItem(FILE)
FIRST = Segment(Position(10, 2), Position(50, 6))
SECOND = Segment(Position(50, 6, open_left=3, text_byte=48), Position(90, 9))
ONE, TWO = WorkItem(FILE, FIRST), WorkItem(FILE, SECOND)
LEASE = LeaseToken("m1", 1, until_s=160.5, worker="w1")
OTHER = LeaseToken("m2", 1, until_s=300.0, worker="w2")
ROW_COUNTS = RowCounts(rows_read=6, rows_written=3, rows_rejected=2, rows_superseded=1, bytes_read=40)
HALF = RowCounts(rows_read=2, rows_written=2, bytes_read=20)
CHECKPOINT = Checkpoint(Position(30, 4, 1, 29), Position(10, 2), HALF)
ALL_PLANNED = SegmentPlan(SECOND.end, 2)
AnyLedger = TableLedger | MemoryLedger


def claim(
    ledger: AnyLedger, work: WorkItem = WORK, token: LeaseToken = LEASE, *, now_s: float = 100.5
) -> Claimed | ClaimStatus:
    return at(ledger, now_s).leases.claim(work, feed="orders", token=token)


def split(ledger: AnyLedger, *, now_s: float = 110.0) -> None:
    """Split the file in two, with a header of 10 bytes."""
    claim(ledger)
    for segment in (FIRST, SECOND):
        at(ledger, now_s).transitions.add_segment(FILE, segment)
    at(ledger, now_s).transitions.split(FILE, LEASE, ALL_PLANNED, head_bytes=10)


def end(
    ledger: AnyLedger,
    work: WorkItem,
    row_counts: RowCounts = ROW_COUNTS,
    *,
    is_whole: bool = True,
    now_s: float = 120.0,
) -> None:
    """Claim a segment, and end it."""
    claim(ledger, work, now_s=now_s)
    at(ledger, now_s).transitions.end_segment(work, LEASE, row_counts, is_whole=is_whole)


def closed(status: str, error: IngestError | None = None, rejects: str | None = None) -> Outcome:
    return Outcome(status, ROW_COUNTS, 1.5, rejects, error)


def file_entry(ledger: AnyLedger) -> Entry:
    """The only entry of a file whose outcome was not reported."""
    (entry,) = ledger.queries.open_files("orders")
    return entry
