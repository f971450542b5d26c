from dataclasses import replace
from typing import Any

import pytest

from loadtest.run.aws.estimate import (
    Line,
    bill_lines,
    estimate,
    function_seconds,
    rows_per_cpu_second,
    seconds_at_capacity,
    total,
)
from loadtest.run.aws.load import Load, load_of
from loadtest.run.aws.stack import Identity, Stack, find
from loadtest.scenarios.catalog import SCENARIOS
from tests.loadtest.run.aws.deployed import ACCOUNT, Deployed

ROWS_PER_S = 300_000.0


def stack(**table: Any) -> Stack:
    deployed: Any = Deployed(table=table)
    return find(deployed, Identity(ACCOUNT, "me", "us-east-1"), "ingest-loadtest")


def load(name: str, scale: float = 1) -> Load:
    return load_of(SCENARIOS[name].scaled(scale), seed=1)


def lines(name: str, scale: float = 1, **table: Any) -> dict[str, Line]:
    return {line.what: line for line in estimate(load(name, scale), stack(**table), ROWS_PER_S)}


def test_files_rows_and_bytes_are_known_before_a_file_is_made() -> None:
    known = load("mixed_feeds")
    assert (known.files, known.rows) == (200, 1_000_000)
    assert 20e6 < known.bytes < 200e6


def test_ten_million_rows_cost_their_write_units_and_as_many_to_delete_them() -> None:
    costs = lines("one_huge_file")
    written, deleted = (costs[f"DynamoDB LoadOrders: rows {what}"] for what in ("written", "deleted again"))
    assert written.amount == deleted.amount == 10_000_000
    assert written.usd == deleted.usd == pytest.approx(6.25)


def test_each_index_of_a_table_costs_as_much_as_the_table() -> None:
    assert lines("smoke", GlobalSecondaryIndexes=[{}, {}])["DynamoDB LoadOrders: rows written"].amount == 9_000


def test_capacity_that_is_paid_for_anyway_costs_nothing() -> None:
    costs = lines("smoke", BillingModeSummary={}, ProvisionedThroughput={"WriteCapacityUnits": 10})
    [written] = [line for what, line in costs.items() if "rows written" in what]
    assert (written.amount, written.usd) == (3_000, 0)


def test_it_takes_as_long_as_the_table_needs_or_the_files_come() -> None:
    assert seconds_at_capacity(load("one_huge_file"), stack()) == 2_500
    assert seconds_at_capacity(load("steady"), stack()) == 119
    assert seconds_at_capacity(load("mixed_feeds"), stack()) == 62.5, "the tables work side by side"


def test_functions_that_wait_for_a_table_are_paid_for() -> None:
    assert function_seconds(load("one_huge_file"), stack(), ROWS_PER_S) == 10 * 2_500
    assert function_seconds(load("smoke"), stack(), ROWS_PER_S) == pytest.approx(3 * 0.75)


def test_functions_at_a_table_that_takes_everything_cost_what_the_rows_cost() -> None:
    wide = stack(WarmThroughput={"WriteUnitsPerSecond": 10_000_000})
    assert function_seconds(load("one_huge_file"), wide, ROWS_PER_S) == pytest.approx(10_000_000 / ROWS_PER_S + 0.5)


def test_news_that_comes_ten_times_costs_ten_times_the_requests() -> None:
    once = load_of(replace(SCENARIOS["duplicate_storm"], notices=1), seed=1)
    [one] = [line for line in estimate(once, stack(), ROWS_PER_S) if line.what == "SQS"]
    assert lines("duplicate_storm")["SQS"].amount == one.amount + 4 * 9 * 200


def test_a_scale_multiplies_what_rows_cost() -> None:
    rows = "DynamoDB LoadOrders: rows written"
    assert lines("many_large", 3)[rows].usd == pytest.approx(3 * lines("many_large")[rows].usd)


def test_what_a_core_does_was_measured() -> None:
    assert 10_000 < rows_per_cpu_second() < 10_000_000


def test_the_bill_shows_every_line_that_counts_and_the_sum() -> None:
    costs = list(estimate(load("burst"), stack(), ROWS_PER_S))
    shown = list(bill_lines(costs))
    assert len(shown) == len([line for line in costs if line.amount]) + 1
    assert f"${total(costs):>10.4f}" in shown[-1]
