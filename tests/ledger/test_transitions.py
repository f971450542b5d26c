"""How files are split and ended, by the table and by the ledger in memory alike."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest.contract import Status
from ingest.errors import BadHeader, Cancelled, GivenUp, InternalFault, LeaseLost
from ingest.ledger.claims import Claimed, ClaimStatus, LeaseToken, Outcome
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import FILE_STEPS, SegmentPlan
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment
from tests.support.ledgers import (
    ALL_PLANNED,
    CHECKPOINT,
    FILE,
    FIRST,
    HALF,
    LEASE,
    ONE,
    OTHER,
    ROW_COUNTS,
    SECOND,
    TWO,
    WORK,
    AnyLedger,
    claim,
    closed,
    end,
    file_entry,
    split,
)
from tests.support.memory_ledger import at

TAKEN = LeaseToken("m1", 2, 500.0, "w2")


def test_a_segment_that_is_planned_again_stays_as_it_is(ledger: AnyLedger) -> None:
    split(ledger)
    end(ledger, ONE)
    at(ledger, 130.0).transitions.add_segment(FILE, FIRST)
    (first, second) = ledger.queries.segments(FILE)
    assert (first.status, first.row_counts, first.moved_s) == (Status.DONE, ROW_COUNTS, 120.0)
    assert (second.status, second.work, second.moved_s, second.lease_until_s) == (Status.PENDING, TWO, 110.0, 0.0)


def test_a_segment_is_never_planned_with_another_end(ledger: AnyLedger) -> None:
    at(ledger, 100.0).transitions.add_segment(FILE, FIRST)
    with pytest.raises(InternalFault):
        at(ledger, 101.0).transitions.add_segment(FILE, Segment(FIRST.start, Position(51, 6)))
    assert [entry.work.segment for entry in ledger.queries.segments(FILE)] == [FIRST]


def test_a_file_that_is_split_waits_for_its_segments(ledger: AnyLedger) -> None:
    split(ledger)
    entry = file_entry(ledger)
    assert (entry.status, entry.segments, entry.segments_done) == (Status.SPLIT, 2, 0)
    assert (entry.row_counts, entry.lease_until_s, entry.moved_s) == (RowCounts(bytes_read=10), 0.0, 110.0)


def test_a_segment_that_ends_adds_its_row_counts_to_the_files_once(ledger: AnyLedger) -> None:
    split(ledger)
    end(ledger, ONE)
    with pytest.raises(LeaseLost):
        at(ledger, 121.0).transitions.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=True)
    entry = file_entry(ledger)
    assert (entry.segments_done, entry.row_counts) == (1, ROW_COUNTS.plus(RowCounts(bytes_read=10)))
    end(ledger, TWO, HALF, is_whole=False)
    entry = file_entry(ledger)
    assert (entry.segments_done, entry.moved_s) == (2, 120.0)
    assert entry.row_counts == ROW_COUNTS.plus(HALF).plus(RowCounts(bytes_read=10))


def test_segments_may_end_before_all_are_planned(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 100.0).transitions.add_segment(FILE, FIRST)
    end(ledger, ONE)
    at(ledger, 121.0).leases.save_plan(FILE, LEASE, SegmentPlan(FIRST.end, 1))
    assert at(ledger, 122.0).transitions.end_split(FILE, rejects="") is None
    at(ledger, 123.0).transitions.add_segment(FILE, SECOND)
    at(ledger, 124.0).transitions.split(FILE, LEASE, ALL_PLANNED, head_bytes=10)
    assert file_entry(ledger).row_counts == ROW_COUNTS.plus(RowCounts(bytes_read=10))


def test_the_last_segment_closes_the_file_and_only_once(ledger: AnyLedger) -> None:
    split(ledger)
    assert at(ledger, 115.0).transitions.end_split(FILE, rejects="s3://r/") is None
    end(ledger, ONE)
    assert at(ledger, 121.0).transitions.end_split(FILE, rejects="s3://r/") is None
    end(ledger, TWO)
    row_counts = ROW_COUNTS.plus(ROW_COUNTS).plus(RowCounts(bytes_read=10))
    assert at(ledger, 130.0).transitions.end_split(FILE, rejects="s3://r/") == Outcome(
        Status.COMPLETE, row_counts, 29.5, "s3://r/"
    )
    assert at(ledger, 131.0).transitions.end_split(FILE, rejects="s3://r/") is None
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.ended_s, entry.rejects) == (
        Status.COMPLETE,
        row_counts,
        130.0,
        "s3://r/",
    )


def test_rows_that_were_skipped_are_added_up_by_why_and_balance_the_file(ledger: AnyLedger) -> None:
    split(ledger)
    older, exists = replace(HALF, rows_older=5, rows_read=7), replace(HALF, rows_exists=1, rows_read=3)
    at(ledger, 101.0).leases.claim(ONE, feed="orders", token=LEASE)
    at(ledger, 105.0).leases.save(ONE, LEASE, replace(CHECKPOINT, row_counts=older))
    assert {entry.row_counts for entry in ledger.queries.segments(FILE)} == {older, NOTHING}
    older, exists = replace(older, bytes_read=40), replace(exists, bytes_read=40)
    at(ledger, 110.0).transitions.end_segment(ONE, LEASE, older, is_whole=True)
    end(ledger, TWO, exists)
    row_counts = older.plus(exists).plus(RowCounts(bytes_read=10))
    assert file_entry(ledger).row_counts == row_counts
    outcome = at(ledger, 130.0).transitions.end_split(FILE, rejects="")
    assert outcome == Outcome(Status.COMPLETE, row_counts, 29.5)
    assert file_entry(ledger).row_counts == row_counts == replace(row_counts, rows_older=5, rows_exists=1)


def test_a_segment_ends_its_file_with_the_rows_that_all_have_skipped(ledger: AnyLedger) -> None:
    split(ledger)
    end(ledger, ONE, replace(HALF, rows_older=2))
    claim(ledger, TWO)
    outcome = closed(Status.FAILED, BadHeader("No column."))
    ended = at(ledger, 125.0).transitions.end_by_segment(TWO, LEASE, replace(HALF, rows_unchanged=1), outcome)
    assert ended is not None
    assert ended.row_counts.skipped == {"older": 2, "unchanged": 1} == file_entry(ledger).row_counts.skipped


def test_a_file_without_rejects_does_not_say_where_they_are(ledger: AnyLedger) -> None:
    split(ledger)
    for work in (ONE, TWO):
        end(ledger, work, RowCounts(rows_read=1, rows_written=1, bytes_read=40))
    outcome = at(ledger, 130.0).transitions.end_split(FILE, rejects="s3://r/")
    assert outcome is not None
    assert outcome.rejects is None


@pytest.mark.parametrize("row_counts", [replace(ROW_COUNTS, bytes_read=39), replace(ROW_COUNTS, rows_written=4)])
def test_a_file_is_unbalanced_if_bytes_or_rows_are_missing(ledger: AnyLedger, row_counts: RowCounts) -> None:
    split(ledger)
    end(ledger, ONE)
    end(ledger, TWO, row_counts)
    outcome = at(ledger, 130.0).transitions.end_split(FILE, rejects="")
    assert outcome is not None
    assert outcome.status == Status.UNBALANCED == file_entry(ledger).status


@pytest.mark.parametrize("last", [True, False])
def test_a_split_file_that_is_not_the_newest_is_superseded_whether_or_not_all_has_ended(
    ledger: AnyLedger, last: bool
) -> None:
    split(ledger)
    end(ledger, ONE)
    if last:
        end(ledger, TWO)
    at(ledger, 125.0).leases.note_newest(replace(FILE, sequencer="0B"))
    outcome = at(ledger, 130.0).transitions.end_split(FILE, rejects="")
    assert outcome is not None
    assert outcome.status == Status.SUPERSEDED == file_entry(ledger).status


def test_what_no_one_knows_cannot_be_closed(ledger: AnyLedger) -> None:
    assert at(ledger, 1.0).transitions.end_split(FILE, rejects="") is None
    assert not at(ledger, 1.0).transitions.end_early(FILE, closed(Status.FAILED))
    assert not at(ledger, 1.0).transitions.give_up(FILE, closed(Status.FAILED))
    assert ledger.queries.unreported(FILE) is None


def test_an_object_is_ignored_in_one_write_and_listed_as_ended_at_once(ledger: AnyLedger) -> None:
    for now_s in (100.0, 200.0):
        assert at(ledger, now_s).transitions.ignore(FILE, "orders")
    entry = ledger.queries.entry(WORK)
    assert entry is not None
    assert (entry.status, entry.feed, entry.attempts, entry.first_seen_s) == (Status.IGNORED, "orders", 0, 100.0)
    assert (entry.ended_s, entry.lease_until_s, entry.row_counts) == (100.0, 0.0, NOTHING)
    assert (list(ledger.queries.open_files("orders")), ledger.queries.unreported(FILE)) == ([], None)
    if isinstance(ledger, TableLedger):
        assert [found.work for found in ledger.queries.ended_files("orders", Status.IGNORED, "1970-01-01")] == [WORK]
        assert ledger.table.dynamodb.scan()["Count"] == 1


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.FAILED, Status.SUPERSEDED, Status.UNBALANCED])
def test_a_file_that_has_ended_is_undone_and_keeps_what_it_has_counted(ledger: AnyLedger, status: str) -> None:
    claim(ledger)
    at(ledger, 120.0).transitions.end_file(FILE, LEASE, closed(status))
    before = ledger.queries.entry(WORK)
    assert before is not None
    assert at(ledger, 90_000.0).transitions.undo(FILE)
    assert at(ledger, 90_001.0).transitions.undo(FILE)
    assert ledger.queries.entry(WORK) == replace(before, status=Status.UNDONE)
    assert ledger.queries.unreported(FILE) is None
    assert isinstance(claim(ledger, now_s=90_002.0), ClaimStatus)
    assert not list(ledger.queries.open_files("orders"))


def test_a_file_that_is_open_is_not_undone(ledger: AnyLedger) -> None:
    assert not at(ledger, 100.0).transitions.undo(FILE)
    claim(ledger)
    assert not at(ledger, 101.0).transitions.undo(FILE)
    assert file_entry(ledger).status == Status.LOADING


def test_an_undo_needs_no_newest_version(ledger: AnyLedger) -> None:
    at(ledger, 100.0).leases.note_newest(replace(FILE, sequencer="0B"))
    assert ledger.queries.file_status(replace(FILE, retry=1, undo=True)).is_newest
    assert not ledger.queries.file_status(replace(FILE, retry=1)).is_newest


def test_what_was_claimed_is_not_ignored_any_more(ledger: AnyLedger) -> None:
    claim(ledger)
    assert not at(ledger, 110.0).transitions.ignore(FILE, "orders")
    at(ledger, 120.0).transitions.end_file(FILE, LEASE, closed(Status.COMPLETE))
    assert not at(ledger, 130.0).transitions.ignore(FILE, "orders")
    assert file_entry(ledger).status == Status.COMPLETE


def test_what_was_ignored_may_be_claimed_and_is_then_a_file_as_any(ledger: AnyLedger) -> None:
    assert at(ledger, 100.0).transitions.ignore(FILE, "orders")
    assert claim(ledger) == Claimed(100.0, feed="orders")
    entry = file_entry(ledger)
    assert (entry.status, entry.attempts, entry.ended_s, entry.seconds) == (Status.LOADING, 1, None, None)
    at(ledger, 120.0).transitions.end_file(FILE, LEASE, closed(Status.COMPLETE))
    assert ledger.queries.unreported(FILE) == closed(Status.COMPLETE)
    assert not at(ledger, 130.0).transitions.ignore(FILE, "orders")


def test_only_a_claim_leads_on_from_ignored(ledger: AnyLedger) -> None:
    assert at(ledger, 100.0).transitions.ignore(FILE, "orders")
    assert not at(ledger, 110.0).transitions.end_early(FILE, closed(Status.FAILED))
    assert not at(ledger, 110.0).transitions.give_up(FILE, closed(Status.FAILED))
    assert at(ledger, 110.0).transitions.end_split(FILE, rejects="") is None
    assert {name for name, step in FILE_STEPS.items() if Status.IGNORED in step.sources} == {"claim", "write out"}


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.FAILED, Status.SUPERSEDED, Status.UNBALANCED])
def test_a_whole_file_ends_with_its_row_counts(ledger: AnyLedger, status: str) -> None:
    claim(ledger)
    at(ledger, 110.0).leases.save(WORK, LEASE, CHECKPOINT)
    outcome = closed(status, BadHeader("No column.") if status == Status.FAILED else None, "s3://r/")
    at(ledger, 120.5).transitions.end_file(FILE, LEASE, outcome)
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.rejects) == (status, ROW_COUNTS, "s3://r/")
    assert (entry.ended_s, entry.lease_until_s, entry.moved_s) == (120.5, 0.0, 120.5)
    assert entry.error == ("No column." if status == Status.FAILED else None)
    assert claim(ledger, token=OTHER, now_s=1e6) == ClaimStatus(status, "m1/1/w1", 0.0, "orders")


def test_a_file_that_was_only_begun_keeps_what_its_segments_have_counted(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 100.0).transitions.add_segment(FILE, FIRST)
    end(ledger, ONE, HALF)
    at(ledger, 130.0).transitions.end_begun(FILE, LEASE, closed(Status.SUPERSEDED))
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.ended_s) == (Status.SUPERSEDED, HALF, 130.0)


@pytest.mark.parametrize("status", [Status.FAILED, Status.SUPERSEDED])
def test_a_file_ends_early_whoever_holds_it_and_only_once(ledger: AnyLedger, status: str) -> None:
    split(ledger)
    end(ledger, ONE, HALF)
    assert at(ledger, 130.0).transitions.end_early(FILE, closed(status, BadHeader("No column.")))
    assert not at(ledger, 131.0).transitions.end_early(FILE, closed(Status.FAILED))
    assert not at(ledger, 131.0).transitions.give_up(FILE, closed(Status.FAILED))
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts) == (status, HALF.plus(RowCounts(bytes_read=10)))
    assert (entry.error, entry.ended_s) == ("No column.", 130.0)


@pytest.mark.parametrize("is_whole", [True, False])
def test_segments_may_still_end_when_their_file_has_and_do_not_change_it(ledger: AnyLedger, *, is_whole: bool) -> None:
    """The event said other row counts than the ledger did afterwards."""
    split(ledger)
    ended = at(ledger, 115.0).transitions.end_early(FILE, closed(Status.FAILED))
    before = file_entry(ledger)
    claim(ledger, ONE, now_s=120.0)
    at(ledger, 121.0).transitions.end_segment(ONE, LEASE, HALF, is_whole=is_whole)
    assert file_entry(ledger) == before
    assert ended is not None
    assert (before.status, before.segments_done, before.row_counts) == (Status.FAILED, 0, ended.row_counts)
    one, two = ledger.queries.segments(FILE)
    status = Status.DONE if is_whole else Status.STOPPED
    assert (one.status, one.row_counts, one.lease_until_s, two.status) == (status, HALF, 0.0, Status.PENDING)


def test_a_segment_of_a_file_that_has_ended_needs_its_lease_all_the_same(ledger: AnyLedger) -> None:
    split(ledger)
    claim(ledger, ONE, now_s=100.0)
    claim(ledger, ONE, OTHER, now_s=200.0)
    at(ledger, 201.0).transitions.end_early(FILE, closed(Status.FAILED))
    before = list(ledger.queries.segments(FILE))
    with pytest.raises(LeaseLost):
        at(ledger, 202.0).transitions.end_segment(ONE, LEASE, HALF, is_whole=True)
    assert list(ledger.queries.segments(FILE)) == before


@pytest.mark.parametrize("status", [Status.FAILED, Status.SUPERSEDED])
def test_a_segment_ends_its_file_with_all_that_was_counted(ledger: AnyLedger, status: str) -> None:
    split(ledger)
    end(ledger, ONE, ROW_COUNTS)
    claim(ledger, TWO, now_s=125.0)
    own = at(ledger, 130.0).transitions
    ended = own.end_by_segment(TWO, LEASE, HALF, closed(status, BadHeader("No column.")))
    assert ended is not None
    counted = ROW_COUNTS.plus(HALF).plus(RowCounts(bytes_read=10))
    assert (ended.status, ended.row_counts) == (status, counted)
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.segments_done, entry.error) == (status, counted, 2, "No column.")
    unreported = ledger.queries.unreported(FILE)
    assert unreported is not None
    assert unreported.row_counts == counted
    assert [part.status for part in ledger.queries.segments(FILE)] == [Status.DONE, Status.STOPPED]


def test_a_segment_cannot_end_a_file_that_has_ended_or_without_its_lease(ledger: AnyLedger) -> None:
    split(ledger)
    claim(ledger, ONE, now_s=100.0)
    with pytest.raises(LeaseLost):
        at(ledger, 130.0).transitions.end_by_segment(ONE, OTHER, HALF, closed(Status.FAILED))
    at(ledger, 131.0).transitions.give_up(FILE, closed(Status.FAILED, GivenUp("No one could.")))
    before = file_entry(ledger)
    assert at(ledger, 132.0).transitions.end_by_segment(ONE, LEASE, HALF, closed(Status.SUPERSEDED)) is None
    assert file_entry(ledger) == before
    assert next(ledger.queries.segments(FILE)).status == Status.STOPPED


def test_an_outcome_has_the_row_counts_of_the_ledger_whatever_its_writer_had_seen(ledger: AnyLedger) -> None:
    split(ledger)
    end(ledger, ONE, HALF)
    ended = at(ledger, 130.0).transitions.give_up(FILE, closed(Status.FAILED))
    assert ended is not None
    assert ended.row_counts == file_entry(ledger).row_counts == HALF.plus(RowCounts(bytes_read=10))


def test_a_file_that_is_cancelled_takes_nothing_more_of_its_worker(ledger: AnyLedger) -> None:
    claim(ledger)
    at(ledger, 110.0).leases.save(WORK, LEASE, CHECKPOINT)
    assert at(ledger, 120.0).transitions.give_up(FILE, closed(Status.FAILED, Cancelled("Cancelled.")))
    for late in (
        lambda: at(ledger, 121.0).leases.renew(WORK, LEASE),
        lambda: at(ledger, 121.0).leases.save(WORK, LEASE, CHECKPOINT),
        lambda: at(ledger, 121.0).transitions.end_file(FILE, LEASE, closed(Status.COMPLETE)),
    ):
        with pytest.raises(LeaseLost):
            late()
    assert claim(ledger, token=OTHER, now_s=500.0) == ClaimStatus(Status.FAILED, LEASE.value, 0.0, "orders")
    ended = ledger.queries.unreported(FILE)
    assert ended and ended.error and (ended.error.code, ended.row_counts) == ("cancelled", HALF)


def test_a_file_that_is_given_up_has_failed(ledger: AnyLedger) -> None:
    split(ledger)
    assert at(ledger, 130.0).transitions.give_up(FILE, closed(Status.FAILED, GivenUp("No one could."), "s3://r/"))
    assert not at(ledger, 131.0).transitions.give_up(FILE, closed(Status.FAILED))
    reported = ledger.queries.unreported(FILE)
    assert reported is not None
    assert (reported.status, reported.rejects, str(reported.error)) == (Status.FAILED, "s3://r/", "No one could.")


def test_an_outcome_is_unreported_until_it_was_reported(ledger: AnyLedger) -> None:
    claim(ledger)
    assert ledger.queries.unreported(FILE) is None
    at(ledger, 120.0).transitions.end_file(FILE, LEASE, closed(Status.FAILED, BadHeader("No column."), "s3://r/"))
    unreported = ledger.queries.unreported(FILE)
    assert unreported is not None
    assert (unreported.status, unreported.row_counts, unreported.seconds, unreported.rejects) == (
        Status.FAILED,
        ROW_COUNTS,
        1.5,
        "s3://r/",
    )
    assert (type(unreported.error), str(unreported.error)) == (BadHeader, "No column.")
    at(ledger, 125.0).transitions.note_reported(FILE, "orders", Status.COMPLETE)  # another outcome than it has
    assert ledger.queries.unreported(FILE) is not None
    at(ledger, 125.0).transitions.note_reported(FILE, "orders", Status.FAILED)
    assert ledger.queries.unreported(FILE) is None
    assert list(ledger.queries.open_files("orders")) == []


FENCED: dict[str, Callable[[AnyLedger], None]] = {
    "split": lambda own: own.transitions.split(FILE, LEASE, ALL_PLANNED, head_bytes=10),
    "end_file": lambda own: own.transitions.end_file(FILE, LEASE, closed(Status.COMPLETE)),
    "end_file, failed": lambda own: own.transitions.end_file(FILE, LEASE, closed(Status.FAILED)),
    "end_begun": lambda own: own.transitions.end_begun(FILE, LEASE, closed(Status.FAILED)),
    "end_segment": lambda own: own.transitions.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=True),
    "end_segment, stopped": lambda own: own.transitions.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=False),
    "save, of a segment": lambda own: own.leases.save(ONE, LEASE, CHECKPOINT),
}


@pytest.mark.parametrize("name", FENCED)
def test_nothing_is_ended_with_a_lease_that_another_has_taken(ledger: AnyLedger, name: str) -> None:
    at(ledger, 100.0).transitions.add_segment(FILE, FIRST)
    for work in (WORK, ONE):
        claim(ledger, work)
        claim(ledger, work, TAKEN, now_s=400.0)
    before = [*ledger.queries.open_files("orders"), *ledger.queries.segments(FILE)]
    with pytest.raises(LeaseLost):
        FENCED[name](ledger)
    assert [*ledger.queries.open_files("orders"), *ledger.queries.segments(FILE)] == before


@pytest.mark.parametrize("name", FENCED)
def test_nothing_is_ended_that_was_never_claimed(ledger: AnyLedger, name: str) -> None:
    with pytest.raises(LeaseLost):
        FENCED[name](ledger)
    assert [*ledger.queries.open_files("orders"), *ledger.queries.segments(FILE)] == []


ALL_REJECTED = RowCounts(rows_read=6, rows_rejected=6, bytes_read=40)


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (ALL_REJECTED, Status.FAILED),
        (replace(ALL_REJECTED, rows_written=1, rows_rejected=5), Status.COMPLETE),
        (replace(ALL_REJECTED, rows_read=4, rows_rejected=4), Status.COMPLETE),
        (replace(ALL_REJECTED, bytes_read=39), Status.UNBALANCED),
    ],
    ids=["all of twelve", "all but one", "all of ten", "bytes are missing"],
)
def test_a_split_file_of_nothing_but_rejects_fails_when_its_last_segment_ends(
    ledger: AnyLedger, last: RowCounts, status: str
) -> None:
    split(ledger)
    end(ledger, ONE, ALL_REJECTED)
    end(ledger, TWO, last)
    outcome = at(ledger, 130.0).transitions.end_split(FILE, rejects="s3://r/")
    assert outcome is not None
    assert (outcome.status, outcome.rejects, file_entry(ledger).status) == (status, "s3://r/", status)
    unreported = ledger.queries.unreported(FILE)
    assert unreported is not None
    codes = [error.code if error else None for error in (outcome.error, unreported.error)]
    assert codes == (["all_rows_rejected"] * 2 if status == Status.FAILED else [None, None])
    assert at(ledger, 140.0).transitions.end_split(FILE, rejects="") is None
