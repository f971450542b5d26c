"""`python -m loadtest bench cold-start`: how long the function's first response takes, and where the time goes.

Each start is a new process on one core. Endpoints run in other processes and respond immediately.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.contract import FEEDS_FILE, Env
from loadtest.bench.measuring import Document, Goal, finish, show, spread
from loadtest.bench.surroundings import BUCKET, FEEDS, ROOT, EndpointProcess, environment, write_sample
from loadtest.harness.read_back import s3_notification
from loadtest.simulator import Simulator
from loadtest.simulator.server import Elsewhere
from loadtest.simulator.service import Answer

COLD_START_MS = 600
COMPILING_MS = 900  # of a start that compiles all imported modules
BARE = "zip without bytecode"
FILE_BYTES = 100_000
STEPS = {  # from, to
    "interpreter": ("begun", "started"),
    "imports": ("started", "imported"),
    "clients": ("imported", "built"),
    "first request": ("built", "first"),
    "cold start": ("started", "first"),
    "cold start with the interpreter": ("begun", "first"),
    "second request": ("first", "second"),
}
Moments = dict[str, tuple[float, float]]  # by the clock and of CPU

PROBE = Path(__file__).parent / "function_probe.py"
_ANSWERS = {  # the ledger's conditions hold, everything is sent
    "UpdateItem": b'{"Attributes":{"first_seen":{"N":"1"}}}',
    "Query": b'{"Items":[]}',
    "BatchGetItem": b'{"Responses":{},"UnprocessedKeys":{}}',
    "DescribeTable": b'{"Table":{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],'
    b'"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}}',
    "ChangeMessageVisibilityBatch": b'{"Successful":[],"Failed":[]}',
    "PutEvents": b'{"FailedEntryCount":0,"Entries":[]}',
}
SETTINGS = {
    Env.LEDGER_TABLE: "Ledger",
    Env.REJECTS_BUCKET: "rejects",
    Env.RETRY_BASE_S: "1",
    **dict.fromkeys((Env.RETRY_CAP_S, Env.LEASE_S, Env.LEDGER_DAYS), "60"),
    **dict.fromkeys((Env.CHECKPOINT_S, Env.MAX_RECEIVE_COUNT), "5"),
    Env.STOP_BEFORE_END_S: "45",
    Env.SEGMENT_BYTES: str(64 * 1024 * 1024),
    Env.STUCK_S: "3600",
    Env.LANDING_BUCKET: BUCKET,
    Env.STACK: "loadtest",
}

OPTIONS = {
    "repeat": (11, "how many cold starts"),
    "zip": ({"type": Path}, "the function's zip for this platform, to be measured as shipped"),
}


def run(arguments: argparse.Namespace) -> None:
    busy = round(os.getloadavg()[0], 1)  # load slows wall-clock figures, but hardly changes CPU figures
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), arguments.seed) as around:
        starts = [measure(code, around, arguments.repeat) for code in codes(arguments.zip, Path(folder))]
    finish(arguments, judge(starts), {"load_before": busy, "starts": starts})


def judge(starts: list[Document]) -> Iterator[Goal]:
    for start in starts:
        most = COMPILING_MS if start["code"] == BARE else COLD_START_MS
        ms = 1000 * start["seconds"]["cold start"]["median"]
        yield Goal(f"ms from the handler's import to its first answer, {start['code']}", ms, at_most=most)


@dataclass(frozen=True, slots=True)
class Code:
    """Where the handler and its packages are imported from. `flags` are the interpreter's."""

    name: str
    folder: Path
    flags: tuple[str, ...] = ()


def codes(archive: Path | None, folder: Path) -> list[Code]:
    """Return the code to measure: the installed packages, or the function's zip with and without its bytecode."""
    if archive is None:
        return [Code("installed", ROOT)]
    shipped, bare = folder / "shipped", folder / "bare"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(shipped)
    shutil.copytree(shipped, bare, ignore=shutil.ignore_patterns("__pycache__"))
    only = ("-S", "-B")  # only the zip's packages, and no bytecode written for the next start, as in Lambda
    return [Code("zip", shipped, only), Code(BARE, bare, only)]


