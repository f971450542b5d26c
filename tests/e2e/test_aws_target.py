"""The target `aws` against the endpoints of the emulator: judged, and nothing is left, however a run ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.local import ministack
from infra.local.ministack import Emulator
from infra.local.stack import environment
from loadtest.scenarios.catalog import tables

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("aws_target")]
ACCOUNT = "000000000000"
APPROVED = ("--account", ACCOUNT)


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with ministack.running() as running:
        yield running


def variables(emulator: Emulator, **more: str) -> dict[str, str]:
    return {**os.environ, **environment(emulator.endpoint_url), **more}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "tests.e2e.aws_in_emulator", "run", *words, "--target", "aws"]


def loadtest(emulator: Emulator, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    how: dict[str, Any] = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, "timeout": 300}
    return subprocess.run(command(*words), env=variables(emulator, **more), check=False, **how)


def left(emulator: Emulator) -> list[str]:
    """Return what the emulator holds of a stack: tables, queues, functions, and buckets but for the CDK's own."""
    made = _clients(emulator)
    buckets = [bucket["Name"] for bucket in made["s3"].list_buckets()["Buckets"]]
    queues = made["sqs"].list_queues().get("QueueUrls", [])
    functions = [function["FunctionName"] for function in made["lambda"].list_functions()["Functions"]]
    found = [*(bucket for bucket in buckets if not bucket.startswith("cdk-")), *queues, *functions]
    return found + list(made["dynamodb"].list_tables()["TableNames"])


@cache
def _clients(emulator: Emulator) -> dict[str, Any]:
    settings = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": ministack.REGION}
    session = boto3.Session(**settings)
    names = ("s3", "sqs", "lambda", "dynamodb")
    return {name: session.client(name, endpoint_url=emulator.endpoint_url) for name in names}  # type: ignore[call-overload]


def test_a_run_is_judged_with_its_rejects_and_leaves_nothing(emulator: Emulator, tmp_path: Path) -> None:
    out = tmp_path / "defects.json"
    done = loadtest(emulator, "defects", "--scale", "0.002", *APPROVED, "--out", str(out))
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    check_result, figures = result["check_result"], result["figures"]
    assert check_result["problems"] == []
    assert (check_result["rows"]["found"] > 1_500, check_result["files"]["complete"]) == (True, 20)
    assert sum(check_result["rejected"]["found"].values()) > 0
    assert result["command"].endswith("run defects --target aws --scale 0.002 --seed 1")
    assert figures["requests"] >= check_result["rows"]["found"] / 25
    assert figures["write_units"] >= check_result["rows"]["found"]
    assert figures["workers"] >= 1
    assert left(emulator) == []


def test_notifications_that_come_again_are_judged(emulator: Emulator, tmp_path: Path) -> None:
    out = tmp_path / "storm.json"
    done = loadtest(emulator, "duplicate_storm", "--scale", "0.02", *APPROVED, "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert json.loads(out.read_text())["check_result"]["problems"] == []
    assert left(emulator) == []


def test_a_dry_run_shows_account_load_and_cost_and_does_nothing(emulator: Emulator) -> None:
    done = loadtest(emulator, "mixed_feeds", "--dry-run")
    assert done.returncode == 0, done.stderr
    wanted = [ACCOUNT, "us-east-1", "200 files, 1,000,000 rows", "minutes", "write units", "$"]
    assert [word for word in wanted if word not in done.stdout] == []
    assert left(emulator) == []


def test_nothing_begins_in_an_account_that_no_one_named(emulator: Emulator) -> None:
    done = loadtest(emulator, "smoke")
    assert (done.returncode, f"--account {ACCOUNT}" in done.stderr) == (2, True)
    assert left(emulator) == []


def test_a_run_that_was_interrupted_leaves_nothing(emulator: Emulator, tmp_path: Path) -> None:
    words = command("steady", "--scale", "0.03", *APPROVED, "--out", str(tmp_path / "never.json"))
    with subprocess.Popen(words, env=variables(emulator), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as run:
        until_s = time.monotonic() + 120
        while not rows(emulator) and time.monotonic() < until_s:
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        printed = run.communicate(timeout=120)[1].decode()
    assert (run.returncode, "nothing is left" in printed) == (130, True), printed
    assert left(emulator) == []
    assert not (tmp_path / "never.json").exists()


def rows(emulator: Emulator) -> int:
    """Return how many rows are in the tables, as far as there are any."""
    dynamodb = _clients(emulator)["dynamodb"]
    there = set(dynamodb.list_tables()["TableNames"]) & set(tables())
    return sum(dynamodb.describe_table(TableName=name)["Table"]["ItemCount"] for name in there)


def test_what_a_killed_run_left_is_in_the_way_of_the_next_and_goes_by_the_command_it_printed(
    emulator: Emulator,
) -> None:
    killed = loadtest(emulator, "smoke", *APPROVED, KILLED="deploy")
    assert killed.returncode == -signal.SIGKILL
    assert left(emulator) != []
    refused = loadtest(emulator, "smoke", *APPROVED)
    printed = "python -m loadtest run --target aws --destroy"
    assert (refused.returncode, printed in killed.stderr, printed in refused.stderr) == (2, True, True)
    removed = loadtest(emulator, "--destroy", *APPROVED)
    assert (removed.returncode, left(emulator)) == (0, []), removed.stderr
