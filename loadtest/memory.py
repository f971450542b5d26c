"""How much memory one load takes, and whether it grows with the file: `ingest load` from S3 into the sink."""

import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import boto3

from loadtest.generate import orders
from loadtest.process import run
from loadtest.sink import Sink

BUCKET = "loadtest-memory"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Measured:
    """One load: what went in, what came out, and what it took."""

    file_bytes: int
    rows: int
    items_taken: int
    books: dict[str, object]
    peak_resident_bytes: int
    cpu_seconds: float
    seconds: float


def measure(*, megabytes: int, row_bytes: int, seed: int, s3_endpoint: str, feeds: Path) -> Measured:
    """Make a file, put it in S3, load it in a process of its own, and return what that process took.

    Raises:
        RuntimeError: the load failed, or lost a row.
    """
    key = f"orders/{megabytes}mb.csv"
    rows, size = _upload(key, megabytes * MB, row_bytes, seed, s3_endpoint)
    with Sink() as sink:
        begun = time.monotonic()
        books, peak, cpu = _load(
            key, feeds, {"AWS_ENDPOINT_URL_S3": s3_endpoint, "AWS_ENDPOINT_URL_DYNAMODB": sink.url}
        )
        measured = Measured(size, rows, sink.items, books, peak, cpu, time.monotonic() - begun)
    if not rows == measured.items_taken == books["rows_written"]:
        raise RuntimeError(f"rows were lost or doubled: {asdict(measured)}")
    return measured


def _upload(key: str, total_bytes: int, row_bytes: int, seed: int, endpoint: str) -> tuple[int, int]:
    s3 = boto3.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket=BUCKET)
    rows = 0
    with tempfile.TemporaryFile() as file:
        for portion in orders(total_bytes=total_bytes, seed=seed, row_bytes=row_bytes):
            file.write(portion.data)
            rows += portion.rows
        size = file.tell()
        file.seek(0)
        s3.upload_fileobj(file, BUCKET, key)
    return rows, size


def _load(key: str, feeds: Path, endpoints: dict[str, str]) -> tuple[dict[str, object], int, float]:
    """Return the books, the peak resident bytes and the CPU seconds of `ingest load`."""
    command = [sys.executable, "-m", "ingest", "load", f"s3://{BUCKET}/{key}"]
    command += ["--feed", "orders", "--feeds", str(feeds), "--json"]
    ran = run(command, env={**os.environ, **endpoints})
    if ran.exit_code:
        raise RuntimeError(f"ingest load failed: {ran.output.decode()}")
    return json.loads(ran.output), ran.peak_resident_bytes, ran.cpu_seconds
