"""What a table takes in a second is found by what it leaves."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.rate_limit import FEWEST_PER_S, MEASURED_S, RateLimiter


def throttled(
    rate_limiter: RateLimiter,
    *,
    now: float,
    taken: int,
    left: int | None = None,
    share: float = 0.2,
    begun_at: float | None = None,
) -> RateLimiter:
    begun_at = now if begun_at is None else begun_at
    left = rate_limiter.left + 1 if left is None else left  # nearly nothing
    return rate_limiter.after_throttle(begun_at=begun_at, now=now, taken=taken, left=left, share=share)


def limited() -> RateLimiter:
    """A pace that was cut at 10 s, when 5,000 items of this second had been taken."""
    return throttled(RateLimiter().begun(now=9.0, taken=0, left=0), now=10.0, taken=5000)


def test_nothing_is_limited_before_the_table_leaves_something() -> None:
    assert RateLimiter().per_s(1e9) == inf
    assert not RateLimiter().is_limited


def test_the_first_limit_is_a_little_less_than_what_the_table_took() -> None:
    assert limited().is_limited
    assert limited().per_s(10.0) == pytest.approx(0.9 * 5000)


def test_what_was_taken_before_writing_began_does_not_count() -> None:
    idle = RateLimiter().begun(now=0.0, taken=0, left=0).begun(now=100.0, taken=70_000, left=0)
    assert throttled(idle, now=101.0, taken=75_000).per_s(101.0) == pytest.approx(0.9 * 5000)


def test_a_limit_outlasts_the_end_of_one_writing_and_the_beginning_of_the_next() -> None:
    assert limited().begun(now=11.0, taken=5000, left=0) == limited()


def test_a_request_refused_whole_cuts_more_than_one_of_which_little_was_left() -> None:
    rates = [throttled(limited(), now=11.0, taken=9500, share=share).per_s(11.0) for share in (0.04, 0.5, 1.0)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.9 * 4500
    assert rates[-1] == pytest.approx(0.7 * 4500)


def test_requests_begun_before_or_just_after_a_cut_report_nothing_new() -> None:
    assert throttled(limited(), now=12.0, taken=5000, begun_at=9.9) == limited()
    assert throttled(limited(), now=10.4, taken=5000) == limited()
    assert throttled(limited(), now=10.0 + MEASURED_S, taken=5000) != limited()


def test_it_grows_slowly_at_first_and_then_fast() -> None:
    rates = [limited().per_s(10.0 + age_s) / limited().per_s(10.0) for age_s in (0, 0.5, 1, 2, 4)]
    assert rates == pytest.approx([1.0, 1.02, 1.07, 1.4, 3.5], abs=0.05)


def test_who_has_little_grows_by_more_than_its_part() -> None:
    little = throttled(RateLimiter().begun(now=9.0, taken=0, left=0), now=10.0, taken=100)
    much = limited()
    assert little.per_s(11.0) / little.per_s(10.0) > 1.5
    assert much.per_s(11.0) / much.per_s(10.0) < 1.1


@given(st.lists(st.tuples(st.floats(0.001, 5), st.integers(0, 50_000), st.floats(0.01, 1)), max_size=50))
def test_it_never_stops(throttles: list[tuple[float, int, float]]) -> None:
    rate_limiter, now, taken = RateLimiter().begun(now=0.0, taken=0, left=0), 0.0, 0
    for after_s, more, share in throttles:
        now, taken = now + after_s, taken + more
        rate_limiter = throttled(rate_limiter, now=now, taken=taken, share=share)
        assert rate_limiter.per_s(now) >= FEWEST_PER_S


def shares(rates: list[float], *, capacity: float, seconds: int) -> list[float]:
    """Let writers that have these rates write to one table for so long; return the rates they have then."""
    paces = [RateLimiter(rate, 0.0, 0) for rate in rates]
    taken = [0.0] * len(rates)
    tokens = 0.0
    for tick in range(1, seconds * 100):
        now = tick / 100
        asked = [rate_limiter.per_s(now) / 100 for rate_limiter in paces]
        tokens = min(capacity, tokens + capacity / 100)
        part = min(1.0, tokens / sum(asked))
        tokens -= part * sum(asked)
        taken = [before + part * more for before, more in zip(taken, asked, strict=True)]
        if part < 1:
            paces = [
                throttled(rate_limiter, now=now, taken=int(had), share=1 - part)
                for rate_limiter, had in zip(paces, taken, strict=True)
            ]
    return [rate_limiter.base_per_s for rate_limiter in paces]


def test_writers_to_one_table_come_to_similar_shares_and_use_all_of_it() -> None:
    found = shares([4000.0, 200.0, 50.0, 5.0], capacity=5000, seconds=60)
    assert max(found) < 2.5 * min(found)
    assert 0.85 * 5000 < sum(found) < 5000


def test_a_table_that_takes_more_than_before_is_used_within_seconds() -> None:
    assert limited().per_s(10.0 + 5) > 4 * 5000


def storm(
    rate_limiter: RateLimiter, *, share: float, seconds: float, most_per_s: float = 10_000.0
) -> tuple[int, RateLimiter]:
    """Send as the pace allows, and have the same share left whatever it is; return how many items were taken."""
    now, taken, left = 0.0, 0, 0
    while now < seconds:
        sent = 100
        now += sent / min(most_per_s, rate_limiter.per_s(now))
        taken, left = taken + round(sent * (1 - share)), left + round(sent * share)
        rate_limiter = throttled(rate_limiter, now=now, taken=taken, left=left, share=share)
    return taken, rate_limiter


@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_a_table_that_leaves_the_same_part_whatever_is_sent_is_not_asked_ever_more_slowly(share: float) -> None:
    taken, _ = storm(RateLimiter().begun(now=0.0, taken=0, left=0), share=share, seconds=60.0)
    assert taken > 0.2 * (1 - share) * 10_000 * 60


def test_cuts_that_help_are_kept() -> None:
    rate_limiter, now, taken, left = limited(), 11.0, 5000, 1
    for _ in range(10):  # ever less is left
        taken, left = taken + 4500, left + 10
        rate_limiter, now = throttled(rate_limiter, now=now, taken=taken, left=left, share=0.04), now + 1.0
        assert rate_limiter.is_limited


def test_the_few_items_that_a_table_near_its_limit_leaves_do_not_lift_the_limit() -> None:
    rate_limiter, now, taken, left = limited(), 11.0, 5000, 1
    for few in (3, 3, 4, 3, 5, 4):
        taken, left, now = taken + 2500, left + few, now + 0.6
        rate_limiter = rate_limiter.after_throttle(begun_at=now, now=now, taken=taken, left=left, share=None)
        assert rate_limiter.is_limited
