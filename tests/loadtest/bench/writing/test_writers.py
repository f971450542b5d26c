"""The parties of the write benchmark: they write the same items, and all of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench.shapes import SHAPES
from loadtest.bench.writing.files import BATCH_ROWS, WriteSample, write_body, write_sample
from loadtest.s3_server import ObjectServer
from loadtest.simulator import Key, Latency, Settings, Simulator, Table

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
ROOT = Path(__file__).parents[4]
TABLES = {f"Loadtest{shape.capitalize()}": Table(Key("id")) for shape in SHAPES}


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path) as running:
        yield running


def run_writer(simulator: Simulator, folder: Path, *command: str, s3: ObjectServer | None = None) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AWS_ENDPOINT_URL_DYNAMODB": simulator.url}
    environment |= {"AWS_ENDPOINT_URL_S3": s3.url} if s3 else {}
    environment |= {"AWS_CA_BUNDLE": str(simulator.ca_file)} if simulator.settings.tls else {}
    run = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def load(sample: WriteSample) -> list[str]:
    feeds = str(ROOT / "loadtest/feeds.toml")
    return ["ingest", "load", sample.url, "--feed", sample.shape, "--feeds", feeds, "--json"]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_loop_writes_the_items_that_the_product_writes(shape: str, tmp_path: Path, s3: ObjectServer) -> None:
    sample = write_sample(tmp_path, shape, 100_000, 1)
    sums = []
    for command in (load(sample), ["loadtest.bench.writers.boto3_loop", sample.url, "--feed", shape]):
        with Simulator(Settings(keep="checksum", tables=TABLES)) as simulator:
            run_writer(simulator, tmp_path, *command, s3=s3)
        assert simulator.items == sample.rows > 50
        sums.append(simulator.written_items.checksum_of_puts)
    assert sums[0] == sums[1]


def test_the_product_with_a_fixed_number_of_requests_keeps_to_it(tmp_path: Path, s3: ObjectServer) -> None:
    sample = write_sample(tmp_path, "mixed", 300_000, 1)
    command = ["loadtest.bench.writers.ingest_fixed", sample.url, "--feed", "mixed", "--in-flight", "3"]
    with Simulator(Settings(tables=TABLES, latency=Latency(fixed_s=0.005))) as simulator:
        assert run_writer(simulator, tmp_path, *command, s3=s3) == {"rows": sample.rows}
    assert (simulator.items, simulator.statistics.max_in_flight) == (sample.rows, 3)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("module", ["ready_socket", "ready_lean", "ready_botocore", "ready_awscrt"])
def test_a_ready_made_body_is_sent_as_often_as_asked(module: str, tls: bool, tmp_path: Path) -> None:
    body = write_body(tmp_path, "LoadtestMixed", seed=1)
    command = [
        f"loadtest.bench.writers.{module}",
        str(body),
        "--table",
        "LoadtestMixed",
        "--connections",
        "4",
        "--requests",
    ]
    with Simulator(Settings(tables=TABLES, tls=tls)) as simulator:
        assert run_writer(simulator, tmp_path, *command, "0").get("requests", 0) == simulator.items == 0
        answer = run_writer(simulator, tmp_path, *command, "40")
    if module == "ready_awscrt" and "not_measured" in answer:
        assert "awscrt" in answer["not_measured"]
        return
    assert (answer, simulator.items) == ({"requests": 40}, 40 * BATCH_ROWS)


@pytest.mark.parametrize("module", ["ready_socket", "ready_lean", "ready_botocore"])
def test_a_ready_made_body_that_is_not_taken_is_an_error(module: str, tmp_path: Path) -> None:
    body = write_body(tmp_path, "LoadtestMixed", seed=1)
    body.write_text(body.read_text().replace('"id"', '"no_key"'))
    command = [f"loadtest.bench.writers.{module}", str(body), "--table", "LoadtestMixed", "--requests", "1"]
    with (
        Simulator(Settings(tables=TABLES)) as simulator,
        pytest.raises(AssertionError, match=r"did not take all|ValidationException"),
    ):
        run_writer(simulator, tmp_path, *command)
    assert simulator.items == 0
