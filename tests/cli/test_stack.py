"""How the command line finds the stack: by its outputs, or by the variables its function has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.cli import aws
from ingest.cli.stack import DeployedStack
from ingest.errors import SettingsFault
from tests.support.clients import ledger_table, mock_aws
from tests.support.command import Ran
from tests.support.stacks import FakeSession

OUTPUTS = {"LedgerTable": "L", "QueueUrl": "q", "LandingBucket": "landing", "RejectsBucket": "rejects"}
VARIABLES = {"INGEST_LEDGER_TABLE": "L2", "INGEST_QUEUE_URL": "q2", "INGEST_LANDING_BUCKET": "landing2"}


@pytest.fixture(autouse=True)
def stacks(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, dict[str, str]]]:
    """The outputs of all stacks there are, by name."""
    fake = FakeSession()
    monkeypatch.setattr(aws, "session", lambda: fake)
    with mock_aws():
        yield fake.stacks


def test_the_parts_are_the_outputs_of_the_stack_called_ingest(stacks: Any) -> None:
    stacks["ingest"] = OUTPUTS
    stack = DeployedStack(None)
    assert (stack.landing_bucket, stack.rejects_bucket, stack.ledger.table.dynamodb.name) == ("landing", "rejects", "L")


def test_another_stack_is_named_by_the_option_or_else_by_the_variable(
    stacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ingest", "by-variable", "by-option"):
        stacks[name] = {"LandingBucket": f"landing-{name}"}
    monkeypatch.setenv("INGEST_STACK", "by-variable")
    assert DeployedStack(None).landing_bucket == "landing-by-variable"
    assert DeployedStack("by-option").landing_bucket == "landing-by-option"


def test_variables_stand_in_for_outputs_and_no_stack_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    stack = DeployedStack(None)
    assert (stack.landing_bucket, stack.ledger.table.dynamodb.name) == ("landing2", "L2")
    with pytest.raises(SettingsFault, match="The CloudFormation stack 'ingest' does not exist"):
        _ = stack.rejects_bucket  # the one that is not set


def test_a_stack_that_is_named_is_meant_whatever_variables_are_set(
    stacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    stacks["other"] = OUTPUTS
    assert DeployedStack("other").landing_bucket == "landing"


def test_another_stack_is_refused_by_the_output_it_lacks(stacks: Any) -> None:
    stacks["website"] = {"Url": "https://example.com"}
    with pytest.raises(SettingsFault, match="stack 'website' has no output LedgerTable: it is not an ingest stack"):
        _ = DeployedStack("website").ledger


@pytest.mark.parametrize("command", [["status"], ["status", "k"], ["reconcile"], ["backfill", "s3://b/p"]])
def test_without_a_stack_every_command_says_so_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "feeds.toml").write_text("[feeds.orders]\nprefix = 'orders/'\ntable = 'Orders'\npartition_key = 'id'\n")
    monkeypatch.chdir(tmp_path)
    ran = Ran(capsys, *command)
    assert (ran.code, ran.sentence) == (
        2,
        "The CloudFormation stack 'ingest' does not exist in eu-central-1; name it with --stack, choose account and "
        "region, or set INGEST_LEDGER_TABLE, INGEST_QUEUE_URL, INGEST_LANDING_BUCKET, INGEST_REJECTS_BUCKET.",
    )


def test_a_ledger_that_is_not_there_exits_with_4(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INGEST_LEDGER_TABLE", "Nowhere")
    ran = Ran(capsys, "status", "s3://landing/k")
    assert ran.code == 4
    assert ran.sentence.startswith("AWS answered ResourceNotFoundException while listing a file in the ledger Nowhere")


def test_an_object_the_ledger_does_not_know_exits_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger_table()
    monkeypatch.setenv("INGEST_LEDGER_TABLE", "Ledger")
    monkeypatch.setenv("INGEST_LANDING_BUCKET", "landing")
    ran = Ran(capsys, "status", "orders/a.csv")
    assert ran.code == 3
    assert ran.sentence.startswith(
        "The ledger has no entry for s3://landing/orders/a.csv. Check the key. If the object"
    )
