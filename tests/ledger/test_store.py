"""The ledger's rules about leases, checkpoints and versions. The table and the one in memory keep the same."""

from dataclasses import replace

import pytest

from ingest.contract import Status
from ingest.errors import LeaseLost, Throttled
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, FileStatus, LeaseToken
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint, SegmentPlan, WorkItem, WrittenItems
from ingest.reading.blocks import Position
from tests.support.ledgers import (
    CHECKPOINT,
    FILE,
    FIRST,
    HALF,
    LEASE,
    ONE,
    OTHER,
    TWO,
    WORK,
    AnyLedger,
    claim,
    end,
    split,
)
from tests.support.memory_ledger import at


def file_entry_of(ledger: AnyLedger) -> tuple[str, float, float, int]:
    (entry,) = ledger.queries.open_files("orders")
    return entry.status, entry.lease_until_s, entry.moved_s, entry.attempts


def test_new_work_is_claimed(ledger: AnyLedger) -> None:
    assert claim(ledger) == Claimed(100.5, feed="orders")
    assert file_entry_of(ledger) == (Status.LOADING, 160.5, 100.5, 1)


def test_work_whose_lease_holds_cannot_be_claimed_and_stays_as_it_is(ledger: AnyLedger) -> None:
    claim(ledger)
    for token in (OTHER, replace(LEASE, delivery=2), replace(LEASE, worker="w3")):
        assert claim(ledger, token=token, now_s=160.499) == ClaimStatus(Status.LOADING, "m1/1/w1", 160.5, "orders")
    assert file_entry_of(ledger) == (Status.LOADING, 160.5, 100.5, 1)


def test_who_asks_twice_for_the_same_lease_has_it(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 101.0).leases.save(WORK, LEASE, CHECKPOINT)
    assert claim(ledger, now_s=102.0) == Claimed(100.5, CHECKPOINT, feed="orders")
    assert file_entry_of(ledger) == (Status.LOADING, 160.5, 101.0, 1)


def test_a_lease_that_has_run_out_is_taken_over(ledger: AnyLedger) -> None:
    claim(ledger)
    assert claim(ledger, token=OTHER, now_s=160.5) == Claimed(100.5, feed="orders", deaths=1)
    assert file_entry_of(ledger) == (Status.LOADING, 300.0, 160.5, 2)


@pytest.mark.parametrize("sign", ["a checkpoint", "a plan", "put back"])
def test_workers_that_die_are_counted_until_one_gives_a_sign_of_life(ledger: AnyLedger, sign: str) -> None:
    tokens = [replace(LEASE, delivery=n, until_s=1000.0 * n) for n in range(1, 6)]
    found = [claim(ledger, token=token, now_s=token.until_s - 900) for token in tokens[:3]]
    assert [claimed.deaths for claimed in found if isinstance(claimed, Claimed)] == [0, 1, 2]
    entry = ledger.queries.entry(WORK)
    assert entry is not None
    assert (entry.claims_in_a_row, entry.attempts) == (3, 3)
    if sign == "a checkpoint":
        ledger.leases.save(WORK, tokens[2], CHECKPOINT)
    elif sign == "a plan":
        ledger.leases.save_plan(FILE, tokens[2], SegmentPlan(FIRST.end, 1))
    else:
        ledger.leases.put_back(WORK, tokens[2], None, Throttled("Slow down."))
    found = [claim(ledger, token=token, now_s=token.until_s - 900) for token in tokens[3:]]
    assert [claimed.deaths for claimed in found if isinstance(claimed, Claimed)] == [0, 1]


def test_a_lease_is_renewed(ledger: AnyLedger) -> None:
    claim(ledger)
    ledger.leases.renew(WORK, replace(LEASE, until_s=200.25))
    assert claim(ledger, token=OTHER, now_s=200.2) == ClaimStatus(Status.LOADING, "m1/1/w1", 200.25, "orders")
    assert file_entry_of(ledger)[2] == 100.5  # no progress


