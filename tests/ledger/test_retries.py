"""Attempts that an operator asked for, by the table and by the ledger in memory alike."""

from dataclasses import replace

from ingest.contract import Status
from ingest.errors import TooManyRejects
from ingest.ledger.claims import Claimed, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import NOTHING_CARRIED_OVER, CarriedOver, Checkpoint, Plan, WorkItem
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
    Both,
    claim,
    closed,
    end,
    file_entry,
)

AGAIN = replace(FILE, retry=1)


def test_a_retry_waits_for_a_worker_under_a_name_of_its_own(ledger: Both) -> None:
    assert ledger.retry(AGAIN, feed="orders", begun=NOTHING_CARRIED_OVER, now_s=200.5)
    entry = file_entry(ledger)
    assert entry == ledger.entry(WorkItem(AGAIN))
    assert (entry.status, entry.feed, entry.work.file, entry.attempts) == (Status.WAITING, "orders", AGAIN, 0)
    assert (entry.first_seen_s, entry.moved_s, entry.lease_until_s, entry.row_counts) == (
        200.5,
        200.5,
        0.0,
        RowCounts(),
    )
    assert ledger.entry(WORK) is None


def test_a_retry_is_begun_only_once(ledger: Both) -> None:
    assert ledger.retry(AGAIN, feed="orders", begun=NOTHING_CARRIED_OVER, now_s=200.0)
    claim(ledger, WorkItem(AGAIN), now_s=210.0)
    before = file_entry(ledger)
    assert not ledger.retry(AGAIN, feed="orders", begun=CarriedOver(checkpoint=CHECKPOINT), now_s=220.0)
    assert file_entry(ledger) == before


def test_a_retry_goes_on_where_it_is_reported_to(ledger: Both) -> None:
    ledger.retry(AGAIN, feed="orders", begun=CarriedOver(checkpoint=CHECKPOINT), now_s=200.0)
    assert file_entry(ledger).row_counts == HALF
    assert claim(ledger, WorkItem(AGAIN), now_s=210.0) == Claimed(200.0, CHECKPOINT, None)


def test_a_retry_of_a_file_that_is_split_has_the_segments_that_are_done(ledger: Both) -> None:
    ledger.carry_over(AGAIN, FIRST, ROW_COUNTS, now_s=190.0)
    ledger.carry_over(AGAIN, FIRST, HALF, now_s=191.0)  # again, and nothing changes
    ledger.add_segment(AGAIN, SECOND, now_s=192.0)
    ledger.carry_over(AGAIN, SECOND, HALF, now_s=193.0)
    first, second = ledger.segments(AGAIN)
    assert (first.status, first.row_counts, first.work.segment) == (Status.DONE, ROW_COUNTS, FIRST)
    assert (second.status, second.row_counts) == (Status.PENDING, RowCounts())
    plan = Plan(SECOND.end, 2)
    ledger.retry(
        AGAIN, feed="orders", begun=CarriedOver(plan=plan, segments_done=1, row_counts=ROW_COUNTS), now_s=200.0
    )
    entry = file_entry(ledger)
    assert (entry.segments, entry.segments_done, entry.row_counts) == (2, 1, ROW_COUNTS)
    assert claim(ledger, WorkItem(AGAIN), now_s=210.0) == Claimed(200.0, None, plan)
    ledger.split(AGAIN, LEASE, ALL_PLANNED, head_bytes=10, now_s=211.0)
    end(ledger, WorkItem(AGAIN, SECOND), now_s=220.0)
    outcome = ledger.end_split(AGAIN, rejects="", now_s=230.0)
    assert outcome is not None
    assert (outcome.status, outcome.row_counts) == (
        Status.COMPLETE,
        ROW_COUNTS.plus(ROW_COUNTS).plus(RowCounts(bytes_read=10)),
    )


def test_a_file_that_failed_reports_its_checkpoint_and_not_what_it_counted_behind_that(ledger: Both) -> None:
    claim(ledger)
    ledger.save(WORK, LEASE, replace(CHECKPOINT, row_counts=RowCounts(rows_read=1, rows_written=1)), now_s=110.0)
    outcome = Outcome(Status.FAILED, ROW_COUNTS, 1.5, None, TooManyRejects("Too many."), CHECKPOINT)
    ledger.end_file(FILE, LEASE, outcome, now_s=120.0)
    assert file_entry(ledger).row_counts == ROW_COUNTS
    assert ledger.checkpoint(FILE) == CHECKPOINT


def test_a_file_that_was_given_up_reports_the_checkpoint_that_was_saved(ledger: Both) -> None:
    claim(ledger)
    assert ledger.checkpoint(FILE) is None
    ledger.save(WORK, LEASE, CHECKPOINT, now_s=110.0)
    ledger.give_up(FILE, closed(Status.FAILED), now_s=120.0)
    assert ledger.checkpoint(FILE) == Checkpoint(CHECKPOINT.at, CHECKPOINT.window, HALF)


def test_a_retry_makes_the_attempts_before_it_old(ledger: Both) -> None:
    for file in (FILE, AGAIN, replace(FILE, retry=12)):
        assert ledger.note_newest(file, now_s=100.0)
    assert not ledger.note_newest(replace(FILE, retry=2), now_s=101.0)
    assert not ledger.note_newest(FILE, now_s=101.0)
    assert ledger.note_newest(replace(FILE, sequencer="0B"), now_s=102.0)
    assert not ledger.note_newest(replace(FILE, retry=13), now_s=103.0)


def test_a_retry_of_a_file_that_was_found_is_the_same_object_by_another_name(ledger: Both) -> None:
    found = replace(FILE, sequencer=None)
    assert ledger.note_newest(found, now_s=100.0)
    ledger.claim(WorkItem(found), feed="orders", token=LEASE, now_s=100.0)
    assert ledger.note_newest(replace(found, retry=1), now_s=110.0)
    ledger.claim(WorkItem(replace(found, retry=1)), feed="orders", token=OTHER, now_s=110.0)
    late = replace(FILE, event_time="1970-01-01T00:00:50Z")
    assert not ledger.note_newest(late, now_s=120.0)


def test_a_retry_is_listed_under_the_feed_it_belongs_to_now(ledger: Both) -> None:
    ledger.retry(AGAIN, feed="-", begun=NOTHING_CARRIED_OVER, now_s=200.0)
    claim(ledger, WorkItem(AGAIN), now_s=210.0)
    assert [entry.work.file for entry in ledger.open_files("orders")] == [AGAIN]
    assert list(ledger.open_files("-")) == []
