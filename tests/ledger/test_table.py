"""What only the table can show: its items, its index, and what DynamoDB answers when it is busy."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import Binary
from botocore.stub import Stubber
from moto.dynamodb.parsing.reserved_keywords import ReservedKeywords

from ingest.contract import Status
from ingest.errors import BadHeader, IngestError, LeaseLost, TableMissing, Throttled
from ingest.ledger.claims import Looked
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.table import COUNT_ENTRIES, TRANSACTION_ATTEMPTS, count_key, entry_key
from ingest.ledger.work_item import SegmentPlan, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from tests.support.clients import ledger_table, mock_aws, resource, session
from tests.support.fakes import ScriptedClock
from tests.support.ledgers import (
    ALL_PLANNED,
    CHECKPOINT,
    FILE,
    FIRST,
    LEASE,
    ONE,
    OTHER,
    ROW_COUNTS,
    TWO,
    WORK,
    claim,
    closed,
    end,
    split,
)
from tests.support.memory_ledger import at

DAY = "1970-01-01"
KEPT_S = 400 * 86_400
COUNTS = {"rows_read": 6, "rows_written": 3, "rows_rejected": 2, "rows_superseded": 1, "bytes_read": 40}
CLAIMED = {
    "pk": "landing/orders/größe 1+1.csv",
    "sk": "FILE#0A000000000000000000000000000000",
    "status": "LOADING",
    "lease": "m1/1/w1",
    "lease_until": Decimal("160.5"),
    "feed": "orders",
    "attempts": 1,
    "claims_in_a_row": 1,
    "first_seen": Decimal("100.5"),
    "started": Decimal("100.5"),
    "moved": Decimal("100.5"),
    "file": {"bucket": "landing", "key": FILE.key, "etag": "e", "sequencer": "0A", "size_bytes": 90},
    "listing": "orders#OPEN",
    "listed_at": f"{DAY}T00:01:40Z",
}


@pytest.fixture
def rows() -> Iterator[Any]:
    with mock_aws():
        yield ledger_table()


@pytest.fixture
def table(rows: Any) -> TableLedger:
    return TableLedger(table=rows, clock=ScriptedClock())


def item(rows: Any, work: WorkItem = WORK) -> dict[str, Any]:
    found: dict[str, Any] = rows.get_item(Key={"pk": CLAIMED["pk"], "sk": work.sort_key})["Item"]
    return found


def test_the_item_of_a_file_that_was_claimed(table: TableLedger, rows: Any) -> None:
    claim(table)
    assert item(rows) == CLAIMED


def test_the_item_of_a_file_at_a_checkpoint(table: TableLedger, rows: Any) -> None:
    claim(table)
    at(table, 110.0).leases.save(WORK, replace(LEASE, until_s=170.0), CHECKPOINT)
    counts = COUNTS | {"rows_read": 2, "rows_written": 2, "rows_rejected": 0, "rows_superseded": 0, "bytes_read": 20}
    places = {"at": [30, 4, 1, 29], "window": [10, 2, 0, 0], "written": Binary(b"")}
    claimed = {name: value for name, value in CLAIMED.items() if name != "claims_in_a_row"}
    assert item(rows) == claimed | counts | places | {"lease_until": 170, "moved": 110}


def test_the_item_of_a_file_that_ended(table: TableLedger, rows: Any) -> None:
    claim(table)
    at(table, 120.5).transitions.end_file(FILE, LEASE, closed(Status.FAILED, BadHeader("No column."), "s3://r/"))
    error = {"error": {"code": "bad_header", "message": "No column."}, "rejects": "s3://r/"}
    times = {"ended": Decimal("120.5"), "moved": Decimal("120.5"), "seconds": Decimal("1.5"), "lease_until": 0}
    assert item(rows) == CLAIMED | COUNTS | error | times | {"status": "FAILED"}
    at(table, 86_400.25).transitions.note_reported(FILE, "orders", Status.FAILED)
    reported = {
        "reported": Decimal("86400.25"),
        "listing": "orders#FAILED#1970-01-02",
        "listed_at": "1970-01-02T00:00:00Z",
        "expires": 86_401 + KEPT_S,
    }
    assert item(rows) == CLAIMED | COUNTS | error | times | {"status": "FAILED"} | reported


def test_the_items_of_a_file_that_is_split(table: TableLedger, rows: Any) -> None:
    split(table)
    end(table, ONE)
    plan = {"plan": [90, 9, 0, 0], "segments_planned": 2}
    assert item(rows) == CLAIMED | plan | {"status": "SPLIT", "lease_until": 0, "moved": 110, "bytes_read": 10}
    key = count_key(ONE)
    assert key == {"pk": CLAIMED["pk"], "sk": f"COUNT#{FILE.version}#097"}
    assert rows.get_item(Key=key)["Item"] == key | COUNTS | {"segments_done": 1, "moved": 120, "expires": 120 + KEPT_S}
    planned = {"pk": CLAIMED["pk"], "sk": f"{ONE.sort_key[:-15]}000000000000050", "status": "PENDING", "moved": 110}
    planned |= {"expires": 110 + KEPT_S}
    assert item(rows, TWO) == planned | {"start": [50, 6, 3, 48], "end": [90, 9, 0, 0], "lease_until": 0}
    ended = {"pk": CLAIMED["pk"], "sk": ONE.sort_key, "status": "DONE", "start": [10, 2, 0, 0], "end": [50, 6, 0, 0]}
    ended |= {"lease": "m1/1/w1", "lease_until": 0, "attempts": 1, "claims_in_a_row": 1}
    ended |= {"first_seen": 120, "started": 120, "moved": 120}
    assert item(rows, ONE) == ended | COUNTS | {"expires": 120 + KEPT_S}
    end(table, TWO)
    at(table, 130.0).transitions.end_split(FILE, rejects="s3://r/")
    assert item(rows)["counted"] == [12, 6, 4, 2, 80, 2]


def test_segments_that_end_at_once_are_counted_in_different_entries() -> None:
    """Of two transactions on one entry DynamoDB cancels one (docs/decisions/0020)."""
    starts = [Position(n * 67_108_864 + 90, n) for n in range(3200)]
    keys = Counter(count_key(WorkItem(FILE, Segment(start, start)))["sk"] for start in starts)
    assert len(keys) == COUNT_ENTRIES
    assert max(keys.values()) < 2 * len(starts) / COUNT_ENTRIES


def test_what_a_deployment_before_counted_in_the_files_entry_still_counts(table: TableLedger, rows: Any) -> None:
    """Its workers may be there yet when the first of this one come."""
    split(table)
    end(table, ONE)
    change = "ADD segments_done :one, rows_read :rows, rows_written :rows, bytes_read :bytes"
    values = {":one": 1, ":rows": 5, ":bytes": 40}
    rows.update_item(Key=entry_key(WORK), UpdateExpression=change, ExpressionAttributeValues=values)
    outcome = at(table, 130.0).transitions.end_split(FILE, rejects="")
    assert outcome is not None
    assert (outcome.status, outcome.row_counts.rows_read) == (Status.COMPLETE, 11)


def test_ending_a_segment_costs_no_request_to_its_files_entry(table: TableLedger, rows: Any) -> None:
    split(table)
    claim(table, ONE)
    updates = asked(rows, "end_segment")
    assert [update["Key"]["sk"][:4] for update in updates] == ["SEG#", "COUN"]


def test_the_item_that_remembers_the_newest_version(table: TableLedger, rows: Any) -> None:
    at(table, 100.0).leases.note_newest(FILE)
    at(table, 100.0).leases.note_newest(replace(FILE, sequencer=None, etag="found", changed="19700101000130"))
    head = rows.get_item(Key={"pk": CLAIMED["pk"], "sk": "HEAD"})["Item"]
    found = {"found_etag": "found", "found_at": f"{DAY}T00:01:40Z", "found_changed": "19700101000130"}
    known = {"pk": CLAIMED["pk"], "sk": "HEAD", "sequencer": FILE.version, "expires": 100 + KEPT_S}
    assert head == known | found


def test_a_long_error_is_shortened_to_what_an_item_can_hold(table: TableLedger, rows: Any) -> None:
    claim(table)
    at(table, 200).transitions.end_file(FILE, LEASE, closed(Status.FAILED, BadHeader("ü" * 400_000)))
    assert len(item(rows)["error"]["message"]) == 2000


def test_ended_files_are_listed_by_feed_status_and_day_in_the_order_of_time(table: TableLedger) -> None:
    files = [replace(FILE, key=f"orders/{n}.csv") for n in range(3)]
    for n, (file, reported_s) in enumerate(zip(files, (50.0, 10.0, 90_000.0), strict=True)):
        claim(table, WorkItem(file), now_s=float(n))
        at(table, 5.0).transitions.end_file(file, LEASE, closed(Status.COMPLETE))
        at(table, reported_s).transitions.note_reported(file, "orders", Status.COMPLETE)
    assert [r.work.file for r in table.queries.ended_files("orders", "COMPLETE", DAY)] == [files[1], files[0]]
    assert [r.work.file for r in table.queries.ended_files("orders", "COMPLETE", "1970-01-02")] == [files[2]]
    assert not list(table.queries.ended_files("orders", "FAILED", DAY))
    assert not list(table.queries.ended_files("other", "COMPLETE", DAY))


def test_the_index_holds_keys_only_and_files_only(table: TableLedger, rows: Any) -> None:
    split(table)
    at(table, 1.0).leases.note_newest(FILE)
    (entry,) = rows.scan(IndexName="listing")["Items"]
    assert entry == {name: CLAIMED[name] for name in ("pk", "sk", "listing", "listed_at")}


def test_what_the_index_still_lists_but_has_moved_on_is_left_out(table: TableLedger) -> None:
    claim(table)
    entries = table.queries.open_files("orders")
    other = replace(FILE, key="orders/other.csv")
    claim(table, WorkItem(other), now_s=200.0)
    assert next(entries).work.file == FILE
    listed = list(table.queries.open_files("orders"))
    assert [entry.work.file for entry in listed] == [FILE, other]
    stale = _Behind(table.table.dynamodb)
    at(table, 5.0).transitions.end_file(FILE, LEASE, closed(Status.COMPLETE))
    at(table, 10.0).transitions.note_reported(FILE, "orders", Status.COMPLETE)
    behind = TableLedger(table=stale, clock=ScriptedClock())
    assert [entry.work.file for entry in behind.queries.open_files("orders")] == [other]


class _Behind:
    """A table whose index is as it was."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self._pages = table.scan(IndexName="listing")

    def query(self, **query: Any) -> Any:
        return self._pages

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def test_versions_are_listed_oldest_first(table: TableLedger) -> None:
    for sequencer in ("0B", "0A"):
        claim(table, WorkItem(replace(FILE, sequencer=sequencer)))
    assert [entry.work.file.sequencer for entry in table.queries.versions("landing", FILE.key)] == ["0A", "0B"]