@pytest.mark.parametrize("work", [WORK, ONE])
def test_a_checkpoint_is_saved_for_whoever_goes_on(ledger: AnyLedger, work: WorkItem) -> None:
    if work is ONE:
        at(ledger, 99.0).transitions.add_segment(FILE, FIRST)
    claim(ledger, work)
    at(ledger, 110.0).leases.save(work, replace(LEASE, until_s=170.0), CHECKPOINT)
    assert claim(ledger, work, OTHER, now_s=169.9) == ClaimStatus(
        Status.LOADING, "m1/1/w1", 170.0, "orders" if work is WORK else ""
    )
    assert claim(ledger, work, OTHER, now_s=170.0) == Claimed(100.5, CHECKPOINT, feed="orders" if work is WORK else "")


def test_a_later_checkpoint_replaces_an_earlier_one(ledger: AnyLedger) -> None:
    later = Checkpoint(Position(60, 7), Position(50, 6), RowCounts(rows_read=5, rows_rejected=5, bytes_read=50))
    claim(ledger)
    at(ledger, 110.0).leases.save(WORK, LEASE, CHECKPOINT)
    at(ledger, 120.0).leases.save(WORK, LEASE, later)
    assert claim(ledger, token=OTHER, now_s=200.0) == Claimed(100.5, later, feed="orders")


def test_work_is_put_back_for_anybody_at_once(ledger: AnyLedger) -> None:
    claim(ledger)
    ledger.leases.put_back(WORK, LEASE, CHECKPOINT, Throttled("Slow down."))
    (entry,) = ledger.queries.open_files("orders")
    assert (entry.status, entry.lease_until_s, entry.error) == (Status.WAITING, 0.0, "Slow down.")
    assert claim(ledger, token=OTHER, now_s=101.0) == Claimed(100.5, CHECKPOINT, feed="orders")
    (entry,) = ledger.queries.open_files("orders")
    assert (entry.error, entry.row_counts) == (None, HALF)


def test_what_was_put_back_without_a_checkpoint_keeps_the_one_it_has(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 110.0).leases.save(WORK, LEASE, CHECKPOINT)
    ledger.leases.put_back(WORK, LEASE, None, Throttled("Slow down."))
    assert claim(ledger, token=OTHER, now_s=111.0) == Claimed(100.5, CHECKPOINT, feed="orders")


def test_who_put_work_back_does_not_hold_it_any_more(ledger: AnyLedger) -> None:
    claim(ledger)
    ledger.leases.put_back(WORK, LEASE, CHECKPOINT, Throttled("Slow down."))
    with pytest.raises(LeaseLost):
        ledger.leases.renew(WORK, LEASE)


def test_a_plan_is_saved_for_whoever_goes_on(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 110.0).leases.save_plan(FILE, replace(LEASE, until_s=180.0), SegmentPlan(FIRST.end, 1))
    (entry,) = ledger.queries.open_files("orders")
    assert (entry.segments, entry.lease_until_s, entry.moved_s) == (1, 180.0, 110.0)
    assert claim(ledger, token=OTHER, now_s=180.0) == Claimed(100.5, None, SegmentPlan(FIRST.end, 1), feed="orders")


def test_a_segment_that_no_one_planned_cannot_be_claimed(ledger: AnyLedger) -> None:
    assert claim(ledger, ONE) == ClaimStatus("")
    assert list(ledger.queries.segments(FILE)) == []


def test_a_planned_segment_is_claimed_once(ledger: AnyLedger) -> None:
    split(ledger)
    assert claim(ledger, ONE, now_s=120.0) == Claimed(120.0)
    assert claim(ledger, ONE, OTHER, now_s=121.0) == ClaimStatus(Status.LOADING, "m1/1/w1", 160.5)
    assert claim(ledger, TWO, OTHER, now_s=121.0) == Claimed(121.0)


def test_what_has_ended_cannot_be_claimed_not_even_by_who_ended_it(ledger: AnyLedger) -> None:
    split(ledger)
    end(ledger, ONE)
    end(ledger, TWO, is_whole=False)
    for token in (LEASE, OTHER):
        assert claim(ledger, ONE, token, now_s=999.0) == ClaimStatus(Status.DONE, "m1/1/w1", 0.0)
        assert claim(ledger, TWO, token, now_s=999.0) == ClaimStatus(Status.STOPPED, "m1/1/w1", 0.0)
        assert claim(ledger, WORK, token, now_s=999.0) == ClaimStatus(Status.SPLIT, "m1/1/w1", 0.0, "orders")


