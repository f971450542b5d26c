"""A write budget over whole workers: two feeds, four functions and a change of the budget while they load."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingest.aws.clock import Clock
from ingest.contract import Env
from ingest.feeds.tables import TableLimits, limits_text
from ingest.ledger.budget import TableBudgets
from ingest.ledger.store import TableLedger
from loadtest.harness import testbed
from loadtest.harness.stack_client import StackClient
from loadtest.s3_server.server import find
from loadtest.simulator import Key, Table

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("scenarios")]
FEEDS = """
[feeds.one]
prefix = "one/"
table = "Shared"
partition_key = "id"

[feeds.two]
prefix = "two/"
table = "Shared"
partition_key = "id"

[tables.Shared]
write_units = 600
"""
FIRST, THEN = 600, 200  # units a second; a row takes one
WORKERS, FILES, ROWS = 4, 40, 150  # a function takes ten files at once
WINDOW_S = 10
SEEN_S = 3.0  # a budget is changed, read within 1.1 s, and requests under way end


@pytest.fixture
def here(tmp_path: Path) -> Iterator[testbed.Testbed]:
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(FEEDS, encoding="utf-8")
    settings = testbed.TestbedSettings(feeds=feeds, tables={"Shared": Table(Key("id"))}, skews_s=(0.0,) * WORKERS)
    with testbed.deployed(settings) as stack, testbed.begun(settings, tmp_path, stack) as running:
        yield running


def drop(here: testbed.Testbed) -> None:
    """Put files of both feeds where the bucket's objects lie, and send a notification of each."""
    bodies = []
    for number in range(FILES):
        key = f"{('one', 'two')[number % 2]}/{number}.csv"
        path = here.objects / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("id\n" + "".join(f"{number}-{row}\n" for row in range(ROWS)), encoding="utf-8")
        found = find(here.objects, f"/{key}")
        etag = found.etag.strip('"')
        bodies.append(here.stack_client.notification(key, sequencer="0001", etag=etag, size=path.stat().st_size))
    here.stack_client.send(*bodies)


def budgets(stack: StackClient) -> TableBudgets:
    variables = stack.environment()
    session = boto3.Session(
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        region_name=variables.get("AWS_REGION") or variables["AWS_DEFAULT_REGION"],
    )
    table: Any = session.resource("dynamodb", endpoint_url=stack.stack.endpoint_url).Table(variables[Env.LEDGER_TABLE])
    return TableLedger(table=table, clock=Clock()).budgets


def test_four_functions_and_two_feeds_keep_to_one_budget_also_when_it_is_changed(here: testbed.Testbed) -> None:
    here.fleet.wait_until_ready()
    shared = budgets(here.stack_client)
    drop(here)
    statistics = here.simulator.statistics
    here.watch(lambda: statistics.items >= FILES * ROWS / 3, patience_s=60)
    workers = len(shared.read_budget("Shared").entries)
    shared.keep_limits({"Shared": limits_text(TableLimits(THEN))})
    time.sleep(SEEN_S)
    changed = len(statistics.per_second)
    here.watch(lambda: statistics.items >= FILES * ROWS, patience_s=120)
    here.settle()
    taken = list(statistics.per_second)
    assert workers > 1
    assert statistics.items == FILES * ROWS
    most = {FIRST: taken[:changed], THEN: taken[changed:]}
    for budget, seconds in most.items():
        windows = [sum(seconds[n : n + WINDOW_S]) for n in range(max(1, len(seconds) - WINDOW_S + 1))]
        assert max(windows) <= 1.05 * WINDOW_S * budget + 25 * WORKERS, (taken, changed)
    full = taken[changed + 1 : -3]
    assert sum(full) >= 0.8 * THEN * len(full), (taken, changed)  # files end and begin meanwhile
    assert shared.read_budget("Shared").entries == {}
