"""A histogram of latencies gives values that are near the true ones, few enough for one line of metrics."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.write_stats import BUCKETS, NO_LATENCIES, Latencies, bucket_of

SECONDS = st.floats(0.0002, 14.0)


def counted(seconds: list[float]) -> Latencies:
    counts = [0] * BUCKETS
    for value in seconds:
        counts[bucket_of(value)] += 1
    return Latencies(tuple(counts))


@given(st.lists(SECONDS, max_size=100))
def test_few_requests_have_a_value_each_within_5_percent(seconds: list[float]) -> None:
    reported = counted(seconds).sample(100)
    assert len(reported) == len(seconds)
    for value, true in zip(reported, sorted(seconds), strict=True):
        assert value == pytest.approx(true * 1000, rel=0.055)


@given(st.lists(SECONDS, min_size=101, max_size=700))
def test_of_many_requests_the_percentiles_are_reported_with_the_least_and_the_greatest(seconds: list[float]) -> None:
    reported = counted(seconds).sample(100)
    ordered = sorted(seconds)
    assert len(reported) == 100 and reported == sorted(reported)
    assert reported[0] == pytest.approx(ordered[0] * 1000, rel=0.055)
    assert reported[-1] == pytest.approx(ordered[-1] * 1000, rel=0.055)
    assert reported[49] == pytest.approx(ordered[49 * (len(ordered) - 1) // 99] * 1000, rel=0.055)


@given(st.lists(SECONDS, max_size=20), st.lists(SECONDS, max_size=20))
def test_what_came_since_is_what_was_added(before: list[float], more: list[float]) -> None:
    assert counted(before) + counted(more) == counted(before + more)
    assert counted(before + more) - counted(before) == counted(more)


def test_nothing_is_nothing_however_it_is_written() -> None:
    assert not NO_LATENCIES and not counted([])
    assert NO_LATENCIES.sample(100) == counted([]).sample(100) == []
    assert counted([1.0]) - NO_LATENCIES == NO_LATENCIES + counted([1.0]) == counted([1.0])


@pytest.mark.parametrize("seconds", [-0.001, 0.0, 1e-9, 3600.0])
def test_what_no_request_takes_falls_into_an_outer_bucket(seconds: float) -> None:
    assert bucket_of(seconds) in (0, BUCKETS - 1)
    assert all(math.isfinite(value) for value in counted([seconds]).sample(1))
