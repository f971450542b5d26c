"""When to try again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.aws.clock import read_pause_s, redelivery_delay_s, refill_pause_s

MAX_VISIBILITY_S = 12 * 60 * 60  # SQS


@pytest.mark.parametrize(("delivery", "full"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (1000, 900)])
def test_a_message_stays_hidden_for_half_to_all_of_a_doubling_delay(delivery: int, full: int) -> None:
    delays = [redelivery_delay_s(delivery, base_s=30, cap_s=900, chance=chance) for chance in (0.0, 0.5, 0.999999)]
    assert delays == [full // 2, full * 3 // 4, full]


@given(
    delivery=st.integers(1, 10**9),
    base_s=st.floats(0, 900),
    cap_s=st.floats(0, MAX_VISIBILITY_S),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_delay_is_whole_seconds_within_what_the_queue_takes(
    delivery: int, base_s: float, cap_s: float, chance: float
) -> None:
    delay = redelivery_delay_s(delivery, base_s=base_s, cap_s=cap_s, chance=chance)
    assert isinstance(delay, int)
    assert 0 <= delay <= round(cap_s)


@pytest.mark.parametrize(("attempt", "longest"), [(0, 0.1), (1, 0.2), (5, 3.2), (6, 5.0), (60, 5.0)])
def test_a_read_is_repeated_after_a_pause_with_full_jitter(attempt: int, longest: float) -> None:
    assert read_pause_s(attempt, chance=0.0) == 0.0
    assert read_pause_s(attempt, chance=0.5) == pytest.approx(longest / 2)


@pytest.mark.parametrize(("tries", "longest"), [(0, 0.2), (1, 0.4), (3, 1.6), (4, 2.0), (60, 2.0)])
def test_what_found_no_capacity_is_never_sent_again_at_once(tries: int, longest: float) -> None:
    pauses = [refill_pause_s(tries, chance=chance) for chance in (0.0, 0.5, 0.999999)]
    assert pauses == pytest.approx([0.1, longest / 2, longest], rel=1e-3)
