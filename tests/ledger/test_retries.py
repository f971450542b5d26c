"""Attempts that an operator asked for, by the table and by the ledger in memory alike."""

from dataclasses import replace

from ingest.contract import Status
from ingest.errors import TooManyRejects
from ingest.ledger.claims import Claimed, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import NOTHING_CARRIED_OVER, CarriedOver, Checkpoint, SegmentPlan, WorkItem
from tests.support.ledgers import (
    ALL_PLANNED,
    CHECKPOINT,
    FILE,
    FIRST,
    HALF,
    LEASE,
    OTHER,
    ROW_COUNTS,
    SECOND,
    WORK,
    AnyLedger,
    claim,
    closed,
    end,
    file_entry,
)
from tests.support.memory_ledger import at

AGAIN = replace(FILE, retry=1)


def test_a_retry_waits_for_a_worker_under_a_name_of_its_own(ledger: AnyLedger) -> None:
    assert at(ledger, 200.5).transitions.retry(AGAIN, feed="orders", begun=NOTHING_CARRIED_OVER)
    entry = file_entry(ledger)
    assert entry == ledger.queries.entry(WorkItem(AGAIN))
    assert (entry.status, entry.feed, entry.work.file, entry.attempts) == (Status.WAITING, "orders", AGAIN, 0)
    assert (entry.first_seen_s, entry.moved_s, entry.lease_until_s, entry.row_counts) == (
        200.5,
        200.5,
        0.0,
        RowCounts(),
    )
    assert ledger.queries.entry(WORK) is None


def test_a_retry_is_begun_only_once(ledger: AnyLedger) -> None:
    assert at(ledger, 200.0).transitions.retry(AGAIN, feed="orders", begun=NOTHING_CARRIED_OVER)
    claim(ledger, WorkItem(AGAIN), now_s=210.0)
    before = file_entry(ledger)
    assert not at(ledger, 220.0).transitions.retry(AGAIN, feed="orders", begun=CarriedOver(checkpoint=CHECKPOINT))
    assert file_entry(ledger) == before


def test_a_retry_goes_on_where_it_is_reported_to(ledger: AnyLedger) -> None:
    at(ledger, 200.0).transitions.retry(AGAIN, feed="orders", begun=CarriedOver(checkpoint=CHECKPOINT))
    assert file_entry(ledger).row_counts == HALF
    assert claim(ledger, WorkItem(AGAIN), now_s=210.0) == Claimed(200.0, CHECKPOINT, None, feed="orders")


def test_a_retry_of_a_file_that_is_split_has_the_segments_that_are_done(ledger: AnyLedger) -> None:
    at(ledger, 190.0).transitions.carry_over(AGAIN, FIRST, ROW_COUNTS)
    at(ledger, 191.0).transitions.carry_over(AGAIN, FIRST, HALF)  # again, and nothing changes
    at(ledger, 192.0).transitions.add_segment(AGAIN, SECOND)
    at(ledger, 193.0).transitions.carry_over(AGAIN, SECOND, HALF)
    first, second = ledger.queries.segments(AGAIN)
    assert (first.status, first.row_counts, first.work.segment) == (Status.DONE, ROW_COUNTS, FIRST)
    assert (second.status, second.row_counts) == (Status.PENDING, RowCounts())
    plan = SegmentPlan(SECOND.end, 2)
    at(ledger, 200.0).transitions.retry(
        AGAIN, feed="orders", begun=CarriedOver(plan=plan, segments_done=1, row_counts=ROW_COUNTS)
    )
    entry = file_entry(ledger)
    assert (entry.segments, entry.segments_done, entry.row_counts) == (2, 1, ROW_COUNTS)
    assert claim(ledger, WorkItem(AGAIN), now_s=210.0) == Claimed(200.0, None, plan, feed="orders")
    at(ledger, 211.0).transitions.split(AGAIN, LEASE, ALL_PLANNED, head_bytes=10)
    end(ledger, WorkItem(AGAIN, SECOND), now_s=220.0)
    outcome = at(ledger, 230.0).transitions.end_split(AGAIN, rejects="")
    assert outcome is not None
    assert (outcome.status, outcome.row_counts) == (
        Status.COMPLETE,
        ROW_COUNTS.plus(ROW_COUNTS).plus(RowCounts(bytes_read=10)),
    )


def test_a_file_that_failed_reports_its_checkpoint_and_not_what_it_counted_behind_that(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 110.0).leases.save(WORK, LEASE, replace(CHECKPOINT, row_counts=RowCounts(rows_read=1, rows_written=1)))
    outcome = Outcome(Status.FAILED, ROW_COUNTS, 1.5, None, TooManyRejects("Too many."), CHECKPOINT)
    at(ledger, 120.0).transitions.end_file(FILE, LEASE, outcome)
    assert file_entry(ledger).row_counts == ROW_COUNTS
    assert ledger.queries.checkpoint(FILE) == CHECKPOINT


def test_a_file_that_was_given_up_reports_the_checkpoint_that_was_saved(ledger: AnyLedger) -> None:
    claim(ledger)
    assert ledger.queries.checkpoint(FILE) is None
    at(ledger, 110.0).leases.save(WORK, LEASE, CHECKPOINT)
    at(ledger, 120.0).transitions.give_up(FILE, closed(Status.FAILED))
    assert ledger.queries.checkpoint(FILE) == Checkpoint(CHECKPOINT.at, CHECKPOINT.window, HALF)


def test_a_retry_makes_the_attempts_before_it_old(ledger: AnyLedger) -> None:
    for file in (FILE, AGAIN, replace(FILE, retry=12)):
        assert at(ledger, 100.0).leases.note_newest(file)
    assert not at(ledger, 101.0).leases.note_newest(replace(FILE, retry=2))
    assert not at(ledger, 101.0).leases.note_newest(FILE)
    assert at(ledger, 102.0).leases.note_newest(replace(FILE, sequencer="0B"))
    assert not at(ledger, 103.0).leases.note_newest(replace(FILE, retry=13))


def test_a_retry_of_a_file_that_was_found_is_the_same_object_by_another_name(ledger: AnyLedger) -> None:
    found = replace(FILE, sequencer=None)
    assert at(ledger, 100.0).leases.note_newest(found)
    at(ledger, 100.0).leases.claim(WorkItem(found), feed="orders", token=LEASE)
    assert at(ledger, 110.0).leases.note_newest(replace(found, retry=1))
    at(ledger, 110.0).leases.claim(WorkItem(replace(found, retry=1)), feed="orders", token=OTHER)
    late = replace(FILE, event_time="1970-01-01T00:00:50Z")
    assert not at(ledger, 120.0).leases.note_newest(late)


def test_a_retry_is_listed_under_the_feed_it_belongs_to_now(ledger: AnyLedger) -> None:
    at(ledger, 200.0).transitions.retry(AGAIN, feed="-", begun=NOTHING_CARRIED_OVER)
    claim(ledger, WorkItem(AGAIN), now_s=210.0)
    assert [entry.work.file for entry in ledger.queries.open_files("orders")] == [AGAIN]
    assert list(ledger.queries.open_files("-")) == []
