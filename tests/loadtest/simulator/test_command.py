import argparse
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from loadtest.simulator import Faults, Key, Latency, Settings, Simulation, Table, command
from tests.loadtest.simulator.clients import ONCE, puts

ROOT = Path(__file__).parents[3]


def parsed(*arguments: str) -> Settings:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.settings(parser.parse_args(arguments))


def test_without_arguments_a_sink_takes_and_counts_everything() -> None:
    assert parsed() == Settings()
    assert parsed().counts_only


def test_each_setting_has_an_argument() -> None:
    asked = (
        "--port 7 --tls --table A:pk --table B:pk=B,sk=N --keep digests --sequence seq --latency-ms 5 --jitter-ms 10"
    )
    asked += " --seed 9 --on-demand 8000 --burst-s 2 --growth-interval-s 60 --max-on-demand 9000 --account-limit 10000"
    asked += " --partitions 16 --fault internal_error=0.1 --fault slow=0.2 --slow-s 3 --throttled-items 0.4"
    assert parsed(*asked.split()) == Settings(
        tables={"A": Table(Key("pk")), "B": Table(Key("pk", "B"), Key("sk", "N"))},
        simulation=Simulation(
            warm_units_per_s=8000,
            burst_s=2,
            growth_interval_s=60,
            max_on_demand_units_per_s=9000,
            account_units_per_s=10_000,
            partitions=16,
        ),
        faults=Faults(seed=9, internal_error=0.1, slow=0.2, slow_s=3, throttled_items=0.4),
        latency=Latency(fixed_s=0.005, jitter_s=0.01, seed=9),
        keep="digests",
        sequence="seq",
        tls=True,
        port=7,
    )
    provisioned = parsed("--table", "A:pk", "--provisioned", "50").simulation
    assert provisioned == Simulation(mode="provisioned", provisioned_units_per_s=50)


@pytest.mark.parametrize("wrong", ["--table=A", "--table=A:pk=X", "--fault=fire=0.1", "--fault=slow=often"])
def test_what_cannot_be_meant_is_refused(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(wrong)
    assert f"error: argument {wrong.partition('=')[0]}: " in capsys.readouterr().err


@pytest.mark.enable_socket
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_as_a_process_it_prints_where_it_is_and_at_the_end_what_it_did(end: signal.Signals) -> None:
    # A burst of 30 units, and a rate at which no machine is so slow that another unit comes meanwhile.
    capacity = ["--provisioned", "0.001", "--burst-s", "30000"]
    arguments = ["--tls", "--table", "T:pk", "--keep", "digests", *capacity]
    program = [sys.executable, "-m", "loadtest", "simulator", *arguments]
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
    assert printed["throttles"] == {"TableWriteProvisionedThroughputExceeded": 20}
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
