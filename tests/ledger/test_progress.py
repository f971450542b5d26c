"""How far a file has come, by its records."""

from dataclasses import replace

import pytest

from ingest.contract import Status
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.ledger.progress import Progress, file_progress, may_be_compressed, segment_share
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Entry, WorkItem
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment

FILE = FileVersion("b", "k", etag="e", size_bytes=200)
ROW_COUNTS = RowCounts(rows_read=50, rows_written=50, bytes_read=50)
LOADING = Entry(WorkItem(FILE), Status.LOADING, row_counts=ROW_COUNTS, first_seen_s=1000.0)


def segment(start: int, end: int, status: str, row_counts: RowCounts) -> Entry:
    return Entry(WorkItem(FILE, Segment(Position(start, 1), Position(end, 1))), status, row_counts=row_counts)


def progress(entry: Entry, *segments: Entry, compressed: bool = False) -> Progress:
    return file_progress(entry, segments, now_s=1010.0, compressed=compressed)


def test_a_file_that_loads_is_as_old_and_as_fast_as_it_is_now() -> None:
    assert progress(LOADING) == Progress(ROW_COUNTS, share=0.25, rows_per_s=5.0, age_s=10.0)


def test_a_file_that_has_ended_keeps_its_speed() -> None:
    ended = replace(LOADING, status=Status.FAILED, ended_s=1002.0)
    assert progress(ended) == Progress(ROW_COUNTS, share=0.25, rows_per_s=25.0, age_s=10.0)


def test_a_complete_file_is_done_whatever_its_size_and_row_counts_say() -> None:
    assert progress(replace(LOADING, status=Status.COMPLETE), compressed=True).share == 1.0


@pytest.mark.parametrize("size", [None, 0, 49])
def test_where_the_size_says_nothing_the_share_is_not_known(size: int | None) -> None:
    assert progress(replace(LOADING, work=WorkItem(replace(FILE, size_bytes=size)))).share is None
    assert progress(LOADING, compressed=True).share is None


def test_a_file_that_was_not_claimed_yet_or_only_now_has_no_speed() -> None:
    assert progress(replace(LOADING, first_seen_s=None)).rows_per_s is None
    assert progress(replace(LOADING, first_seen_s=1010.0)).rows_per_s is None


def test_a_split_file_has_what_its_segments_have_and_its_head_though_its_own_row_counts_are_older() -> None:
    done = RowCounts(rows_read=9, rows_written=8, rows_rejected=1, bytes_read=90)
    half = RowCounts(rows_read=5, rows_written=5, bytes_read=50)
    segments = segment(10, 100, Status.DONE, done), segment(100, 200, Status.LOADING, half)
    split = replace(LOADING, status=Status.SPLIT, row_counts=RowCounts(bytes_read=10))
    assert progress(split, *segments).row_counts == RowCounts(14, 13, 1, 0, bytes_read=150)
    assert progress(split, *segments).share == 0.75
    assert [segment_share(entry) for entry in segments] == [1.0, 0.5]


def test_a_split_file_that_has_ended_has_its_own_row_counts() -> None:
    failed = replace(LOADING, status=Status.FAILED)
    assert (
        progress(failed, segment(10, 100, Status.STOPPED, RowCounts(rows_read=9, bytes_read=90))).row_counts
        == ROW_COUNTS
    )


@pytest.mark.parametrize(
    ("key", "compression", "expected"),
    [
        ("a.csv", "auto", False),
        ("a.csv.ZST", "auto", True),
        ("a.csv.gz", "none", False),
        ("a.csv", "gzip", True),
    ],
)
def test_whether_a_file_may_be_compressed_is_reported_by_the_feed_or_else_by_the_key(
    key: str, compression: str, expected: bool
) -> None:
    assert may_be_compressed(key, Csv(compression=compression)) is expected  # type: ignore[arg-type]


def test_a_file_of_no_known_feed_is_reported_by_its_key() -> None:
    assert may_be_compressed("a.bz2", None)
