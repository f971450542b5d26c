from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.simulator.settings import Capacity, Reason, Simulation, TokenBucket, partition_of, write_units

STEPS = st.lists(st.tuples(st.floats(0, 10), st.integers(1, 400)), max_size=60)
KEYS = [f"key-{number}".encode() for number in range(400)]


def taken(bucket: TokenBucket, steps: list[tuple[float, int]]) -> Iterator[tuple[float, int]]:
    """Ask for units after each pause; yield the time and the sum given so far."""
    now, given_units = 0.0, 0
    for pause_s, units in steps:
        now += pause_s
        if bucket.has(units, now):
            bucket.take(units)
            given_units += units
        yield now, given_units


@given(st.floats(0.1, 2000), st.floats(400, 5000), STEPS)
def test_a_bucket_never_gives_more_than_it_was_filled_with(
    per_s: float, size: float, steps: list[tuple[float, int]]
) -> None:
    for now, given_units in taken(TokenBucket(per_s=per_s, size=size, now=0), steps):
        assert given_units <= size + per_s * now + 1e-6


@given(st.floats(0.1, 2000), st.floats(0.1, 399), STEPS)
def test_what_is_larger_than_a_bucket_is_paid_off_afterwards(
    per_s: float, size: float, steps: list[tuple[float, int]]
) -> None:
    largest = max((units for _, units in steps), default=0)
    for now, given_units in taken(TokenBucket(per_s=per_s, size=size, now=0), steps):
        assert given_units <= size + per_s * now + largest + 1e-6


@given(st.floats(1, 2000), st.integers(1, 400))
def test_whoever_waits_long_enough_gets_what_he_asks_for(per_s: float, units: int) -> None:
    bucket = TokenBucket(per_s=per_s, size=per_s, now=0)
    bucket.take(per_s)
    assert not bucket.has(units, now=0)
    assert bucket.has(units, now=1.001)


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = TokenBucket(per_s=10, size=10, now=100)
    bucket.take(10)
    assert not bucket.has(1, now=50)
    assert not bucket.has(1, now=100)


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1, 1), (1024, 1), (1025, 2), (400 * 1024, 400)])
def test_each_started_kilobyte_is_a_write_unit(size: int, units: int) -> None:
    assert write_units(size) == units


def take_all(capacity: Capacity, now: float, keys: list[bytes], units: int = 1) -> list[Reason | None]:
    return [capacity.take(key, units, now) for key in keys]


def test_a_provisioned_table_takes_its_burst_at_once_and_then_its_rate() -> None:
    capacity = Capacity(Simulation(mode="provisioned", provisioned_units_per_s=100, burst_s=2), now=0)
    assert take_all(capacity, 0, KEYS).count(None) == 200
    assert take_all(capacity, 0.5, KEYS).count(None) == 50
    assert set(take_all(capacity, 0.5, KEYS)) == {Reason.PROVISIONED}


def test_one_key_gets_no_more_than_its_partition_has() -> None:
    capacity = Capacity(Simulation(mode="provisioned", provisioned_units_per_s=4000), now=0)
    reasons = take_all(capacity, 0, [b"hot"] * 1500)
    assert (reasons.count(None), reasons.count(Reason.KEY_RANGE)) == (1000, 500)


def test_a_refused_write_costs_the_table_nothing() -> None:
    capacity = Capacity(Simulation(mode="provisioned", provisioned_units_per_s=1200, partitions=2), now=0)
    other = next(key for key in KEYS if partition_of(key, 2) != partition_of(b"hot", 2))
    take_all(capacity, 0, [b"hot"] * 5000)
    assert take_all(capacity, 0, [other] * 300) == [None] * 200 + [Reason.PROVISIONED] * 100


@pytest.mark.parametrize(
    ("simulation", "reason"),
    [
        (Simulation(warm_units_per_s=100), Reason.KEY_RANGE),
        (Simulation(mode="provisioned", provisioned_units_per_s=100), Reason.PROVISIONED),
    ],
)
def test_the_limit_that_was_met_is_the_reason(simulation: Simulation, reason: Reason) -> None:
    reasons = take_all(Capacity(simulation, now=0), 0, KEYS[:150])
    assert reasons == [None] * 100 + [reason] * 50


def test_a_new_table_on_demand_sustains_4000_units_on_four_partitions() -> None:
    assert take_all(Capacity(Simulation(), now=0), 0, KEYS, units=20).count(None) == 200
    assert take_all(Capacity(Simulation(), now=0), 0, [b"hot"] * 1500).count(None) == 1000


@given(st.binary(max_size=20), st.integers(1, 64))
def test_splitting_a_partition_keeps_its_keys_together(key: bytes, partitions: int) -> None:
    assert partition_of(key, 2 * partitions) // 2 == partition_of(key, partitions) < partitions


def test_keys_spread_over_the_partitions() -> None:
    found = [partition_of(key, 4) for key in KEYS]
    assert all(70 < found.count(number) < 130 for number in range(4))


@given(STEPS, st.integers(1, 5))
def test_a_table_never_takes_more_than_was_refilled(steps: list[tuple[float, int]], partitions: int) -> None:
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=500, partitions=partitions)
    capacity, now, units_taken = Capacity(simulation, now=0), 0.0, 0
    for number, (pause_s, units) in enumerate(steps):
        now += pause_s
        units_taken += units if capacity.take(KEYS[number], units, now) is None else 0
        assert units_taken <= 500 + 500 * now + 1e-6


def test_a_simulation_without_capacity_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Simulation(burst_s=0)
