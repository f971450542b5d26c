"""`python -m loadtest bench small-files`: small files that the function loads per second, and its calls for each.

Each worker is a process that handles batches of ten messages one after another, as in Lambda. The ledger, the queue
and the event bus accept each request immediately, so that no emulator limits the speed.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ingest.contract import FEEDS_FILE
from loadtest.bench.cold_start import PROBE, agree, agreeing, message
from loadtest.bench.measuring import Document, Goal, finish, show, spread
from loadtest.bench.surroundings import BUCKET, FEEDS, ROOT, write_sample
from loadtest.harness.read_back import MOST_MESSAGES
from loadtest.s3_server.server import find
from loadtest.simulator.service import Answer

FILE_BYTES = 55_000  # 500 rows
WORKERS = (1, 4)
Batch = dict[str, Any]  # a Lambda event
FILES_PER_SECOND = 128  # twice what the local stack's emulator lets through

OPTIONS = {"files": (1000, "how many files at once"), "repeat": (5, "loads of each number of workers")}


def run(arguments: argparse.Namespace) -> None:
    measured = [measure(workers, arguments) for workers in WORKERS]
    most = max(one["files_per_second"]["median"] for one in measured)
    goals = [Goal("files of 500 rows a second, on this machine", most, at_least=FILES_PER_SECOND)]
    finish(arguments, goals, {"loads": measured})


def measure(workers: int, arguments: argparse.Namespace) -> Document:
    """Return the time that this number of workers took for all files, and the calls for each file."""
    found: Document = {"workers": workers, "files": arguments.files}
    with tempfile.TemporaryDirectory() as folder:
        found["rows"], batches = write_files(Path(folder), arguments.files, arguments.seed)
        rows = arguments.files * found["rows"]
        loads = [load(Path(folder), batches, workers, rows) for _ in range(arguments.repeat)]
    for unit in ("second", "cpu_second"):
        found[f"files_per_{unit}"] = spread(arguments.files / one[unit] for one in loads)
    found["calls"] = {name: round(count / arguments.files, 2) for name, count in sorted(loads[-1]["calls"].items())}
    return show(found, *found)


def write_files(folder: Path, files: int, seed: int) -> tuple[int, list[Batch]]:
    """Write the feeds and files with equal rows; return the rows of a file, and all messages in batches."""
    shutil.copy(FEEDS, folder / FEEDS_FILE)
    sample, messages = write_sample(folder, FILE_BYTES, seed), []
    for number in range(files):
        key = f"{sample.shape}/{number:05d}.csv"
        os.link(sample.path, folder / BUCKET / key)
        served = find(folder, f"/{BUCKET}/{key}")
        messages.append(message(key, number, etag=served.etag.strip('"'), size=served.size))
    return sample.rows, [{"Records": messages[at : at + MOST_MESSAGES]} for at in range(0, files, MOST_MESSAGES)]


def load(folder: Path, batches: list[Batch], workers: int, rows: int) -> Document:
    """Load all files once; return the seconds, the workers' CPU seconds, and the calls by name."""
    calls: Counter[str] = Counter()

    def answer(target: str, body: bytes) -> Answer:
        calls[target.rpartition(".")[2]] += 1
        return agree(target, body)

    with agreeing(folder, answer) as (tables, env), ExitStack() as running:
        parts = [{"first": batches[:1], "all": batches[number::workers]} for number in range(workers)]
        fleet = [running.enter_context(_started(folder, n, env, **answered)) for n, answered in enumerate(parts)]
        for worker in fleet:
            worker.stderr.readline()
        before = tables.items
        calls.clear()
        for worker in fleet:
            worker.stdin.close()
        for worker in fleet:
            worker.wait()
        if tables.items - before != rows:
            raise RuntimeError(f"{tables.items - before:,} items were written of {rows:,}")
    moments = [json.loads((folder / f"worker-{n}.log").read_text().splitlines()[-1]) for n in range(workers)]
    seconds = max(one["all"][0] for one in moments) - min(one["waited"][0] for one in moments)
    cpu_seconds = sum(one["all"][1] - one["waited"][1] for one in moments)
    return {"second": seconds, "cpu_second": cpu_seconds, "calls": calls}


def _started(folder: Path, number: int, env: dict[str, str], **answered: list[Batch]) -> Any:
    """Start a worker that handles the first batches, waits, and then handles all of its own."""
    events = {name: folder / f"worker-{number}-{name}.json" for name in answered}
    for name, batches in answered.items():
        events[name].write_text(json.dumps(batches))
    command = [sys.executable, "-P", str(PROBE), str(folder)]
    command += [f"first={events['first']}", "waited=-", f"all={events['all']}"]
    with (folder / f"worker-{number}.log").open("wb") as log:  # the cost of logging counts too
        return subprocess.Popen(command, env=env, cwd=ROOT, stdin=-1, stdout=log, stderr=-1, text=True)  # -1: PIPE
