"""The number of requests under way is found by trying."""

from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.rate_limit import FEWEST, MOST, ConcurrencyLimiter


def after(limiter: ConcurrencyLimiter, *, successes: int) -> ConcurrencyLimiter:
    for _ in range(successes):
        limiter = limiter.after_success()
    return limiter


def test_it_doubles_each_round_trip_until_the_first_throttle() -> None:
    assert ConcurrencyLimiter().most_in_flight == FEWEST
    assert after(ConcurrencyLimiter(), successes=4).most_in_flight == 8
    assert after(ConcurrencyLimiter(), successes=4 + 8).most_in_flight == 16


def test_a_throttle_cuts_it_and_then_it_grows_by_one_a_round_trip() -> None:
    cut = after(ConcurrencyLimiter(), successes=36).after_throttle(begun_at=1.0, now=2.0)
    assert cut.most_in_flight == 28
    assert after(cut, successes=29).most_in_flight in (28, 29)


def test_requests_begun_before_the_cut_do_not_cut_again() -> None:
    cut = after(ConcurrencyLimiter(), successes=36).after_throttle(begun_at=1.0, now=2.0)
    assert cut.after_throttle(begun_at=1.5, now=2.5) == cut
    assert cut.after_throttle(begun_at=2.1, now=2.6).most_in_flight < cut.most_in_flight


@given(st.lists(st.booleans(), max_size=300), st.sampled_from([(FEWEST, MOST), (1, 2), (10, 200)]))
def test_it_stays_within_its_bounds(successes: list[bool], bounds: tuple[int, int]) -> None:
    fewest, most = bounds
    limiter = ConcurrencyLimiter(limit=fewest, fewest=fewest, most=most)
    for now, success in enumerate(successes):
        limiter = limiter.after_success() if success else limiter.after_throttle(begun_at=now, now=now)
        assert fewest <= limiter.most_in_flight <= most


@given(st.lists(st.booleans(), max_size=100), st.integers(1, 100))
def test_a_fixed_flow_allows_the_same_number_whatever_comes(successes: list[bool], requests: int) -> None:
    limiter = ConcurrencyLimiter.fixed(requests)
    for now, success in enumerate(successes):
        limiter = limiter.after_success() if success else limiter.after_throttle(begun_at=now, now=now)
        assert limiter.most_in_flight == requests