def test_the_standing_of_a_file(ledger: AnyLedger) -> None:
    assert ledger.queries.file_status(FILE) == FileStatus("", is_newest=True)
    at(ledger, 100.0).leases.note_newest(FILE)
    claim(ledger)
    at(ledger, 110.0).leases.save(WORK, LEASE, CHECKPOINT)
    assert ledger.queries.file_status(FILE) == FileStatus(
        Status.LOADING, is_newest=True, row_counts=HALF, feed="orders", first_seen_s=100.5
    )
    at(ledger, 111.0).leases.note_newest(replace(FILE, sequencer="0B"))
    assert ledger.queries.file_status(FILE) == FileStatus(
        Status.LOADING, is_newest=False, row_counts=HALF, feed="orders", first_seen_s=100.5
    )
    assert ledger.queries.file_status(replace(FILE, sequencer=None)).is_newest  # cannot be compared


def test_versions_of_a_key_have_records_of_their_own(ledger: AnyLedger) -> None:
    versions = [FileVersion("landing", "k", sequencer=s) for s in ("0A", "0B")]
    versions += [FileVersion("landing", "k", version_id=v) for v in ("v1", "v2")]
    for file in (*versions, FileVersion("landing", "other", sequencer="0A"), FileVersion("b", "k", sequencer="0A")):
        assert claim(ledger, WorkItem(file)) == Claimed(100.5, feed="orders")


def note(
    ledger: AnyLedger, sequencer: str | None, *, key: str = "k", etag: str | None = "e", time: str | None = None
) -> bool:
    return at(ledger, 1_000_000_000.0).leases.note_newest(
        FileVersion("landing", key, None, etag, sequencer, event_time=time)
    )


def test_an_older_version_is_stale(ledger: AnyLedger) -> None:
    assert note(ledger, "0066F2A1")
    assert note(ledger, "0066F2A1")  # the same again: the claim will show
    assert note(ledger, "0066F2A101")
    assert not note(ledger, "0066F2A1")
    assert not note(ledger, "0066f2a1")
    assert note(ledger, "0066f2a2")
    assert note(ledger, "01", key="another key")


def test_the_late_notification_of_an_object_that_was_found_is_stale(ledger: AnyLedger) -> None:
    assert note(ledger, None, etag="found")
    assert not note(ledger, "0A", etag="found", time="2001-09-09T01:46:39.000Z")
    assert note(ledger, "0A", etag="found", time="2001-09-09T01:47:00.000Z")  # the same bytes, written again later
    assert note(ledger, "0B", etag="other", time="2001-09-09T01:00:00.000Z")
    assert note(ledger, "0C", etag="found")  # no time: loaded rather than left out


def test_an_object_that_was_found_is_stale_to_no_one(ledger: AnyLedger) -> None:
    assert note(ledger, "0A")
    assert note(ledger, None, etag="found")
    assert note(ledger, None, etag="found")
    assert note(ledger, None, etag=None)
    assert note(ledger, "0B", etag=None, time="2001-09-09T01:00:00.000Z")


@pytest.mark.parametrize("taken_at_s", [160.5, 1e6])
def test_nothing_is_written_with_a_lease_that_another_has_taken(ledger: AnyLedger, taken_at_s: float) -> None:
    claim(ledger)
    claim(ledger, token=LeaseToken("m1", 2, taken_at_s + 60, "w2"), now_s=taken_at_s)
    before = list(ledger.queries.open_files("orders"))
    with pytest.raises(LeaseLost):
        ledger.leases.renew(WORK, LEASE)
    with pytest.raises(LeaseLost):
        at(ledger, taken_at_s).leases.save(WORK, LEASE, CHECKPOINT)
    with pytest.raises(LeaseLost):
        ledger.leases.put_back(WORK, LEASE, CHECKPOINT, Throttled("Slow down."))
    with pytest.raises(LeaseLost):
        at(ledger, taken_at_s).leases.save_plan(FILE, LEASE, SegmentPlan(FIRST.end, 1))
    assert list(ledger.queries.open_files("orders")) == before


def test_a_checkpoint_keeps_what_of_the_rows_behind_it_the_table_has(ledger: AnyLedger) -> None:
    claim(ledger)
    within = replace(CHECKPOINT, written=WrittenItems(2, b"\1\0", ((1, "refused"),)))
    for checkpoint in (within, CHECKPOINT):
        ledger.leases.save(WORK, LEASE, checkpoint)
        assert ledger.queries.checkpoint(FILE) == checkpoint
