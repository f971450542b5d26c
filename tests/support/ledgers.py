"""What the tests of the ledger share: a file, segments of it, leases, and a table as the stack makes it."""

from typing import Any, Protocol

from ingest.contract import Ledger as Names
from ingest.errors import IngestError
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, LeaseToken, Outcome
from ingest.ledger.entry import Entry
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint, Plan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from ingest.recovery.retry import RetryLedger
from tests.support.clients import resource

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
ALL_PLANNED = Plan(SECOND.end, 2)


class Both(RetryLedger, Protocol):
    """All of the ledger."""


def claim(
    ledger: Both, work: WorkItem = WORK, token: LeaseToken = LEASE, *, now_s: float = 100.5
) -> Claimed | ClaimStatus:
    return ledger.claim(work, feed="orders", token=token, now_s=now_s)


def split(ledger: Both, *, now_s: float = 110.0) -> None:
    """Split the file in two, with a head of 10 bytes."""
    claim(ledger)
    for segment in (FIRST, SECOND):
        ledger.add_segment(FILE, segment, now_s=now_s)
    ledger.split(FILE, LEASE, ALL_PLANNED, head_bytes=10, now_s=now_s)


def end(
    ledger: Both, work: WorkItem, row_counts: RowCounts = ROW_COUNTS, *, is_whole: bool = True, now_s: float = 120.0
) -> None:
    """Claim a segment, and end it."""
    claim(ledger, work, now_s=now_s)
    ledger.end_segment(work, LEASE, row_counts, is_whole=is_whole, now_s=now_s)


def closed(status: str, error: IngestError | None = None, rejects: str | None = None) -> Outcome:
    return Outcome(status, ROW_COUNTS, 1.5, rejects, error)


def file_entry(ledger: Both) -> Entry:
    """The only record of a file whose outcome was not told."""
    (entry,) = ledger.open_files("orders")
    return entry


def ledger_table() -> Any:
    """Make the table as the stack does, with its index."""
    key = {"HASH": Names.PARTITION_KEY, "RANGE": Names.SORT_KEY}
    index = {"HASH": Names.LISTING, "RANGE": Names.LISTED_AT}
    return resource("dynamodb").create_table(
        TableName="Ledger",
        KeySchema=_schema(key),
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in (*key.values(), *index.values())],
        GlobalSecondaryIndexes=[
            {"IndexName": Names.INDEX, "KeySchema": _schema(index), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _schema(keys: dict[str, str]) -> list[dict[str, str]]:
    return [{"AttributeName": name, "KeyType": kind} for kind, name in keys.items()]
