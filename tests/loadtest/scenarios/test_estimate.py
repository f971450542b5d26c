"""What a run on AWS will cost at most is known before it begins."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.settings import read_settings
from loadtest.scenarios import estimate as module
from loadtest.scenarios.aws import STAGE
from loadtest.scenarios.catalog import MIB, SCENARIOS, Scenario
from loadtest.scenarios.estimate import Estimate, Line, estimate, estimate_lines, loads, rows_per_cpu_second, used
from loadtest.scenarios.log import FunctionLog, Invocation

ROWS_PER_S = 300_000.0


def of(scenario: Scenario) -> Estimate:
    return estimate(scenario, ROWS_PER_S)


def line(name: str, what: str, scale: float = 1) -> Line:
    [found] = [one for one in of(SCENARIOS[name].scaled(scale)).lines if one.what == what]
    return found


def test_files_rows_and_bytes_are_known_before_a_file_is_made() -> None:
    known = loads(SCENARIOS["mixed_feeds"])
    assert (sum(part.files for part in known), sum(part.rows for part in known)) == (200, 1_000_000)
    assert 20e6 < sum(part.bytes for part in known) < 200e6


def test_ten_million_rows_cost_their_write_units() -> None:
    written = line("one_huge_file", "DynamoDB LoadOrders: rows written")
    assert (written.amount, written.usd) == (10_000_000, pytest.approx(6.25))


def test_it_takes_as_long_as_the_tables_need_or_the_files_come() -> None:
    assert of(SCENARIOS["one_huge_file"]).seconds == 2_500
    assert of(SCENARIOS["steady"]).seconds == 119
    assert of(SCENARIOS["mixed_feeds"]).seconds == 62.5, "the tables work side by side"


def test_functions_that_wait_for_a_table_are_paid_for() -> None:
    gb = module.MEMORY_MB / 1024
    assert line("one_huge_file", "Lambda: time").amount == pytest.approx(gb * 10 * 2_500)
    assert line("smoke", "Lambda: time").amount == pytest.approx(gb * 3 * 0.75)


def test_notifications_that_come_ten_times_cost_ten_times_the_requests() -> None:
    once = of(replace(SCENARIOS["duplicate_storm"], notices=1))
    [one] = [found for found in once.lines if found.what == "SQS"]
    assert line("duplicate_storm", "SQS").amount == one.amount + 4 * 9 * 200


def test_a_scale_multiplies_what_rows_cost() -> None:
    rows = "DynamoDB LoadOrders: rows written"
    assert line("many_large", rows, 3).usd == pytest.approx(3 * line("many_large", rows).usd)


def test_what_a_core_does_was_measured() -> None:
    assert 10_000 < rows_per_cpu_second() < 10_000_000


def test_the_stack_that_is_priced_is_the_one_that_is_deployed() -> None:
    stages = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]["stages"]
    settings = read_settings(stages, STAGE)
    assert (settings.memory_mb, settings.max_concurrency) == (module.MEMORY_MB, module.FUNCTIONS)
    assert settings.segment_mb * MIB == module.SEGMENT_BYTES
    assert max(scenario.segment_bytes for scenario in SCENARIOS.values()) <= module.SEGMENT_BYTES


def test_the_bill_shows_every_line_and_the_sum() -> None:
    shown, found = list(estimate_lines(SCENARIOS["burst"], ROWS_PER_S)), of(SCENARIOS["burst"])
    assert shown[0].startswith("burst: 1,000 files, 500,000 rows,")
    assert len(shown) == len(found.lines) + 2
    assert f"${found.usd:>8.4f}" in shown[-1]


def test_what_a_run_used_is_what_lambda_reports() -> None:
    log = FunctionLog(invocations=[Invocation(1.0, 2.5, 1769, 100), Invocation(2.0, 0.5, 1769, 100)])
    bill = used(SCENARIOS["smoke"], log, messages=3, segments=0)
    assert (bill.worker_seconds, bill.invocations, bill.queue_requests, bill.write_units) == (3.0, 2, 12, 21)
