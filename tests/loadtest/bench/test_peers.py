"""The programs that are compared: they read the same cells, and write the same items, and all of them."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.bench import peers
from loadtest.bench.peers import MODES
from loadtest.bench.surroundings import LINE_BREAKS, QUOTE_FREE, ROOT, SHAPES, ingest, write_sample
from loadtest.s3_server import ObjectServer
from loadtest.simulator import Key, Settings, Simulator, Table, checksum

TABLES = {f"Loadtest{shape.capitalize()}": Table(Key("id")) for shape in SHAPES}


@pytest.mark.parametrize("kind", [QUOTE_FREE, LINE_BREAKS])
def test_the_readers_find_the_same_cells(kind: str, tmp_path: Path) -> None:
    file = write_sample(tmp_path, 500_000, 3, kind=kind).path
    rows = list(peers.dict_reader(file))
    assert peers.bare_pyarrow(file, line_breaks=kind == LINE_BREAKS).to_pylist() == rows
    ours = columns_of_ingest(file, list(rows[0]))
    for name in set(ours) - {"paid"}:
        assert [value or "" for value in ours[name]] == [row[name] for row in rows], name
    assert ours["paid"] == [{"true": True, "false": False, "": None}[row["paid"]] for row in rows]


def columns_of_ingest(file: Path, names: list[str]) -> dict[str, list[object]]:
    blocks, chained = list(peers.ingest_items(file)), itertools.chain.from_iterable
    return {name: list(chained(block.attribute(name).values.to_pylist() for block in blocks)) for name in names}


def test_a_rejected_row_ends_the_reader_of_ingest(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("id,quantity,price,discount,paid\nM-1,many,1,0,true\n")
    with pytest.raises(ValueError, match="bad_number"):
        list(peers.ingest_items(path))


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[ObjectServer]:
    with ObjectServer(tmp_path) as running:
        yield running


def run_writer(simulator: Simulator, folder: Path, command: list[str], s3: ObjectServer) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= {"AWS_ENDPOINT_URL_DYNAMODB": simulator.url, "AWS_ENDPOINT_URL_S3": s3.url}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_loop_writes_the_items_that_the_product_writes(shape: str, tmp_path: Path, s3: ObjectServer) -> None:
    sample = write_sample(tmp_path, 100_000, 1, shape=shape)
    loop = [sys.executable, "-m", "loadtest.bench.peers", "loop", sample.url, shape]
    sums = []
    for command in (ingest("load", sample.url, shape), loop):
        with Simulator(Settings(keeps_items=True, tables=TABLES)) as simulator:
            run_writer(simulator, tmp_path, command, s3)
        assert simulator.items == sample.rows > 50
        sums.append(checksum(simulator.written_items.items(f"Loadtest{shape.capitalize()}")))
    assert sums[0] == sums[1]


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("mode", ["insert", "newest", "update"])
def test_the_loop_of_single_calls_writes_the_items_that_the_product_writes(
    mode: str, tmp_path: Path, s3: ObjectServer
) -> None:
    sample = write_sample(tmp_path, 20_000, 1)
    loop = [sys.executable, "-m", "loadtest.bench.peers", "single-loop", sample.url, mode]
    sums = []
    for command in (ingest("load", sample.url, mode, MODES), loop):
        with Simulator(Settings(keeps_items=True, tables=TABLES)) as simulator:
            run_writer(simulator, tmp_path, command, s3)
        assert simulator.items == sample.rows > 50
        items = simulator.written_items.items("LoadtestMixed")
        sums.append(checksum({name: value for name, value in item.items() if name != "_row"} for item in items))
    assert sums[0] == sums[1]


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_the_product_with_a_fixed_number_of_requests_keeps_to_it(tmp_path: Path, s3: ObjectServer) -> None:
    sample = write_sample(tmp_path, 300_000, 1)
    command = [sys.executable, "-m", "loadtest.bench.peers", "3", sample.url, "mixed"]
    with Simulator(Settings(tables=TABLES, latency_s=0.005)) as simulator:
        assert run_writer(simulator, tmp_path, command, s3) == {"rows": sample.rows}
    assert (simulator.items, simulator.statistics.max_in_flight) == (sample.rows, 3)
