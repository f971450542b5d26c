"""The target `aws` against the endpoints of the local stack: judged, and nothing is left, however a run ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.local.stack import LocalStack, local_stack
from ingest.contract import Output
from loadtest.run.aws import marker
from loadtest.run.aws.clients import RunRefused
from loadtest.run.aws.target import AwsTarget
from loadtest.run.driver import Progress, perform
from loadtest.scenarios.catalog import SCENARIOS
from loadtest.scenarios.scenario import FEEDS

pytestmark = pytest.mark.e2e
ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with local_stack(FEEDS) as deployed:
        yield deployed


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "loadtest", *words, "--target", "aws", "--stack", "ingest-local"]


def loadtest(stack: LocalStack, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **stack.environment()}
    return subprocess.run(
        command(*words), env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def use(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Point the AWS settings of this process to the stack."""
    for name, value in stack.environment().items():
        monkeypatch.setenv(name, value)


def contents(stack: LocalStack) -> dict[str, list[Any]]:
    """Return all that the stack holds: objects, unfinished uploads, items, records, messages."""
    s3, sqs, dynamodb = (stack.client(name) for name in ("s3", "sqs", "dynamodb"))
    buckets = [stack.outputs[Output.LANDING_BUCKET], stack.outputs[Output.REJECTS_BUCKET]]
    queues = [stack.outputs[Output.QUEUE_URL], stack.outputs[Output.DEAD_LETTER_URL]]
    tables = [value for name, value in stack.outputs.items() if name.startswith("Table")]
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return {
        "objects": [o["Key"] for bucket in buckets for o in s3.list_objects_v2(Bucket=bucket).get("Contents", [])],
        "uploads": [u["Key"] for u in s3.list_multipart_uploads(Bucket=buckets[0]).get("Uploads", [])],
        "items": [i for t in (*tables, stack.outputs[Output.LEDGER_TABLE]) for i in _items(dynamodb, t)],
        "messages": [n for url in queues for n in _attributes(sqs, url, names) if n != "0"],
    }


def _items(dynamodb: Any, table: str) -> list[Any]:
    return list(dynamodb.scan(TableName=table, ConsistentRead=True)["Items"])


def _attributes(sqs: Any, url: str, names: list[str]) -> list[str]:
    return list(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values())


def run_name(stack: LocalStack) -> str:
    """Return the name of the run that is marked in the stack."""
    found = stack.client("s3").get_object(Bucket=stack.outputs[Output.LANDING_BUCKET], Key=marker.KEY)
    return str(json.loads(found["Body"].read())["run"])


def log_lines(stack: LocalStack, containing: str) -> int:
    """Return how many lines of the function's log have this text."""
    pages = (
        stack.client("logs").get_paginator("filter_log_events").paginate(logGroupName=stack.outputs[Output.LOG_GROUP])
    )
    return sum(containing in event["message"] for page in pages for event in page["events"])


NOTHING: dict[str, list[Any]] = {"objects": [], "uploads": [], "items": [], "messages": []}


def test_a_run_is_judged_and_leaves_nothing(stack: LocalStack, tmp_path: Path) -> None:
    out = tmp_path / "smoke.json"
    done = loadtest(stack, "run", "smoke", "--scale", "0.2", "--account", ACCOUNT, "--out", str(out))
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert result["check_result"]["problems"] == []
    assert (result["check_result"]["rows"]["found"], result["check_result"]["files"]["complete"]) == (600, 3)
    assert result["command"].endswith("--target aws --scale 0.2 --seed 1 --stack ingest-local")
    figures = result["figures"]
    assert figures["requests"] >= 24
    assert figures["write_units"] >= 600
    assert figures["workers"] >= 1
    assert sum(result["samples"]["bytes_per_s"]) > 0
    assert contents(stack) == NOTHING


def test_rejects_and_news_that_comes_again_are_judged_and_leave_nothing(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(stack, monkeypatch)
    files = replace(SCENARIOS["defects"].files[0], count=2, rows=500)
    scenario = replace(SCENARIOS["defects"], files=(files,), notices=4)
    said: list[str] = []
    with (
        AwsTarget("ingest-local", [scenario], seed=3, account=ACCOUNT, ask=None, say=said.append) as target,
        Progress("defects") as progress,
    ):
        result = perform(scenario, target, scale=1, seed=3, progress=progress, patience_s=60)
    assert result["check_result"]["problems"] == []
    assert sum(result["check_result"]["rejected"]["found"].values()) > 0
    assert log_lines(stack, "file skipped") >= 3, "notifications of each file came again"
    assert "2 objects and uploads" in said[-1]
    assert contents(stack) == NOTHING


def test_a_dry_run_shows_plan_cost_and_resources_and_does_nothing(stack: LocalStack) -> None:
    done = loadtest(stack, "run", "mixed_feeds", "--dry-run")
    assert done.returncode == 0, done.stderr
    wanted = [ACCOUNT, "us-east-1", "200 files, 1,000,000 rows", "minutes", "table/LoadVisits", "write units", "$"]
    assert [word for word in (*wanted, *stack.outputs.values()) if word not in done.stdout] == []
    assert contents(stack) == NOTHING


def test_nothing_begins_in_an_account_that_no_one_named(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    use(stack, monkeypatch)
    unnamed = AwsTarget("ingest-local", [SCENARIOS["smoke"]], seed=3, account=None, ask=None, say=print)
    with pytest.raises(RunRefused, match=f"--account {ACCOUNT}"), unnamed:
        pytest.fail("it began")
    assert contents(stack) == NOTHING


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_interrupted_or_killed_leaves_nothing_in_the_end(
    stack: LocalStack, how: signal.Signals, tmp_path: Path
) -> None:
    words = command("run", "steady", "--scale", "0.1", "--account", ACCOUNT, "--out", str(tmp_path / "never.json"))
    environment = {**os.environ, **stack.environment()}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
        until_s = time.monotonic() + 60
        while not contents(stack)["items"] and time.monotonic() < until_s:
            time.sleep(0.1)
        run.send_signal(how)
        printed = run.communicate(timeout=60)[1].decode()
    if how == signal.SIGKILL:
        assert contents(stack)["uploads"] != []
        cleaned = loadtest(stack, "clean", "--run", run_name(stack), "--account", ACCOUNT)
        assert cleaned.returncode == 0, cleaned.stderr
    else:
        assert (run.returncode, "nothing is left" in printed) == (130, True), printed
    assert contents(stack) == NOTHING
    assert not (tmp_path / "never.json").exists()
