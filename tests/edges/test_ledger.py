"""The ledger's rules, kept by DynamoDB's conditions (moto's, here)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.stub import Stubber

from ingest.contract import FINAL_STATUSES, Status
from ingest.contract import Ledger as Names
from ingest.core.books import Books
from ingest.core.claims import Closing, Lease, Standing
from ingest.core.notification import FileVersion
from ingest.edges.ledger import LedgerTable
from ingest.errors import BadHeader, IngestError, ServiceFault, TableMissing, Throttled
from tests.clients import mock_aws, resource, session, table

FILE = FileVersion("landing", "orders/größe 1+1.csv", etag="e", sequencer="0A", size_bytes=7)
FIRST = Lease("m1", 1, until_s=1000.5)
SECOND = Lease("m2", 1, until_s=2000)
BOOKS = Books(rows_read=6, rows_written=3, rows_rejected=2, rows_superseded=1, bytes_read=99)


@pytest.fixture
def rows() -> Iterator[Any]:
    with mock_aws():
        yield table("Ledger", Names.PARTITION_KEY, Names.SORT_KEY)


@pytest.fixture
def ledger(rows: Any) -> LedgerTable:
    return LedgerTable(table=rows)


def record(rows: Any, file: FileVersion = FILE) -> dict[str, Any]:
    key = {"pk": f"{file.bucket}/{file.key}", "sk": f"FILE#{file.version}"}
    item: dict[str, Any] = rows.get_item(Key=key)["Item"]
    return item


def claim(ledger: LedgerTable, lease: Lease = FIRST, *, now_s: float = 100.25, file: FileVersion = FILE) -> Any:
    return ledger.claim(file, feed="orders", lease=lease, now_s=now_s)


def closed(status: str, error: IngestError | None = None, rejects: str | None = None) -> Closing:
    return Closing(status=status, books=BOOKS, seconds=1.23456, rejects=rejects, error=error)


def test_a_new_file_is_claimed_and_its_record_says_by_whom(ledger: LedgerTable, rows: Any) -> None:
    assert claim(ledger) is None
    assert record(rows) == {
        "pk": "landing/orders/größe 1+1.csv",
        "sk": "FILE#" + FILE.version,
        "status": Status.LOADING,
        "lease": "m1/1",
        "lease_until": Decimal("1000.5"),
        "feed": "orders",
        "attempts": 1,
        "first_seen": Decimal("100.25"),
        "started": Decimal("100.25"),
        "file": {"bucket": "landing", "key": FILE.key, "etag": "e", "sequencer": "0A", "size_bytes": 7},
    }


def test_a_file_whose_lease_holds_cannot_be_claimed_by_anybody(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    before = record(rows)
    assert claim(ledger, SECOND, now_s=1000.499) == Standing(Status.LOADING, "m1/1")
    assert claim(ledger, FIRST, now_s=500) == Standing(Status.LOADING, "m1/1")
    assert record(rows) == before


def test_a_file_whose_lease_has_run_out_is_taken_over(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    assert claim(ledger, SECOND, now_s=1000.5) is None
    taken = record(rows)
    assert (taken["lease"], taken["attempts"], taken["lease_until"]) == ("m2/1", 2, 2000)
    assert (taken["first_seen"], taken["started"]) == (Decimal("100.25"), Decimal("1000.5"))


@pytest.mark.parametrize("status", FINAL_STATUSES)
def test_a_file_that_came_to_an_end_is_never_claimed_again(ledger: LedgerTable, status: str) -> None:
    claim(ledger)
    ledger.close(FILE, FIRST, closed(status), now_s=200)
    assert claim(ledger, SECOND, now_s=10**6) == Standing(status, "m1/1")


def test_a_waiting_file_is_claimed_at_once_and_its_error_is_gone(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    ledger.close(FILE, FIRST, closed(Status.WAITING, Throttled("slow")), now_s=200)
    assert record(rows)["error"] == {"code": "throttled", "message": "slow"}
    again = Lease("m1", 2, until_s=3000)
    assert claim(ledger, again, now_s=201) is None
    assert "error" not in record(rows)
    ledger.close(FILE, again, closed(Status.COMPLETE), now_s=300)
    assert (record(rows)["status"], record(rows)["attempts"]) == (Status.COMPLETE, 2)


def test_a_closed_file_has_its_books_times_rejects_and_error(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    ledger.close(FILE, FIRST, closed(Status.FAILED, BadHeader("no column"), "s3://rejects/x/"), now_s=200.5)
    end = record(rows)
    assert {name: end[name] for name in ("rows_read", "rows_written", "rows_rejected", "rows_superseded")} == {
        "rows_read": 6,
        "rows_written": 3,
        "rows_rejected": 2,
        "rows_superseded": 1,
    }
    assert (end["bytes_read"], end["seconds"], end["ended"]) == (99, Decimal("1.235"), Decimal("200.5"))
    assert (end["status"], end["lease_until"], end["rejects"]) == (Status.FAILED, 0, "s3://rejects/x/")
    assert end["error"] == {"code": "bad_header", "message": "no column"}


def test_a_long_error_is_shortened_to_what_an_item_can_hold(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    ledger.close(FILE, FIRST, closed(Status.FAILED, BadHeader("ü" * 400_000)), now_s=200)
    assert len(record(rows)["error"]["message"]) == 2000


def test_nothing_is_said_of_rejects_and_errors_that_were_not(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    ledger.close(FILE, FIRST, closed(Status.COMPLETE), now_s=200)
    assert {"rejects", "error"}.isdisjoint(record(rows))


def test_who_lost_the_lease_cannot_close(ledger: LedgerTable, rows: Any) -> None:
    claim(ledger)
    claim(ledger, SECOND, now_s=1500)
    with pytest.raises(ServiceFault, match="lost to another worker"):
        ledger.close(FILE, FIRST, closed(Status.COMPLETE), now_s=1501)
    assert (record(rows)["status"], record(rows)["lease"]) == (Status.LOADING, "m2/1")
    ledger.close(FILE, SECOND, closed(Status.COMPLETE), now_s=1502)
    assert record(rows)["status"] == Status.COMPLETE


def test_an_earlier_delivery_of_the_same_message_cannot_close_either(ledger: LedgerTable) -> None:
    claim(ledger)
    claim(ledger, Lease("m1", 2, until_s=3000), now_s=1500)
    with pytest.raises(ServiceFault):
        ledger.close(FILE, FIRST, closed(Status.COMPLETE), now_s=1501)


def test_a_file_nobody_claimed_cannot_be_closed(ledger: LedgerTable, rows: Any) -> None:
    with pytest.raises(ServiceFault):
        ledger.close(FILE, FIRST, closed(Status.COMPLETE), now_s=200)
    assert rows.scan()["Items"] == []


def test_versions_of_a_key_have_records_of_their_own(ledger: LedgerTable, rows: Any) -> None:
    for sequencer in ("0A", "0B"):
        assert claim(ledger, file=FileVersion("landing", "k", sequencer=sequencer)) is None
    for version in ("v1", "v2"):
        assert claim(ledger, file=FileVersion("landing", "k", version_id=version)) is None
    assert claim(ledger, file=FileVersion("landing", "other", sequencer="0A")) is None
    assert rows.scan()["Count"] == 5


def test_an_older_notification_is_known_as_stale(ledger: LedgerTable) -> None:
    def note(sequencer: str, key: str = "k") -> bool:
        return ledger.note_newest(FileVersion("landing", key, sequencer=sequencer))

    assert note("0066F2A1")
    assert note("0066F2A1")  # the same again: the claim will tell
    assert note("0066F2A101")
    assert not note("0066F2A1")
    assert not note("0066f2a1")
    assert note("0066f2a2")
    assert note("01", key="another key")


def test_without_a_sequencer_nothing_is_stale(ledger: LedgerTable, rows: Any) -> None:
    assert ledger.note_newest(FileVersion("landing", "k", etag="e"))
    assert rows.scan()["Items"] == []


def test_a_missing_ledger_is_a_service_fault_that_names_it() -> None:
    with mock_aws():
        ledger = LedgerTable(table=resource("dynamodb").Table("Nothing"))
        with pytest.raises(TableMissing, match="claiming a file in the ledger Nothing"):
            claim(ledger)


def test_a_throttled_ledger_is_a_service_fault() -> None:
    own = session().resource("dynamodb").Table("Ledger")
    with Stubber(own.meta.client) as stub:
        stub.add_client_error("update_item", "ProvisionedThroughputExceededException", http_status_code=400)
        with pytest.raises(Throttled, match="closing a file in the ledger Ledger"):
            LedgerTable(table=own).close(FILE, FIRST, closed(Status.COMPLETE), now_s=1)
