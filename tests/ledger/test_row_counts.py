"""Counts add up, and too many rejects are too many."""

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.contract import SKIPPED
from ingest.feeds.feed import RowLimit
from ingest.ledger.row_counts import RowCounts


def test_row_counts_balance_when_every_row_is_in_one_place() -> None:
    assert RowCounts().is_balanced
    assert RowCounts(rows_read=6, rows_written=3, rows_rejected=2, rows_superseded=1, bytes_read=99).is_balanced
    assert not RowCounts(rows_read=6, rows_written=3, rows_rejected=2).is_balanced
    assert not RowCounts(rows_read=1, rows_written=2).is_balanced


COUNTS = st.builds(RowCounts, *[st.integers(0, 3)] * len(fields(RowCounts)))


def test_row_counts_add_field_by_field() -> None:
    assert RowCounts(1, 2, 3, 4, 5).plus(RowCounts(10, 20, 30, 40, 50)) == RowCounts(11, 22, 33, 44, 55)


@pytest.mark.parametrize("why", SKIPPED)
def test_a_row_that_was_skipped_for_any_reason_balances_the_file(why: str) -> None:
    row_counts = RowCounts(**{"rows_read": 2, "rows_written": 1, f"rows_{why}": 1})
    assert row_counts.is_balanced
    assert not row_counts.has_only_rejects(at_end=True)
    assert (row_counts.rows_skipped, row_counts.skipped) == (1, {why: 1})
    assert row_counts.document() == {
        **dict.fromkeys(("rows_rejected", "rows_superseded", "bytes_read"), 0),
        **{"rows_read": 2, "rows_written": 1, "rows_skipped": 1, f"rows_{why}": 1},
    }


def test_a_file_of_skipped_rows_and_rejects_has_not_only_rejects() -> None:
    assert not RowCounts(rows_read=20, rows_rejected=19, rows_older=1).has_only_rejects(at_end=True)


@given(COUNTS)
def test_row_counts_are_read_back_from_the_list_that_the_ledger_keeps(row_counts: RowCounts) -> None:
    assert RowCounts(*row_counts.listed()) == row_counts
    assert len(row_counts.listed()) == 5 or row_counts.listed()[-1]


@pytest.mark.parametrize(
    ("rejected", "read", "limit", "exceeded"),
    [
        (10**9, 10**9, RowLimit(), False),
        (0, 10, RowLimit(count=0), False),
        (1, 10, RowLimit(count=0), True),
        (5, 10, RowLimit(count=5), False),
        (6, 10, RowLimit(count=5), True),
        (999, 999, RowLimit(share=0.1), False),  # too few rows to judge by
        (100, 1000, RowLimit(share=0.1), False),
        (101, 1000, RowLimit(share=0.1), True),
        (1, 1000, RowLimit(share=0), True),
        (0, 1000, RowLimit(share=0), False),
        (5, 5, RowLimit(share=1, min_rows=1), False),
        (2, 3, RowLimit(share=0.5, min_rows=3), True),
        (6, 10_000, RowLimit(count=5, share=0.5), True),  # either is enough
        (600, 1000, RowLimit(count=5000, share=0.5), True),
    ],
)
def test_a_feed_may_limit_rejects_by_count_and_by_share(
    rejected: int, read: int, limit: RowLimit, exceeded: bool
) -> None:
    assert RowCounts(rows_read=read, rows_rejected=rejected).exceeds(limit) is exceeded
