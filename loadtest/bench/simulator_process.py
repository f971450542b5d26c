"""A simulator and loads into it, each a process of its own, so that neither takes the other's time."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent.parent
_CREDENTIALS = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass(slots=True)
class RunningSimulator:
    """A simulator by its URL; `statistics` are there once it has ended."""

    url: str
    statistics: dict[str, Any] = field(default_factory=dict)


@contextmanager
def running_simulator(*arguments: str) -> Iterator[RunningSimulator]:
    """Run `python -m loadtest simulator` with these arguments for the length of a `with` block."""
    command = [sys.executable, "-m", "loadtest", "simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent) as process:
        assert process.stdout is not None
        simulator = RunningSimulator(process.stdout.readline().strip())
        try:
            yield simulator
        finally:
            process.send_signal(signal.SIGTERM)
            output = process.stdout.read()
    simulator.statistics = json.loads(output)


def load_all(files: list[Path], *, feed: str, simulator: RunningSimulator) -> list[dict[str, Any]]:
    """Load files at the same time, each by `ingest load` in a process of its own; return their row counts.

    Raises:
        RuntimeError: a load failed.
    """
    environment = {**os.environ, **_CREDENTIALS, "AWS_ENDPOINT_URL_DYNAMODB": simulator.url}
    loads = [
        subprocess.Popen(_load(file, feed), stdout=subprocess.PIPE, text=True, cwd=HERE.parent, env=environment)
        for file in files
    ]
    outputs = [load.communicate()[0] for load in loads]
    if any(load.returncode for load in loads):
        raise RuntimeError(f"ingest load failed: {outputs}")
    return [json.loads(output) for output in outputs]


def _load(file: Path, feed: str) -> list[str]:
    command = [sys.executable, "-m", "ingest", "load", str(file), "--feed", feed, "--json"]
    return [*command, "--feeds", str(HERE / "feeds.toml"), "--rejects", str(file.with_suffix(".rejects.jsonl"))]
