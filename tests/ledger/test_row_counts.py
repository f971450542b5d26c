"""Counts add up, and too many rejects are too many."""

import pytest

from ingest.feeds.feed import RowLimit
from ingest.ledger.row_counts import RowCounts


def test_row_counts_balance_when_every_row_is_in_one_place() -> None:
    assert RowCounts().is_balanced
    assert RowCounts(rows_read=6, rows_written=3, rows_rejected=2, rows_superseded=1, bytes_read=99).is_balanced
    assert not RowCounts(rows_read=6, rows_written=3, rows_rejected=2).is_balanced
    assert not RowCounts(rows_read=1, rows_written=2).is_balanced


def test_row_counts_add_field_by_field() -> None:
    assert RowCounts(1, 2, 3, 4, 5).plus(RowCounts(10, 20, 30, 40, 50)) == RowCounts(11, 22, 33, 44, 55)


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
