"""From a sample to the whole: what is estimated, its confidence interval, and where a sample may be taken."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.estimate.estimate import exactly, extrapolate
from ingest.feeds.dialect import Csv
from ingest.reading.segments import whole_records, windows


def test_equal_windows_leave_no_uncertainty() -> None:
    assert extrapolate([(1000, 10)] * 5, 100_000) == exactly(1000)


def test_one_window_says_nothing_about_the_rest() -> None:
    found = extrapolate([(1000, 10)], 2000)
    assert (found.value, found.low, found.high) == (20, None, None)


def test_the_interval_of_nineteen_in_twenty_samples_holds_the_actual_number() -> None:
    rng = random.Random(7)
    numbers = [(1000, rng.randrange(5, 25)) for _ in range(400)]
    actual = sum(count for _, count in numbers)
    hits = 0
    for _ in range(400):
        found = extrapolate(rng.sample(numbers, 12), 400_000)
        assert found.low is not None and found.high is not None
        hits += found.low <= actual <= found.high
    assert hits >= 400 * 0.92


def test_what_was_read_is_exact() -> None:
    found = extrapolate([(100, 1), (100, 99)], 200)
    assert (found.low, found.value, found.high) == (100, 100, 100)


@given(st.integers(0, 500), st.integers(501, 5000), st.integers(1, 400), st.integers(1, 3000))
def test_windows_lie_in_the_file_without_overlap_and_within_the_budget(
    start: int, end: int, window: int, budget: int
) -> None:
    found = windows(start, end, window=window, budget=budget)
    assert sum(last - first for first, last in found) <= budget
    if found:
        assert (found[0][0], found[-1][1]) == (start, end)
    assert all(before[1] <= after[0] for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("data", "ends"),
    [
        (b"rest\na,b\nc,d\npart", (5, 13)),
        (b"rest\r\na,b\r\npa", (6, 11)),
        (b"rest\ra,b\rpa", (5, 9)),
        (b"rest\r\na,b\r", None),  # the CR may be half a line end: no whole record is left
        (b"no line end", None),
        (b'rest\na,"b"\n', None),
    ],
)
def test_records_begin_and_end_at_line_ends_where_there_are_no_quotes(
    data: bytes, ends: tuple[int, int] | None
) -> None:
    assert whole_records(data, Csv(), at_start=False, at_end=False) == ends


def test_the_ends_of_the_file_are_ends_of_records() -> None:
    assert whole_records(b"a,b\nc,d", Csv(), at_start=True, at_end=True) == (0, 7)
    assert whole_records(b"a\\\nb\n", Csv(escape="\\"), at_start=True, at_end=True) is None
    assert whole_records(b'a"\nb\n', Csv(quote=""), at_start=True, at_end=True) == (0, 5)
