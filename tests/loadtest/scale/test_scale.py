"""What the scaling study computes, and that it keeps it apart from what it measured."""

import json
import math

import pytest

from loadtest.scale.model import DEFAULT, ENDLESS, TABLES, TENFOLD, TableLimit, Worker, WorkItem, caps, forecast, knee
from loadtest.scale.page import page
from loadtest.scale.study import Point, document, worker_of

WORK = WorkItem(file_bytes=50e9, row_bytes=100, units_per_row=1, segment_bytes=64 * 1024 * 1024)
WORKER = Worker(rows_per_second=100_000, ledger_writes_per_second=0.3)
POINTS = [
    Point(1, ENDLESS.name, 1_000_000, seconds=10, cpu_seconds=8, ledger_writes=3),
    Point(2, ENDLESS.name, 2_000_000, seconds=12, cpu_seconds=17, ledger_writes=6),
    Point(1, DEFAULT.name, 400_000, seconds=10.2, cpu_seconds=3, ledger_writes=3),
]


def study() -> dict[str, object]:
    origin = {"command": "python -m loadtest scale", "seed": 7, "at": "now", "commit": "0" * 40, "machine": "m"}
    return {**origin, "measured_how": "How.", **document(POINTS, WORK)}


def test_a_default_table_takes_less_than_one_worker_writes() -> None:
    found = forecast(10, WORKER, WORK, DEFAULT)
    assert (found.rows_per_second, found.bottleneck) == (40_000, "table")
    assert knee(WORKER, WORK, DEFAULT) == pytest.approx(0.4)


def test_fifty_gigabytes_into_a_default_table_take_what_the_arithmetic_says() -> None:
    assert forecast(1, WORKER, WORK, DEFAULT).hours(WORK) == pytest.approx(500e6 / 40_000 / 3600)


def test_below_the_knee_workers_add_up_and_above_it_they_do_not() -> None:
    assert knee(WORKER, WORK, TENFOLD) == pytest.approx(4)
    rates = [forecast(workers, WORKER, WORK, TENFOLD).rows_per_second for workers in (1, 2, 4, 8, 1_000)]
    assert rates == [100_000, 200_000, 400_000, 400_000, 400_000]


def test_rows_that_cost_more_write_units_reach_the_tables_limit_sooner() -> None:
    heavy = WorkItem(WORK.file_bytes, row_bytes=3_000, units_per_row=6, segment_bytes=WORK.segment_bytes)
    assert forecast(1, WORKER, heavy, DEFAULT).rows_per_second == pytest.approx(40_000 / 6)


def test_without_a_tables_limit_the_one_reader_that_plans_the_file_is_next() -> None:
    found = forecast(1_000, WORKER, WORK, ENDLESS)
    assert (found.bottleneck, found.rows_per_second) == ("planner: one reader of the file", 900_000)


def test_a_small_file_has_no_work_for_many_workers() -> None:
    small = WorkItem(130e6, row_bytes=100, units_per_row=1, segment_bytes=WORK.segment_bytes)
    by_name = {cap.what: cap.rows_per_second for cap in caps(1_000, WORKER, small, ENDLESS)}
    assert by_name["segments of the file"] == 200_000


@pytest.mark.parametrize("table", TABLES)
def test_more_workers_never_write_less(table: TableLimit) -> None:
    rates = [forecast(workers, WORKER, WORK, table).rows_per_second for workers in range(1, 2_000, 37)]
    assert rates == sorted(rates)
    assert all(math.isfinite(rate) for rate in rates)


def test_the_model_takes_what_one_worker_really_did() -> None:
    assert worker_of(POINTS) == Worker(rows_per_second=100_000, ledger_writes_per_second=0.3)


def test_a_worker_that_waits_is_not_taken_for_a_fast_one() -> None:
    waited = Point(1, ENDLESS.name, 1_000_000, seconds=20, cpu_seconds=2, ledger_writes=3)
    assert worker_of([waited]).rows_per_second == 50_000


def test_the_study_survives_json_and_the_page_says_what_is_measured_and_what_computed() -> None:
    text = page(json.loads(json.dumps(study())))
    assert "Measured: workers on one machine" in text and "Computed: a file of 50 GB" in text
    assert "Nothing here was measured on AWS." in text
    assert "less than one worker" in text
    assert "166,667" in text  # two workers, measured
