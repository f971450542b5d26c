import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from botocore.config import Config

from loadtest.simulator import Faults, Key, Settings, Simulation, Table, command
from tests.loadtest.simulator.clients import ONCE, puts

ROOT = Path(__file__).parents[3]


def parsed(*arguments: str) -> Settings:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    settings: Settings = parser.parse_args(arguments).settings
    return settings


def test_without_settings_a_sink_takes_and_counts_everything() -> None:
    assert parsed() == Settings()


def test_settings_are_read_as_they_are_written() -> None:
    asked = Settings(
        tables={"A": Table(Key("pk")), "B": Table(Key("pk", "B"), Key("sk", "N"))},
        simulation=Simulation(mode="provisioned", provisioned_units_per_s=50, partitions=16),
        faults=Faults(seed=9, internal_error=0.1, slow=0.2, slow_s=3, throttled_items=0.4),
        latency_s=0.005,
        keeps_items=True,
        sequence="seq",
        tls=True,
        port=7,
    )
    assert parsed(msgspec.json.encode(asked).decode()) == asked
    assert parsed('{"spool": "a/b"}').spool == Path("a/b")


def test_the_example_shown_is_one_that_can_be_given() -> None:
    example = parsed(command.EXAMPLE.partition("\n")[2])
    assert (example.tables, example.faults) == (
        {"Orders": Table(Key("customer"), Key("number", "N"))},
        Faults(internal_error=0.1),
    )


@pytest.mark.parametrize(
    "wrong",
    [
        "fire",
        '{"faults": {"slow": "often"}}',
        '{"faults": {"slow": 2}}',
        '{"keeps_items": true}',
        '{"tables": {"A": 1}}',
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(wrong)
    assert "are not settings: " in capsys.readouterr().err


@pytest.mark.enable_socket
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_prints_where_it_is_and_at_the_end_what_it_did(end: signal.Signals) -> None:
    # A burst of 30 units, and a rate at which no machine is so slow that another unit comes meanwhile.
    capacity = Simulation(mode="provisioned", provisioned_units_per_s=0.001, burst_s=30_000)
    settings = Settings(tables={"T": Table(Key("pk"))}, simulation=capacity, keeps_items=True, tls=True)
    program = [sys.executable, "-m", "loadtest", "simulator", msgspec.json.encode(settings).decode()]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed = served(process, end)
        finally:
            process.kill()
    assert process.returncode == 0
    assert (printed["requests"], printed["items"], printed["unprocessed"], sum(printed["per_second"])) == (
        2,
        30,
        20,
        30,
    )
    assert printed["tables"]["T"]["items"] == 30
    assert (printed["doubled"], printed["out_of_order"]) == (0, 0)


def served(process: "subprocess.Popen[str]", end: signal.Signals) -> dict[str, Any]:
    """Send two batches and the signal to end; return what the process printed."""
    assert process.stdout is not None
    url, ca_file = process.stdout.readline().strip(), process.stdout.readline().strip()
    dynamodb = boto3.client("dynamodb", endpoint_url=url, verify=ca_file, config=ONCE.merge(Config(read_timeout=120)))
    for prefix in ("a", "b"):
        dynamodb.batch_write_item(RequestItems={"T": puts(25, prefix)})
    process.send_signal(end)
    printed: dict[str, Any] = json.loads(process.stdout.read())
    return printed