def test_listing_reads_all_pages(table: TableLedger, rows: Any) -> None:
    for n in range(5):
        claim(table, WorkItem(replace(FILE, sequencer=f"0{n}")))
    paged = TableLedger(table=_Paged(rows), clock=ScriptedClock())
    assert len(list(paged.queries.versions("landing", FILE.key))) == 5
    assert len(list(paged.queries.open_files("orders"))) == 5


class _Paged:
    """A table that answers in pages of two."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def query(self, **query: Any) -> Any:
        return self._table.query(**query, Limit=2)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


ATTRIBUTE = re.compile(r"(?<![:#\w])[A-Za-z_]\w*(?!\w*\()")
GRAMMAR = {"SET", "ADD", "REMOVE", "AND", "OR", "NOT", "IN", "IF_NOT_EXISTS", "ATTRIBUTE_EXISTS"}
GRAMMAR |= {"ATTRIBUTE_NOT_EXISTS"}
CALLS: dict[str, Callable[[TableLedger], object]] = {
    "claim": claim,
    "claim a segment": lambda own: claim(own, ONE),
    "renew": lambda own: own.leases.renew(WORK, LEASE),
    "save": lambda own: at(own, 1).leases.save(WORK, LEASE, CHECKPOINT),
    "put_back": lambda own: own.leases.put_back(WORK, LEASE, CHECKPOINT, Throttled("")),
    "take_turn": lambda own: at(own, 1).leases.take_turn(LEASE),
    "end_turn": lambda own: own.leases.end_turn(LEASE, Looked(1.0, 1.0)),
    "note_newest": lambda own: at(own, 1).leases.note_newest(FILE),
    "note a found one": lambda own: at(own, 1).leases.note_newest(replace(FILE, sequencer=None)),
    "add_segment": lambda own: at(own, 1).transitions.add_segment(FILE, FIRST),
    "save_plan": lambda own: at(own, 1).leases.save_plan(FILE, LEASE, SegmentPlan(FIRST.end, 1)),
    "split": lambda own: at(own, 1).transitions.split(FILE, LEASE, ALL_PLANNED, head_bytes=1),
    "end_file": lambda own: at(own, 1).transitions.end_file(FILE, LEASE, closed("FAILED", BadHeader(""), "r")),
    "end_begun": lambda own: at(own, 1).transitions.end_begun(FILE, LEASE, closed("FAILED", BadHeader(""), "r")),
    "end_segment": lambda own: at(own, 1).transitions.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=True),
    "end_early": lambda own: at(own, 1).transitions.end_early(FILE, closed("FAILED", BadHeader(""), "r")),
    "give_up": lambda own: at(own, 1).transitions.give_up(FILE, closed("FAILED", BadHeader(""), "r")),
    "reported": lambda own: at(own, 1).transitions.note_reported(FILE, "orders", "FAILED"),
    "note_resent": lambda own: at(own, 1).transitions.note_resent(WORK, 1),
    "note a segment resent": lambda own: at(own, 1).transitions.note_resent(ONE, 2),
}


class _Spy:
    """A table that notes what it is asked to update, and does it."""

    def __init__(self, table: Any) -> None:
        self._table = table
        self.asked: list[dict[str, Any]] = []
        self.meta = self
        self.client = self

    def update_item(self, **update: Any) -> Any:
        self.asked.append(update)
        return self._table.update_item(**update)

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> Any:
        self.asked += [change["Update"] for change in TransactItems]
        return self._table.meta.client.transact_write_items(TransactItems=TransactItems)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def asked(rows: Any, name: str) -> list[dict[str, Any]]:
    spy = _Spy(rows)
    with suppress(LeaseLost):
        CALLS[name](TableLedger(table=spy, clock=ScriptedClock()))
    return spy.asked


@pytest.mark.parametrize("name", CALLS)
def test_no_reserved_word_stands_bare_in_an_expression(rows: Any, name: str) -> None:
    """DynamoDB refuses those; moto looks at update expressions only."""
    updates = asked(rows, name)
    assert updates
    reserved = set(ReservedKeywords.get_reserved_keywords())
    for update in updates:
        text = f"{update['UpdateExpression']} {update['ConditionExpression']}"
        bare = {word.upper() for word in ATTRIBUTE.findall(text)} - GRAMMAR
        assert bare.isdisjoint(reserved)


@pytest.mark.parametrize("name", CALLS)
def test_every_name_and_value_is_used_as_dynamodb_demands(rows: Any, name: str) -> None:
    for update in asked(rows, name):
        text = f"{update['UpdateExpression']} {update['ConditionExpression']}"
        assert set(re.findall(r":\w+", text)) == set(update["ExpressionAttributeValues"])
        assert set(re.findall(r"#\w+", text)) == set(update.get("ExpressionAttributeNames", {}))


class Busy:
    """A stubbed table that gives scripted answers; keeps the time its ledger waits."""

    def __init__(self) -> None:
        self.clock = ScriptedClock()
        self.table = session().resource("dynamodb").Table("Ledger")
        self.ledger = TableLedger(table=self.table, clock=self.clock)
        self.stub = Stubber(self.table.meta.client)

    def cancel(self, *reasons: str, times: int = 1) -> None:
        reported = {"CancellationReasons": [{"Code": reason} for reason in reasons]}
        for _ in range(times):
            self.stub.add_client_error(
                "transact_write_items", "TransactionCanceledException", http_status_code=400, modeled_fields=reported
            )

    def end_segment(self) -> None:
        with self.stub:
            self.ledger.transitions.end_segment(ONE, LEASE, RowCounts(), is_whole=True)
        self.stub.assert_no_pending_responses()


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_is_tried_again_while_others_are_in_its_way(reason: str) -> None:
    busy = Busy()
    busy.cancel("None", reason, times=3)
    busy.stub.add_response("transact_write_items", {})
    busy.end_segment()
    assert len(busy.clock.sleeps) == 3
    assert busy.clock.sleeps == sorted(busy.clock.sleeps)


def test_a_transaction_that_is_always_in_others_way_is_throttled() -> None:
    busy = Busy()
    busy.cancel("None", "TransactionConflict", times=TRANSACTION_ATTEMPTS)
    with pytest.raises(Throttled, match="ending a segment"):
        busy.end_segment()
    assert len(busy.clock.sleeps) == TRANSACTION_ATTEMPTS - 1


def test_a_transaction_whose_condition_does_not_hold_is_not_tried_again() -> None:
    busy = Busy()
    busy.cancel("ConditionalCheckFailed", "TransactionConflict")
    with pytest.raises(LeaseLost):
        busy.end_segment()
    assert busy.clock.sleeps == []


def test_an_update_is_tried_again_while_a_transaction_is_in_its_way() -> None:
    busy = Busy()
    for _ in range(2):
        busy.stub.add_client_error("update_item", "TransactionConflictException", http_status_code=400)
    busy.stub.add_response("update_item", {})
    with busy.stub:
        busy.ledger.leases.renew(WORK, LEASE)
    busy.stub.assert_no_pending_responses()
    assert len(busy.clock.sleeps) == 2


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ProvisionedThroughputExceededException", Throttled),
        ("ThrottlingException", Throttled),
        ("ResourceNotFoundException", TableMissing),
    ],
)
def test_a_fault_of_the_table_is_ours_and_says_what_was_done(code: str, kind: type[IngestError]) -> None:
    busy = Busy()
    busy.stub.add_client_error("update_item", code, http_status_code=400)
    with busy.stub, pytest.raises(kind, match="claiming in the ledger Ledger"):
        claim(busy.ledger, token=OTHER)
    busy = Busy()
    busy.stub.add_client_error("transact_write_items", code, http_status_code=400)
    with pytest.raises(kind, match="ending a segment in the ledger Ledger"):
        busy.end_segment()


def test_a_missing_ledger_is_reported_by_name() -> None:
    with mock_aws():
        own = TableLedger(table=resource("dynamodb").Table("Nothing"), clock=ScriptedClock())
        with pytest.raises(TableMissing, match="looking up a file in the ledger Nothing"):
            own.queries.file_status(FILE)
        with pytest.raises(TableMissing, match="listing files in the ledger Nothing"):
            list(own.queries.open_files("orders"))


def test_two_hundred_objects_are_looked_for_with_four_requests(rows: Any, table: TableLedger) -> None:
    """A million objects a day were a million queries in each run: docs/evidence.md."""
    files = [replace(FILE, key=f"orders/{n}.csv") for n in range(200)]
    with rows.batch_writer() as batch:
        for file in files:
            key = {"pk": f"landing/{file.key}"}
            batch.put_item(Item=key | {"sk": "HEAD", "sequencer": file.version})
            batch.put_item(Item=CLAIMED | key | {"file": {"bucket": "landing", "key": file.key, "etag": "e"}})
    requests: list[str] = []
    rows.meta.client.meta.events.register("before-call.dynamodb.*", lambda model, **_: requests.append(model.name))
    assert list(table.queries.unknown(replace(file, sequencer=None) for file in files)) == []
    assert requests == ["BatchGetItem"] * 4


def test_entries_expire_some_time_after_a_file_has_ended_and_not_while_it_is_open(rows: Any) -> None:
    own = TableLedger(table=rows, clock=ScriptedClock(100.5), keep_days=30)
    due_s = 30 * 86_400 + 101
    own.leases.note_newest(FILE)
    claim(own)
    own.transitions.add_segment(FILE, FIRST)
    own.transitions.split(FILE, LEASE, SegmentPlan(FIRST.end, 1), head_bytes=50)
    own.leases.claim(ONE, feed="orders", token=LEASE)
    own.transitions.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=True)
    assert own.transitions.end_split(FILE, rejects="") is not None
    assert "expires" not in item(rows)  # its outcome is not reported
    own.transitions.note_reported(FILE, "orders", Status.COMPLETE)
    assert {entry["sk"][:4]: entry.get("expires") for entry in rows.scan()["Items"]} == dict.fromkeys(
        ("HEAD", "FILE", "SEG#", "COUN"), due_s
    )


def test_what_was_ignored_and_is_claimed_after_all_does_not_expire(table: TableLedger, rows: Any) -> None:
    at(table, 1.0).transitions.ignore(FILE, "orders")
    assert item(rows)["expires"] == 400 * 86_400 + 1
    claim(table)
    assert "expires" not in item(rows)
