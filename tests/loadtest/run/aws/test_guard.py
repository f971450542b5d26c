"""No run begins in a wrong account, on a stack that is not for load tests, or where something is in its way."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ingest.contract import Env, Output, table_output
from loadtest.run.aws import guard
from loadtest.run.aws.clients import RunRefused
from loadtest.run.aws.guard import approve, obstacles
from loadtest.run.aws.load import load_of
from loadtest.run.aws.stack import Identity, Stack, find, identify
from loadtest.scenarios.catalog import SCENARIOS
from loadtest.scenarios.scenario import MIB
from tests.loadtest.run.aws.deployed import ACCOUNT, OUTPUTS, Deployed

IDENTITY = Identity(ACCOUNT, "arn:aws:iam::123456789012:user/tester", "eu-central-1")
NAME = "ingest-loadtest"


def found(deployed: Any, name: str = NAME) -> Stack:
    return find(deployed, IDENTITY, name)


def refused(deployed: Deployed, name: str = NAME) -> str:
    with pytest.raises(RunRefused) as error:
        found(deployed, name)
    return str(error.value)


def test_the_account_of_the_credentials_is_reported() -> None:
    deployed: Any = Deployed()
    assert identify(deployed, None) == identify(deployed, ACCOUNT) == IDENTITY


def test_credentials_of_another_account_are_refused_before_anything_is_looked_at() -> None:
    deployed: Any = Deployed()
    with pytest.raises(RunRefused, match="--account says 999999999999, and the credentials are of 123456789012"):
        identify(deployed, "999999999999")


@pytest.mark.parametrize("answer", [ACCOUNT, "yes", " yes "])
def test_who_is_asked_may_say_the_account_or_yes(answer: str) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    approve(IDENTITY, None, ask)
    assert ACCOUNT in asked[0]


@pytest.mark.parametrize("answer", ["", "y", "no", "123456789013"])
def test_any_other_answer_is_a_no(answer: str) -> None:
    with pytest.raises(RunRefused, match="nothing was done"):
        approve(IDENTITY, None, lambda question: answer)


def test_without_a_terminal_the_account_must_be_named_and_be_the_right_one() -> None:
    with pytest.raises(RunRefused, match=f"must be named: --account {ACCOUNT}"):
        approve(IDENTITY, None, None)
    with pytest.raises(RunRefused, match="--account says 1, and"):
        approve(IDENTITY, "1", None)
    approve(IDENTITY, ACCOUNT, None)


def test_a_stack_of_ours_is_found_with_all_that_is_used_of_it() -> None:
    stack = found(Deployed())
    assert stack.outputs == OUTPUTS
    assert (stack.memory_mb, stack.segment_bytes, stack.functions) == (1769, 64 * MIB, 10)
    assert set(stack.tables) == {"LoadOrders", "LoadReadings", "LoadCustomers", "LoadVisits"}


def test_a_stack_that_is_not_there_is_reported_with_the_place_and_how_to_deploy_it() -> None:
    sentence = refused(Deployed(), "elsewhere")
    assert "The stack elsewhere does not exist in account 123456789012, region eu-central-1" in sentence
    assert "infra.cdk deploy -c stage=loadtest -c feeds=loadtest/scenarios/feeds.toml" in sentence


def without(output: str) -> dict[str, str]:
    return {name: value for name, value in OUTPUTS.items() if name != output}


@pytest.mark.parametrize(
    ("deployed", "why"),
    [
        (Deployed(status="UPDATE_IN_PROGRESS"), "is UPDATE_IN_PROGRESS"),
        (Deployed(outputs=without(Output.REJECTS_BUCKET)), "no output RejectsBucket: it is none of ours"),
        (Deployed(outputs=without(table_output("LoadVisits"))), "no output TableLoadVisits: it lacks feeds"),
        (Deployed(outputs=OUTPUTS | {"TableOrders": "Orders"}), "serves other feeds, too (TableOrders)"),
        (Deployed(variables={Env.STACK: "another"}), "is not that of the stack ingest-loadtest"),
        (Deployed(variables={Env.LEDGER_TABLE: "another"}), "is not that of the stack ingest-loadtest"),
        (Deployed(prefixes=["orders/", "readings/", "customers/"]), "does not notify of objects under visits/"),
        (Deployed(keys={"LoadOrders": ["customer"]}), "The table LoadOrders has other keys"),
    ],
)
def test_a_stack_that_is_not_made_for_load_tests_is_refused(deployed: Deployed, why: str) -> None:
    assert why in refused(deployed)


@pytest.mark.parametrize(
    ("table", "units", "is_on_demand"),
    [
        ({}, 4000, True),
        ({"WarmThroughput": {"WriteUnitsPerSecond": 12000}}, 12000, True),
        ({"OnDemandThroughput": {"MaxWriteRequestUnits": 500}}, 500, True),
        ({"OnDemandThroughput": {"MaxWriteRequestUnits": -1}}, 4000, True),
        ({"BillingModeSummary": {}, "ProvisionedThroughput": {"WriteCapacityUnits": 70}}, 70, False),
    ],
)
def test_a_table_takes_what_it_is_set_or_warm_for(table: dict[str, Any], units: float, is_on_demand: bool) -> None:
    it = found(Deployed(table=table)).tables["LoadOrders"]
    assert (it.units_per_s, it.is_on_demand) == (units, is_on_demand)


def in_the_way(deployed: Any, scenario: str = "smoke") -> list[str]:
    return obstacles(deployed, found(deployed), [load_of(SCENARIOS[scenario], seed=1)])


def test_nothing_is_in_the_way_on_an_idle_empty_stack() -> None:
    assert in_the_way(Deployed()) == []


def test_rows_that_lie_in_a_table_are_in_the_way() -> None:
    [sentence] = in_the_way(Deployed(rows=["LoadReadings"]))
    assert "The table LoadReadings holds rows" in sentence


def test_a_run_that_was_not_cleaned_up_is_in_the_way_and_how_to_do_that_is_said() -> None:
    marker = {"run": "burst-1", "caller": "arn:me", "begun": "2026-11-22T10:00:00", "feeds": [], "keys": []}
    [sentence] = in_the_way(Deployed(marker=json.dumps(marker).encode()))
    assert "python -m loadtest clean --target aws --stack ingest-loadtest --run burst-1" in sentence


def test_messages_in_the_queue_are_in_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "QUIET_WITHIN_S", 0.0)
    monkeypatch.setattr(guard.time, "sleep", lambda seconds: None)
    [sentence] = in_the_way(Deployed(depth=3))
    assert "holds messages" in sentence


def test_keys_that_come_again_need_segments_that_are_large_enough() -> None:
    small = Deployed(variables={Env.SEGMENT_BYTES: str(8 * MIB)})
    assert in_the_way(small, "defects") != []
    assert in_the_way(small, "one_huge_file") == [], "no key comes again there"
    assert in_the_way(Deployed(), "defects") == []


def test_a_small_scale_needs_small_segments() -> None:
    deployed: Any = Deployed(variables={Env.SEGMENT_BYTES: str(8 * MIB)})
    small = replace(SCENARIOS["defects"].scaled(0.01))
    assert obstacles(deployed, found(deployed), [load_of(small, seed=1)]) == []
