"""What a run on AWS will cost at most is known before it begins."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.settings import read_settings
from loadtest.scenarios.aws import STAGE
from loadtest.scenarios.catalog import (
    FLEET,
    MIB,
    SCENARIOS,
    Scenario,
    dollars,
    estimate,
    estimate_lines,
    load_of,
    table_seconds,
    usd_of,
)
from loadtest.scenarios.figures import FunctionLog, Invocation


def quantity(scenario: Scenario, what: str) -> float:
    [found] = [charge.quantity for charge in estimate(scenario) if charge.what == what]
    return found


def seconds(name: str) -> float:
    return table_seconds(SCENARIOS[name], load_of(SCENARIOS[name]))


def test_rows_and_bytes_are_known_before_a_file_is_made() -> None:
    known = load_of(SCENARIOS["mixed_feeds"])
    assert (known.rows, len(known.units)) == (1_000_000, 4)
    assert 20e6 < known.bytes < 200e6


def test_ten_million_rows_cost_their_write_units() -> None:
    huge = SCENARIOS["one_huge_file"]
    assert quantity(huge, "write units of the table") == 10_000_000
    assert 6.25 < dollars(huge) < 10


def test_it_takes_as_long_as_the_tables_need_or_the_files_come() -> None:
    assert seconds("one_huge_file") == 2_500
    assert seconds("steady") == 119
    assert seconds("mixed_feeds") == 62.5, "the tables work side by side"


def test_functions_that_wait_for_a_table_are_paid_for() -> None:
    gb = FLEET.memory_mb / 1024
    assert quantity(SCENARIOS["one_huge_file"], "Lambda GB-seconds") == pytest.approx(gb * 10 * 2_500)
    assert quantity(SCENARIOS["smoke"], "Lambda GB-seconds") == pytest.approx(gb * 3 * 0.75, rel=0.01)


def test_notifications_that_come_ten_times_cost_ten_times_the_requests() -> None:
    storm = SCENARIOS["duplicate_storm"]
    once = quantity(replace(storm, notices=1), "Lambda requests")
    assert quantity(storm, "Lambda requests") == once + 9 * 200


def test_a_scale_multiplies_what_rows_cost() -> None:
    once, rows = SCENARIOS["many_large"], "write units of the table"
    assert quantity(once.scaled(3), rows) == pytest.approx(3 * quantity(once, rows))


def test_the_stack_that_is_priced_is_the_one_that_is_deployed() -> None:
    stages = json.loads((Path(__file__).parents[3] / "cdk.json").read_text())["context"]["stages"]
    settings = read_settings(stages, STAGE)
    assert (settings.memory_mb, settings.max_concurrency) == (FLEET.memory_mb, FLEET.functions)
    assert settings.segment_mb * MIB == FLEET.segment_bytes
    assert max(scenario.segment_bytes for scenario in SCENARIOS.values()) <= FLEET.segment_bytes


def test_every_charge_is_shown_and_the_sum() -> None:
    shown, burst = list(estimate_lines(SCENARIOS["burst"])), SCENARIOS["burst"]
    assert shown[0].startswith("burst: 1,000 files, 500,000 rows,")
    assert len(shown) == len(estimate(burst)) + 2
    assert f"${dollars(burst):>8.4f}" in shown[-1]


def test_what_a_run_cost_is_what_lambda_reports() -> None:
    once, twice = (FunctionLog(invocations=[Invocation(1.0, 1000.0, 1769, 100)] * n) for n in (1, 2))
    costs = [usd_of(SCENARIOS["smoke"], log, write_units=0, messages=3) for log in (once, twice)]
    assert costs[1] - costs[0] == pytest.approx(FLEET.memory_mb / 1024 * 0.0133334, rel=0.001)
