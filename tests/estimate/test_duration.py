"""How long loading takes, what limits it, and what is charged for it."""

import pytest

from infra.settings import Settings
from ingest.estimate.cost import Workload, charges
from ingest.estimate.duration import (
    BUDGET_USED,
    Capacity,
    Demand,
    Fleet,
    budget_seconds,
    duration,
    resumed_seconds,
)
from ingest.feeds.tables import TableLimits

MILLION = 1_000_000


def of(units: float, hottest: float = 0, together: float = 0) -> Demand:
    return Demand(units, hottest, together)


@pytest.mark.parametrize(
    ("units", "seconds"),
    [
        (4_000 * 60, 60),  # its initial capacity
        (4_000 * 1_800, 1_800),
        (4_000 * 1_800 + 8_000 * 60, 1_860),
        ((4_000 + 8_000 + 16_000 + 32_000) * 1_800 + 40_000 * 100, 4 * 1_800 + 100),  # up to the quota
    ],
)
def test_a_new_table_takes_twice_as_much_every_half_hour(units: float, seconds: float) -> None:
    assert Capacity(40_000, is_new=True).seconds(units) == pytest.approx(seconds)


def test_a_new_table_takes_no_more_than_it_is_given() -> None:
    assert Capacity(1_000, is_new=True).seconds(60_000) == 60
    assert Capacity(5_000, is_new=True).seconds(4_000 * 1_800 + 5_000) == 1_801


@pytest.mark.parametrize(
    ("demands", "work_s", "workers", "expected"),
    [
        ([of(MILLION)], 10, 1, (25, "capacity")),
        (
            [of(MILLION), of(2 * MILLION)],
            10,
            1,
            (50, "capacity"),
        ),  # each index has its own capacity; the busiest sets the time
        ([of(MILLION)], 600, 10, (60, "workers")),
        ([of(MILLION, hottest=400_000)], 10, 1, (400, "hot_key")),
        ([of(MILLION, together=MILLION)], 10, 10, (100, "hot_key")),  # sorted: ten functions write ten keys
    ],
)
def test_the_slowest_of_capacity_keys_and_workers_sets_the_time(
    demands: list[Demand], work_s: float, workers: int, expected: tuple[float, str]
) -> None:
    found = duration(demands, Capacity(40_000), work_s=work_s, workers=workers)
    assert (found.seconds, found.limit) == expected


def test_the_fleet_is_that_of_the_stack() -> None:
    stack, fleet = Settings(), Fleet()
    assert fleet.functions == stack.max_concurrency
    assert fleet.segment_bytes == stack.segment_mb * 1024 * 1024
    assert fleet.memory_mb == stack.memory_mb
    assert fleet.run_s == stack.timeout_s - stack.stop_before_end_s


@pytest.mark.parametrize(
    ("size_mb", "splittable", "segments"),
    [(0, True, 1), (64, True, 1), (65, True, 2), (640, True, 10), (640, False, 1)],
)
def test_a_large_plain_file_is_loaded_in_segments(size_mb: int, splittable: bool, segments: int) -> None:
    assert Fleet().segments(size_mb * 1024 * 1024, is_splittable=splittable) == segments


def bill(**changes: float | bool) -> dict[str, float]:
    load = {"files": 1, "size_bytes": 1 << 30, "segments": 16, "workers": 10, "seconds": 1000.0}
    units = {"table_units": 10.0 * MILLION, "index_units": 5.0 * MILLION, "splits": True}
    return {c.what: c.dollars for c in charges(Workload(**(load | units | changes)), Fleet())}  # type: ignore[arg-type]


def test_the_bill_is_mostly_write_units() -> None:
    found = bill()
    assert found["write units of the table"] == pytest.approx(6.25)
    assert found["write units of indexes"] == pytest.approx(3.125)
    assert found["Lambda GB-seconds"] == pytest.approx(10 * 1000 * 1769 / 1024 * 0.0000133334)
    others = sum(dollars for what, dollars in found.items() if "table" not in what and "indexes" not in what)
    assert others < 0.03 * sum(found.values())


def test_a_file_that_is_split_is_read_twice_and_sent_in_messages() -> None:
    split, whole = bill(), bill(splits=False, segments=1)
    assert split["S3 reads"] == pytest.approx((2 * 128 + 32) * 0.0004 / 1000)
    assert whole["S3 reads"] == pytest.approx((128 + 2) * 0.0004 / 1000)
    assert split["SQS requests"] > whole["SQS requests"]


# --- a compressed file, which each function expands again up to where the one before has come ---


def by_functions(seconds: float, expanding_s: float, run_s: float) -> float:
    """Return the time of a load, counted function by function; `expanding_s` is what expanding all of it takes."""
    done = whole_s = 0.0
    while (left_s := run_s - done * expanding_s) < (1 - done) * seconds:
        done, whole_s = done + left_s / seconds, whole_s + run_s
    return whole_s + done * expanding_s + (1 - done) * seconds


@pytest.mark.parametrize(("seconds", "text_bytes"), [(500, 1e9), (3_000, 5e9), (20_000, 2e9), (20_000, 10e9)])
def test_a_compressed_file_takes_longer_by_what_each_function_expands_again(seconds: float, text_bytes: float) -> None:
    found = resumed_seconds(seconds, text_bytes, 19e6, 855.0)
    assert found == pytest.approx(by_functions(seconds, text_bytes / 19e6, 855.0))
    assert found >= seconds


def test_a_compressed_file_that_no_function_can_expand_to_its_end_never_ends() -> None:
    assert resumed_seconds(40_000, 17e9, 19e6, 855.0) is None
    assert resumed_seconds(800, 100e9, 19e6, 855.0) == 800  # in one go nothing is expanded twice


# --- a write budget

NIGHTS = TableLimits(200, {"07-19": 50})


@pytest.mark.parametrize(
    ("limits", "capacity", "units", "begin_h", "hours"),
    [
        (TableLimits(200), None, 200 * 3600, 12, 1),
        (TableLimits(200), None, 200 * 3600 * 24 * 3.5, 12, 84),
        (NIGHTS, None, 50 * 3600, 12, 1),
        (NIGHTS, None, 50 * 7 * 3600 + 200 * 3600, 12, 8),  # the rest of the day, and an hour of the night
        (NIGHTS, None, 12 * 3600 * 250, 12, 24),  # all of a day
        (NIGHTS, None, 12 * 3600 * 250 * 2 + 50 * 60, 12, 48 + 1 / 60),
        (TableLimits("60%"), 500, 300 * 3600, 12, 1),
        (NIGHTS, None, 0, 12, 0),
    ],
)
def test_a_load_takes_as_long_as_its_write_budget_takes_by_hours(
    limits: TableLimits, capacity: float | None, units: float, begin_h: int, hours: float
) -> None:
    found = budget_seconds(limits, capacity, BUDGET_USED * units, begin_h * 3600)
    assert found / 3600 == pytest.approx(hours)
