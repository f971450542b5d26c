"""How files are split and ended, by the table and by the ledger in memory alike."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ingest.contract import Status
from ingest.errors import BadHeader, GivenUp, InternalFault, LeaseLost
from ingest.ledger.claims import ClaimStatus, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Plan
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
    Both,
    claim,
    closed,
    end,
    file_entry,
    split,
)

TAKEN = LeaseToken("m1", 2, 500.0, "w2")


def test_a_segment_that_is_planned_again_stays_as_it_is(ledger: Both) -> None:
    split(ledger)
    end(ledger, ONE)
    ledger.add_segment(FILE, FIRST, now_s=130.0)
    (first, second) = ledger.segments(FILE)
    assert (first.status, first.row_counts, first.moved_s) == (Status.DONE, ROW_COUNTS, 120.0)
    assert (second.status, second.work, second.moved_s, second.lease_until_s) == (Status.PENDING, TWO, 110.0, 0.0)


def test_a_segment_is_never_planned_with_another_end(ledger: Both) -> None:
    ledger.add_segment(FILE, FIRST, now_s=100.0)
    with pytest.raises(InternalFault):
        ledger.add_segment(FILE, Segment(FIRST.start, Position(51, 6)), now_s=101.0)
    assert [entry.work.segment for entry in ledger.segments(FILE)] == [FIRST]


def test_a_file_that_is_split_waits_for_its_segments(ledger: Both) -> None:
    split(ledger)
    entry = file_entry(ledger)
    assert (entry.status, entry.segments, entry.segments_done) == (Status.SPLIT, 2, 0)
    assert (entry.row_counts, entry.lease_until_s, entry.moved_s) == (RowCounts(bytes_read=10), 0.0, 110.0)


def test_a_segment_that_ends_adds_its_row_counts_to_the_files_once(ledger: Both) -> None:
    split(ledger)
    end(ledger, ONE)
    with pytest.raises(LeaseLost):
        ledger.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=True, now_s=121.0)
    entry = file_entry(ledger)
    assert (entry.segments_done, entry.row_counts) == (1, ROW_COUNTS.plus(RowCounts(bytes_read=10)))
    end(ledger, TWO, HALF, is_whole=False)
    entry = file_entry(ledger)
    assert (entry.segments_done, entry.moved_s) == (2, 120.0)
    assert entry.row_counts == ROW_COUNTS.plus(HALF).plus(RowCounts(bytes_read=10))


def test_segments_may_end_before_all_are_planned(ledger: Both) -> None:
    claim(ledger)
    ledger.add_segment(FILE, FIRST, now_s=100.0)
    end(ledger, ONE)
    ledger.save_plan(FILE, LEASE, Plan(FIRST.end, 1), now_s=121.0)
    assert ledger.end_split(FILE, rejects="", now_s=122.0) is None
    ledger.add_segment(FILE, SECOND, now_s=123.0)
    ledger.split(FILE, LEASE, ALL_PLANNED, head_bytes=10, now_s=124.0)
    assert file_entry(ledger).row_counts == ROW_COUNTS.plus(RowCounts(bytes_read=10))


def test_the_last_segment_closes_the_file_and_only_once(ledger: Both) -> None:
    split(ledger)
    assert ledger.end_split(FILE, rejects="s3://r/", now_s=115.0) is None
    end(ledger, ONE)
    assert ledger.end_split(FILE, rejects="s3://r/", now_s=121.0) is None
    end(ledger, TWO)
    row_counts = ROW_COUNTS.plus(ROW_COUNTS).plus(RowCounts(bytes_read=10))
    assert ledger.end_split(FILE, rejects="s3://r/", now_s=130.0) == Outcome(
        Status.COMPLETE, row_counts, 29.5, "s3://r/"
    )
    assert ledger.end_split(FILE, rejects="s3://r/", now_s=131.0) is None
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.ended_s, entry.rejects) == (
        Status.COMPLETE,
        row_counts,
        130.0,
        "s3://r/",
    )


def test_a_file_without_rejects_does_not_say_where_they_are(ledger: Both) -> None:
    split(ledger)
    for work in (ONE, TWO):
        end(ledger, work, RowCounts(rows_read=1, rows_written=1, bytes_read=40))
    outcome = ledger.end_split(FILE, rejects="s3://r/", now_s=130.0)
    assert outcome is not None
    assert outcome.rejects is None


@pytest.mark.parametrize("row_counts", [replace(ROW_COUNTS, bytes_read=39), replace(ROW_COUNTS, rows_written=4)])
def test_a_file_is_unbalanced_if_bytes_or_rows_are_missing(ledger: Both, row_counts: RowCounts) -> None:
    split(ledger)
    end(ledger, ONE)
    end(ledger, TWO, row_counts)
    outcome = ledger.end_split(FILE, rejects="", now_s=130.0)
    assert outcome is not None
    assert outcome.status == Status.UNBALANCED == file_entry(ledger).status


@pytest.mark.parametrize("last", [True, False])
def test_a_split_file_that_is_not_the_newest_is_superseded_whether_or_not_all_has_ended(
    ledger: Both, last: bool
) -> None:
    split(ledger)
    end(ledger, ONE)
    if last:
        end(ledger, TWO)
    ledger.note_newest(replace(FILE, sequencer="0B"), now_s=125.0)
    outcome = ledger.end_split(FILE, rejects="", now_s=130.0)
    assert outcome is not None
    assert outcome.status == Status.SUPERSEDED == file_entry(ledger).status


def test_what_no_one_knows_cannot_be_closed(ledger: Both) -> None:
    assert ledger.end_split(FILE, rejects="", now_s=1.0) is None
    assert not ledger.end_early(FILE, closed(Status.FAILED), now_s=1.0)
    assert not ledger.give_up(FILE, closed(Status.FAILED), now_s=1.0)
    assert ledger.unreported(FILE) is None


@pytest.mark.parametrize("status", [Status.COMPLETE, Status.FAILED, Status.SUPERSEDED, Status.UNBALANCED])
def test_a_whole_file_ends_with_its_row_counts(ledger: Both, status: str) -> None:
    claim(ledger)
    ledger.save(WORK, LEASE, CHECKPOINT, now_s=110.0)
    outcome = closed(status, BadHeader("No column.") if status == Status.FAILED else None, "s3://r/")
    ledger.end_file(FILE, LEASE, outcome, now_s=120.5)
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.rejects) == (status, ROW_COUNTS, "s3://r/")
    assert (entry.ended_s, entry.lease_until_s, entry.moved_s) == (120.5, 0.0, 120.5)
    assert entry.error == ("No column." if status == Status.FAILED else None)
    assert claim(ledger, token=OTHER, now_s=1e6) == ClaimStatus(status, "m1/1/w1", 0.0)


def test_a_file_that_was_only_begun_keeps_what_its_segments_have_counted(ledger: Both) -> None:
    claim(ledger)
    ledger.add_segment(FILE, FIRST, now_s=100.0)
    end(ledger, ONE, HALF)
    ledger.end_begun(FILE, LEASE, closed(Status.SUPERSEDED), now_s=130.0)
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts, entry.ended_s) == (Status.SUPERSEDED, HALF, 130.0)


@pytest.mark.parametrize("status", [Status.FAILED, Status.SUPERSEDED])
def test_a_file_ends_early_whoever_holds_it_and_only_once(ledger: Both, status: str) -> None:
    split(ledger)
    end(ledger, ONE, HALF)
    assert ledger.end_early(FILE, closed(status, BadHeader("No column.")), now_s=130.0)
    assert not ledger.end_early(FILE, closed(Status.FAILED), now_s=131.0)
    assert not ledger.give_up(FILE, closed(Status.FAILED), now_s=131.0)
    entry = file_entry(ledger)
    assert (entry.status, entry.row_counts) == (status, HALF.plus(RowCounts(bytes_read=10)))
    assert (entry.error, entry.ended_s) == ("No column.", 130.0)


def test_segments_may_still_end_when_their_file_has(ledger: Both) -> None:
    split(ledger)
    ledger.end_early(FILE, closed(Status.FAILED), now_s=115.0)
    end(ledger, ONE, HALF, is_whole=False)
    entry = file_entry(ledger)
    assert (entry.status, entry.segments_done) == (Status.FAILED, 1)
    assert [part.status for part in ledger.segments(FILE)] == [Status.STOPPED, Status.PENDING]


def test_a_file_that_is_given_up_has_failed(ledger: Both) -> None:
    split(ledger)
    assert ledger.give_up(FILE, closed(Status.FAILED, GivenUp("Nobody could."), "s3://r/"), now_s=130.0)
    assert not ledger.give_up(FILE, closed(Status.FAILED), now_s=131.0)
    reported = ledger.unreported(FILE)
    assert reported is not None
    assert (reported.status, reported.rejects, str(reported.error)) == (Status.FAILED, "s3://r/", "Nobody could.")


def test_an_outcome_is_unreported_until_it_was_reported(ledger: Both) -> None:
    claim(ledger)
    assert ledger.unreported(FILE) is None
    ledger.end_file(FILE, LEASE, closed(Status.FAILED, BadHeader("No column."), "s3://r/"), now_s=120.0)
    unreported = ledger.unreported(FILE)
    assert unreported is not None
    assert (unreported.status, unreported.row_counts, unreported.seconds, unreported.rejects) == (
        Status.FAILED,
        ROW_COUNTS,
        1.5,
        "s3://r/",
    )
    assert (type(unreported.error), str(unreported.error)) == (BadHeader, "No column.")
    ledger.reported(FILE, "orders", Status.COMPLETE, now_s=125.0)  # another outcome than it has
    assert ledger.unreported(FILE) is not None
    ledger.reported(FILE, "orders", Status.FAILED, now_s=125.0)
    assert ledger.unreported(FILE) is None
    assert list(ledger.open_files("orders")) == []


FENCED: dict[str, Callable[[Both], None]] = {
    "split": lambda own: own.split(FILE, LEASE, ALL_PLANNED, head_bytes=10, now_s=600.0),
    "end_file": lambda own: own.end_file(FILE, LEASE, closed(Status.COMPLETE), now_s=600.0),
    "end_file, failed": lambda own: own.end_file(FILE, LEASE, closed(Status.FAILED), now_s=600.0),
    "end_begun": lambda own: own.end_begun(FILE, LEASE, closed(Status.FAILED), now_s=600.0),
    "end_segment": lambda own: own.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=True, now_s=600.0),
    "end_segment, stopped": lambda own: own.end_segment(ONE, LEASE, ROW_COUNTS, is_whole=False, now_s=600.0),
    "save, of a segment": lambda own: own.save(ONE, LEASE, CHECKPOINT, now_s=600.0),
}


@pytest.mark.parametrize("name", FENCED)
def test_nothing_is_ended_with_a_lease_that_another_has_taken(ledger: Both, name: str) -> None:
    ledger.add_segment(FILE, FIRST, now_s=100.0)
    for work in (WORK, ONE):
        claim(ledger, work)
        claim(ledger, work, TAKEN, now_s=400.0)
    before = [*ledger.open_files("orders"), *ledger.segments(FILE)]
    with pytest.raises(LeaseLost):
        FENCED[name](ledger)
    assert [*ledger.open_files("orders"), *ledger.segments(FILE)] == before


@pytest.mark.parametrize("name", FENCED)
def test_nothing_is_ended_that_was_never_claimed(ledger: Both, name: str) -> None:
    with pytest.raises(LeaseLost):
        FENCED[name](ledger)
    assert [*ledger.open_files("orders"), *ledger.segments(FILE)] == []
