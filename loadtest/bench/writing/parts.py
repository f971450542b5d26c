"""The parts of the write benchmark: which parties, which files, which simulators."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from loadtest.bench.shapes import SHAPES
from loadtest.bench.writing.endpoints import ROOT
from loadtest.bench.writing.files import BATCH_ROWS, MB, WriteSample, write_body, write_sample
from loadtest.bench.writing.measuring import Bench, Measured, WriteCase

INGEST, LOOP = "ingest load", "boto3 loop"
LOOP_SHARE = 30  # of the product's file is what the loop gets: it is about as much slower
LATENCIES_MS = (0, 5, 10, 15)
FLOW_LATENCY_MS = 10
FIXED = (8, 16, 32, 64)
READY_REQUESTS = 400  # per megabyte of --megabytes
MEMORY_FACTORS = (2, 20)  # of --megabytes


@dataclass(frozen=True, slots=True)
class BenchSize:
    """How large the files are, how often each is loaded, and which interpreter has awscrt."""

    megabytes: int
    repeat: int
    seed: int
    awscrt_python: str = sys.executable

    @property
    def file_bytes(self) -> int:
        """The size of the product's file."""
        return self.megabytes * MB

    @property
    def loop_bytes(self) -> int:
        """The size of the loop's file."""
        return self.file_bytes // LOOP_SHARE


def shapes(bench: Bench, extent: BenchSize) -> Iterator[Measured]:
    """Yield the product beside the loop, for each shape, without TLS and with it."""
    for shape in SHAPES:
        pair = _pair(bench.folder, shape, extent, extent.loop_bytes)
        for tls in (False, True):
            yield from bench.measure([replace(case, tls=tls) for case in pair], extent.repeat)
        _forget(bench.folder, shape)


def latency(bench: Bench, extent: BenchSize) -> Iterator[Measured]:
    """Yield the product beside the loop, against simulators of several latencies."""
    pair = _pair(bench.folder, "mixed", extent, extent.loop_bytes // 3)
    for latency_ms in LATENCIES_MS:
        yield from bench.measure([replace(case, latency_ms=latency_ms) for case in pair], extent.repeat)


def limiter(bench: Bench, extent: BenchSize) -> Iterator[Measured]:
    """Yield the product with what it finds by itself, beside fixed numbers of requests under way."""
    sample, empty = _sample_and_empty(bench.folder, "mixed", extent.file_bytes, extent.seed)
    cases = [_ingest(sample, empty)]
    cases += [_case(f"{count} at a time", sample, empty, *_fixed(count)) for count in FIXED]
    yield from bench.measure([replace(case, latency_ms=FLOW_LATENCY_MS) for case in cases], extent.repeat)


def memory(bench: Bench, extent: BenchSize) -> Iterator[Measured]:
    """Yield the product on a file, and on one ten times as large. Once each: it is the peak that counts."""
    for factor in MEMORY_FACTORS:
        sample, empty = _sample_and_empty(bench.folder, "mixed", factor * extent.file_bytes, extent.seed)
        yield from bench.measure([_ingest(sample, empty)], 1)
        sample.path.unlink()


def transports(bench: Bench, extent: BenchSize) -> Iterator[Measured]:
    """Yield the product beside what its parts take alone: reading, and sending a ready-made body."""
    sample, empty = _sample_and_empty(bench.folder, "mixed", extent.file_bytes, extent.seed)
    body = write_body(bench.folder, "LoadtestMixed", extent.seed)
    many = READY_REQUESTS * extent.megabytes
    cases = [
        _ingest(sample, empty),
        _ready("bare socket, unsigned", sys.executable, "ready_socket", body, many),
        _ready("ingest.dynamodb.http", sys.executable, "ready_lean", body, many),
        _ready("awscrt", extent.awscrt_python, "ready_awscrt", body, many),
        _ready("botocore", sys.executable, "ready_botocore", body, many // 20),
        _ready("botocore, one connection", sys.executable, "ready_botocore", body, many // 20, connections=1),
    ]
    for tls in (False, True):
        yield from bench.measure([replace(case, tls=tls) for case in cases], extent.repeat)
    yield from bench.measure([_reading(sample, empty)], extent.repeat)


PARTS = {"transports": transports, "shapes": shapes, "latency": latency, "flow": limiter, "memory": memory}


def _pair(folder: Path, shape: str, extent: BenchSize, loop_bytes: int) -> list[WriteCase]:
    sample, empty = _sample_and_empty(folder, shape, extent.file_bytes, extent.seed)
    small = write_sample(folder, shape, loop_bytes, extent.seed)
    loop = [sys.executable, "-m", "loadtest.bench.writers.boto3_loop", "--feed", shape]
    return [_ingest(sample, empty), _case(LOOP, small, empty, *loop)]


def _sample_and_empty(folder: Path, shape: str, total_bytes: int, seed: int) -> tuple[WriteSample, WriteSample]:
    return write_sample(folder, shape, total_bytes, seed), write_sample(folder, shape, 0, seed)


def _forget(folder: Path, shape: str) -> None:
    for path in folder.glob(f"*/{shape}/*.csv"):
        path.unlink()


def _ingest(sample: WriteSample, empty: WriteSample) -> WriteCase:
    feeds = str(ROOT / "loadtest/feeds.toml")
    load = [sys.executable, "-m", "ingest", "load", "--feeds", feeds, "--feed", sample.shape, "--json"]
    return _case(INGEST, sample, empty, *load)


def _fixed(count: int) -> list[str]:
    return [sys.executable, "-m", "loadtest.bench.writers.ingest_fixed", "--feed", "mixed", "--in-flight", str(count)]


def _case(party: str, sample: WriteSample, empty: WriteSample, *command: str) -> WriteCase:
    return WriteCase(
        party,
        [*command, sample.url],
        [*command, empty.url],
        rows=sample.rows,
        items=sample.rows,
        shape=sample.shape,
        file_bytes=sample.file_bytes,
    )


def _reading(sample: WriteSample, empty: WriteSample) -> WriteCase:
    """Return the party that reads from disk and writes nothing."""
    command = [sys.executable, "-m", "loadtest.bench.readers.ingest_columns"]
    return replace(
        _case("reading alone", sample, empty),
        command=[*command, str(sample.path)],
        start_up=[*command, str(empty.path)],
        items=0,
    )


def _ready(party: str, python: str, module: str, body: Path, requests: int, *, connections: int = 32) -> WriteCase:
    command = [python, "-m", f"loadtest.bench.writers.{module}", str(body), "--table", "LoadtestMixed"]
    command += ["--connections", str(connections), "--requests"]
    rows = BATCH_ROWS * requests
    return WriteCase(party, [*command, str(requests)], [*command, "0"], rows=rows, items=rows)