@dataclass(frozen=True, slots=True)
class World:
    """The function's environment, the probe's arguments, and how many items its events write."""

    arguments: list[str]
    environment: dict[str, str]
    tables: Simulator
    rows: int


@contextmanager
def world(folder: Path, seed: int) -> Iterator[World]:
    """Yield two small files in a bucket, their events, and endpoints that accept each request immediately."""
    shutil.copy(FEEDS, folder / FEEDS_FILE)
    arguments, rows = [str(folder)], 0
    for number, moment in enumerate(("first", "second"), start=1):
        sample = write_sample(folder, FILE_BYTES + number, seed)
        event = folder / f"{number}.json"
        event.write_text(json.dumps([{"Records": [message(sample.key, number)]}]))
        arguments.append(f"{moment}={event}")
        rows += sample.rows
    with agreeing(folder, agree) as (tables, variables):
        yield World(arguments, variables, tables, rows)


@contextmanager
def agreeing(folder: Path, answer: Elsewhere) -> Iterator[tuple[Simulator, dict[str, str]]]:
    """Yield simulated tables, with endpoints that accept each request, and the environment of a function using them."""
    with EndpointProcess("s3-server", str(folder)) as s3, Simulator(elsewhere=answer) as tables:
        found = environment(s3=s3.url, dynamodb=tables.url, sqs=tables.url, eventbridge=tables.url)
        queues = {Env.QUEUE_URL: f"{tables.url}/queue", Env.DEAD_LETTER_URL: f"{tables.url}/dead"}
        yield tables, {**found, **SETTINGS, **queues}


def agree(target: str, body: bytes) -> Answer:
    """Return a fixed response to any request but BatchWriteItem: a cold start must not include an emulator's time."""
    return Answer(_ANSWERS.get(target.rpartition(".")[2], b"{}"))


def message(key: str, number: int, **object_is: Any) -> dict[str, Any]:
    """Return the SQS record that Lambda receives for a new object."""
    body = s3_notification(BUCKET, key, sequencer=f"0066F2A1B3C4{number:06d}", **object_is)
    about = {"messageId": f"m-{number}", "receiptHandle": f"r-{number}", "body": body}
    return {**about, "attributes": {"ApproximateReceiveCount": "1"}}


def measure(code: Code, around: World, repeat: int) -> Document:
    """Return the wall-clock and CPU time of each step of cold starts."""
    _moments(code, around)  # not measured: this run loads the files into the disk cache
    runs = [_moments(code, around) for _ in range(repeat)]
    clock, cpu = (
        {step: spread(run[end][at] - run[begin][at] for run in runs) for step, (begin, end) in STEPS.items()}
        for at in (0, 1)
    )
    for step in STEPS:
        shown = {"code": code.name, "step": step, "seconds": clock[step], "cpu_seconds": cpu[step]}
        show(shown, *shown)
    return {"code": code.name, "seconds": clock, "cpu_seconds": cpu}


def _moments(code: Code, around: World) -> Moments:
    """Return the time of each step of one start; the process runs on one core, inherited from this thread."""
    # -P: modules in the probe's folder must not shadow others of the same name.
    command = [sys.executable, "-P", *code.flags, str(PROBE), *around.arguments]
    env, pipe, cores = {**around.environment, "PYTHONPATH": str(code.folder)}, subprocess.PIPE, os.sched_getaffinity(0)
    before, begun = around.tables.items, time.monotonic()
    os.sched_setaffinity(0, {max(cores)})
    try:
        process = subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True)
    finally:
        os.sched_setaffinity(0, cores)
    output, logged = process.communicate(timeout=120)
    wrote = around.tables.items - before
    if process.returncode or wrote != around.rows:
        raise RuntimeError(f"the handler wrote {wrote} items of {around.rows}: {output[-2000:]}\n{logged[-2000:]}")
    return {"begun": (begun, 0.0), **json.loads(output.splitlines()[-1])}
