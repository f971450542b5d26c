import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.simulator import Fault, Faults, Schedule


def test_each_fault_hits_about_its_share_of_the_requests() -> None:
    faults = Faults(seed=7, internal_error=0.1, reset_after=0.2, wrong_crc32=0.05)
    schedule = Schedule(faults)
    drawn = [schedule.next() for _ in range(20_000)]
    for fault, share in faults.shares().items():
        assert drawn.count(fault) / len(drawn) == pytest.approx(share, abs=0.01)
    assert drawn.count(None) / len(drawn) == pytest.approx(0.65, abs=0.01)


@given(st.integers())
def test_the_same_seed_gives_the_same_schedule(seed: int) -> None:
    faults = Faults(seed=seed, slow=0.3, truncated=0.3)
    one, other = Schedule(faults), Schedule(faults)
    assert [one.next() for _ in range(50)] == [other.next() for _ in range(50)]


@pytest.mark.parametrize("fault", Fault)
def test_a_share_of_one_hits_every_request(fault: Fault) -> None:
    schedule = Schedule(Faults(**{fault.value: 1}))
    assert {schedule.next() for _ in range(100)} == {fault}


def test_without_shares_nothing_goes_wrong() -> None:
    assert Schedule(Faults()).next() is None


@pytest.mark.parametrize("faults", [{"slow": 0.6, "truncated": 0.6}, {"slow": -0.1}, {"throttled_items": 1.1}])
def test_shares_are_shares(faults: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        Faults(**faults)  # type: ignore[arg-type]
