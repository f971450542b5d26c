"""Cold starts of the handler, each in a fresh process on one core, against endpoints that cost it nothing."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.contract import FEEDS_FILE, Env
from loadtest.bench.cold_start.ledger_stub import AgreeableTables
from loadtest.bench.goals import Spread, spread
from loadtest.bench.mixed import mixed
from loadtest.harness.queue import s3_notification
from loadtest.s3_server import ObjectServer

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)$", re.MULTILINE)


def seconds_by_package(logged: str, *, standard: frozenset[str]) -> dict[str, float]:
    """Return what importing the modules of each package took, most first; the standard library is one package.

    >>> printed = "import time:    2000 |   5000 | json\\nimport time:   30000 |  35000 |   boto3.session"
    >>> seconds_by_package(printed, standard=frozenset({"json"}))
    {'boto3': 0.03, 'standard library': 0.002}
    """
    spent: Counter[str] = Counter()
    for microseconds, module in _LINE.findall(logged):
        package = module.partition(".")[0]
        spent["standard library" if package in standard else package] += int(microseconds)
    return {package: microseconds / 1e6 for package, microseconds in spent.most_common()}


ROOT = Path(__file__).parents[3]
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


@dataclass(frozen=True, slots=True)
class Code:
    """Where the handler and its packages are imported from. `flags` are the interpreter's."""

    name: str
    path: list[Path]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Started:
    """What cold starts took by step, in seconds by the clock and of CPU, and the imports of one of them by package."""

    code: str
    seconds: dict[str, Spread]
    cpu_seconds: dict[str, Spread]
    imports: dict[str, float]


def codes(archive: Path | None, folder: Path) -> list[Code]:
    """Return what is measured: what is installed here; with the function's zip, that, as it is and compiled."""
    if archive is None:
        return [Code("installed", [ROOT])]
    shipped, compiled = folder / "shipped", folder / "compiled"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(shipped)
    shutil.copytree(shipped, compiled)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "-j", "0", str(compiled)], check=False)
    only = ("-S", "-B")  # no packages but the zip's, and no bytecode is left for the next start, as in Lambda
    return [
        Code("zip", [shipped, *_probe(folder)], only),
        Code("zip with bytecode", [compiled, *_probe(folder)], only),
    ]


def _probe(folder: Path) -> list[Path]:
    """Return a folder with nothing but the probe: the zip's `ingest` must not be shadowed by the one here."""
    place = folder / "probe"
    place.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "probe.py", place)
    return [place]


@dataclass(frozen=True, slots=True)
class World:
    """What a function finds around it, and how many items it is to write with each event."""

    root: Path
    events: list[Path]
    environment: dict[str, str]
    tables: AgreeableTables
    rows: int


@contextmanager
def world(folder: Path, seed: int) -> Iterator[World]:
    """Give two small files in a bucket, the events about them, and the endpoints."""
    root, rows = folder / "function", 0
    root.mkdir()
    shutil.copy(ROOT / "loadtest/feeds.toml", root / FEEDS_FILE)
    bucket = folder / "landing/mixed"
    bucket.mkdir(parents=True)
    events = []
    for number in (1, 2):
        portions = list(mixed(total_bytes=FILE_BYTES, seed=seed, quoted=False))
        rows = sum(portion.rows for portion in portions)
        (bucket / f"{number}.csv").write_bytes(b"".join(portion.data for portion in portions))
        events.append(folder / f"{number}.json")
        events[-1].write_text(json.dumps(_event(f"mixed/{number}.csv", number)))
    with ObjectServer(folder) as objects, AgreeableTables() as tables:
        yield World(root, events, _environment(objects.url, tables.url), tables, rows)


def measure(code: Code, around: World, repeat: int) -> Started:
    """Return what cold starts took.

    Raises:
        RuntimeError: the handler failed, or did not write exactly the files' rows.
    """
    _moments(code, around)  # the files' first way from disk is not measured
    runs = [_moments(code, around) for _ in range(repeat)]
    clock, cpu = (
        {step: spread(run[end][at] - run[begin][at] for run in runs) for step, (begin, end) in STEPS.items()}
        for at in (0, 1)
    )
    _, logged = _run(code, around, "-X", "importtime")
    return Started(code.name, clock, cpu, seconds_by_package(logged, standard=frozenset(sys.stdlib_module_names)))


Moments = dict[str, tuple[float, float]]  # by the clock and of CPU


def _moments(code: Code, around: World) -> Moments:
    before, begun = around.tables.items, time.monotonic()
    output, _ = _run(code, around)
    if around.tables.items - before != len(around.events) * around.rows:
        raise RuntimeError(f"the handler wrote {around.tables.items - before} items of {2 * around.rows}")
    moments: Moments = json.loads(output.splitlines()[-1])
    return {"begun": (begun, 0.0), **moments}


def _run(code: Code, around: World, *flags: str) -> tuple[str, str]:
    """Return what a probe printed and what it logged."""
    probe = ["-m", "loadtest.bench.cold_start.probe"] if code.path == [ROOT] else [str(code.path[-1] / "probe.py")]
    command = [sys.executable, *code.flags, *flags, *probe, str(around.root), *map(str, around.events)]
    path = os.pathsep.join(map(str, code.path))
    with _one_core():
        process = subprocess.Popen(
            command,
            env={**around.environment, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    output, logged = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(f"the handler failed: {output[-2000:]}\n{logged[-2000:]}")
    return output, logged


@contextmanager
def _one_core() -> Iterator[None]:
    """Let what is started meanwhile run on one core only; a process inherits that from the thread that starts it."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _environment(s3: str, dynamodb: str) -> dict[str, str]:
    return {
        "PATH": os.defpath,
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL_S3": s3,
        "AWS_ENDPOINT_URL_DYNAMODB": dynamodb,
        "AWS_ENDPOINT_URL_SQS": dynamodb,
        "AWS_ENDPOINT_URL_EVENTBRIDGE": dynamodb,
        Env.QUEUE_URL: f"{dynamodb}/queue",
        Env.DEAD_LETTER_URL: f"{dynamodb}/dead",
        Env.LEDGER_TABLE: "Ledger",
        Env.REJECTS_BUCKET: "rejects",
        Env.RETRY_BASE_S: "1",
        Env.RETRY_CAP_S: "60",
        Env.LEASE_S: "60",
        Env.CHECKPOINT_S: "5",
        Env.STOP_BEFORE_END_S: "45",
        Env.SEGMENT_BYTES: str(64 * 1024 * 1024),
        Env.STUCK_S: "3600",
        Env.LANDING_BUCKET: "landing",
        Env.STACK: "loadtest",
    }


def _event(key: str, number: int) -> dict[str, Any]:
    """Return what Lambda gets from the queue for a new object."""
    sequencer = f"0066F2A1B3C4D5E6{number:02d}"
    record = {
        "messageId": f"message-{number}",
        "receiptHandle": "handle",
        "body": s3_notification("landing", key, sequencer=sequencer),
        "attributes": {"ApproximateReceiveCount": "1"},
    }
    return {"Records": [record]}
