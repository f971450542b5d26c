"""docs/deploy.md says what is so: its settings load, its policies are JSON, its parameters exist, its costs add up."""

import json
import re
from pathlib import Path

import pytest

from infra.plain.parameters import PARAMETERS
from infra.settings import Settings, read_settings
from ingest.contract import NOTIFY_COMMAND_OUTPUT
from ingest.feeds.parse import parse_feeds

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
SEGMENT_BYTES, RANGE_BYTES = 64 * 2**20, 8 * 2**20
TABLE_UNITS, FUNCTIONS = 40_000, 10


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def rows_of(heading: str) -> list[list[str]]:
    """Return the cells of the table that begins so."""
    table = PAGE[PAGE.index(heading) :].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_stage_it_shows_can_be_read() -> None:
    (stage,) = [block for block in blocks("json") if '"existing"' in block]
    existing = read_settings(json.loads(f"{{{stage}}}"), "prod").existing
    assert existing.notifies_by_rule
    assert existing.kms_key and existing.subnets


def test_the_feed_it_shows_is_one() -> None:
    (text,) = blocks("toml")
    (feed,) = parse_feeds(text).feeds.values()
    assert feed.role and feed.region


def test_its_policies_are_policies() -> None:
    policies = [json.loads(block) for block in blocks("json") if '"Statement"' in block]
    assert len(policies) == 3
    for policy in policies:
        for statement in policy["Statement"]:
            assert statement["Effect"] == "Allow"
            assert "*" not in statement["Action"]


def test_its_key_policy_lets_each_service_in_by_itself_and_eventbridge_without_a_condition_it_does_not_meet() -> None:
    (policy,) = [json.loads(block) for block in blocks("json") if "kms:GenerateDataKey" in block]
    by_service = {statement["Principal"]["Service"]: statement for statement in policy["Statement"]}
    services = (
        "s3.amazonaws.com",
        "events.amazonaws.com",
        "logs.eu-central-1.amazonaws.com",
        "cloudwatch.amazonaws.com",
    )
    assert tuple(by_service) == services
    assert [service for service in services if "Condition" not in by_service[service]] == ["events.amazonaws.com"]


def test_every_parameter_is_explained_and_no_other() -> None:
    named = [name for row in rows_of("| parameter |") for name in re.findall(r"`(\w+)`", row[0])]
    assert sorted(named) == sorted(parameter.name for parameter in PARAMETERS)
    assert NOTIFY_COMMAND_OUTPUT in PAGE


PRICES = {row[0].strip("`"): float(row[1]) for row in rows_of("| what | dollars |")}


@pytest.mark.parametrize("row", rows_of("| row in the file |"), ids=lambda row: row[0])
def test_costs_are_what_the_formulas_give(row: list[str]) -> None:
    row_bytes, units = int(re.sub(r"\D", "", row[0])), int(row[1])
    table = units * PRICES["write"]
    seconds = FUNCTIONS * 1e6 * units / TABLE_UNITS
    functions = seconds * Settings().memory_mb / 1024 * PRICES["gb_second"]
    segments = 1e6 * row_bytes / SEGMENT_BYTES
    queue = (4 * segments + seconds / 20) * PRICES["sqs"] / 1e6
    storage = 1e6 * row_bytes / RANGE_BYTES * PRICES["get"] / 1e6
    log = seconds / 5 * 2e-6 * PRICES["log"]
    rest = queue + storage + log
    million = table + functions + rest
    computed = [f"{x:.4f}" for x in (table, functions, rest)]
    computed += [f"{x:.2f}" for x in (million, million * 1e3 / row_bytes)]
    assert row[2:] == computed


def test_the_large_file_costs_what_it_says() -> None:
    (per_gb,) = [float(row[-1]) for row in rows_of("| row in the file |") if row[0] == "100 bytes"]
    assert f"about {50 * per_gb:.0f} dollars" in PAGE
