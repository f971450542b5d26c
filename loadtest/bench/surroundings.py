"""What a measured process needs: the files of a bench, endpoints in their own processes, environment variables.

Files are made by `loadtest.workload`: of 5, 10 or 40 columns, plain or fully quoted.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import msgspec

from loadtest.simulator import Settings
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS, RECIPES = (Path(__file__).parents[1] / name for name in ("feeds.toml", "workload/recipes"))
BUCKET = "bench"
MB = 1_000_000
SHAPES = ("narrow", "mixed", "wide")  # 51, 110 and 924 bytes a row; each is the feed of that name
# The last two have recipes of their own.
QUOTE_FREE, QUOTED, LINE_BREAKS = "quote-free", "quoted", "quoted, line breaks"
KEY = rb'"?00000-[0-9]'  # begins each row, and occurs nowhere within one


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of a bench, in a folder that represents a bucket."""

    path: Path
    shape: str
    file_bytes: int
    rows: int

    @property
    def key(self) -> str:
        """Its key in the bucket; the prefix is that of its feed."""
        return f"{self.shape}/{self.path.name}"

    @property
    def url(self) -> str:
        """The URL of its object on an S3 endpoint that serves the folder."""
        return f"s3://{BUCKET}/{self.key}"


def generation(
    total_bytes: int, seed: int, *, shape: str = "mixed", kind: str = QUOTE_FREE, rows: int = 0, **more: str
) -> Generation:
    """Return a file; iterate it for its bytes. It has at most `total_bytes`, or, with 0, a header and `rows` rows.

    `more` overrides fields of its recipe.
    """
    recipe = RECIPES / f"{shape if kind == QUOTE_FREE else _in_path(kind)}.toml"
    fields = tomllib.loads(recipe.read_text(encoding="utf-8")) | {"size": total_bytes or None, "seed": seed, **more}
    return Generation(recipe_of(FEEDS, fields.pop("feed"), rows=None if total_bytes else rows, **fields))


def write_sample(folder: Path, total_bytes: int, seed: int, *, rows: int = 0, **which: Any) -> Sample:
    """Write a file to the bucket in a folder; return it."""
    made, shape = generation(total_bytes, seed, rows=rows, **which), which.get("shape", "mixed")
    path = folder / BUCKET / shape / f"{_in_path('-'.join([*which.values(), str(total_bytes or rows)]))}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(made)
    return Sample(path, shape, path.stat().st_size, made.known_outcome.rows)


def _in_path(kind: str) -> str:
    return kind.replace(",", "").replace(" ", "-")


def samples(folder: Path, total_bytes: int, seed: int, *, rows: int = 0, **which: Any) -> tuple[Sample, Sample]:
    """Write a file, and one with only its header; return both."""
    return write_sample(folder, total_bytes, seed, rows=rows, **which), write_sample(folder, 0, seed, **which)


ROOT = Path(__file__).parents[2]


class EndpointProcess:
    """`python -m loadtest simulator` or `s3-server` during a `with` block; then it has `statistics`."""

    def __init__(self, *arguments: str, tls: bool = False) -> None:
        self._command = [sys.executable, "-m", "loadtest", *arguments]
        self._is_tls = tls
        self.statistics: dict[str, Any] = {}

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
        self.url = self._line()
        self.ca_file = Path(self._line()) if self._is_tls else None
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self.statistics = json.loads(self._process.communicate(timeout=60)[0])

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise RuntimeError(f"an endpoint did not start: exit code {self._process.wait()}")
        return line


def simulator(**settings: Any) -> EndpointProcess:
    """Return a simulator with these settings (`loadtest.simulator.Settings`)."""
    made = Settings(**settings)
    return EndpointProcess("simulator", msgspec.json.encode(made).decode(), tls=made.tls)


def environment(**endpoints: str) -> dict[str, str]:
    """Return the environment that points AWS clients to these endpoints; it has no other setting for them.

    A shell's PYTHONDONTWRITEBYTECODE is removed: with it each start compiles all its modules, unlike a user's.
    """
    others = re.compile(r"AWS_.*|.*_proxy|PYTHONDONTWRITEBYTECODE", re.IGNORECASE)
    found = {name: value for name, value in os.environ.items() if not others.fullmatch(name)}
    found |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true"}
    found |= {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1", "AWS_CONFIG_FILE": os.devnull}
    found |= {"AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONPATH": str(ROOT)}
    return found | {f"AWS_ENDPOINT_URL_{name.upper()}": url for name, url in endpoints.items()}


def trusting(folder: Path, *endpoints: EndpointProcess) -> dict[str, str]:
    """Return the variables that make a process trust the endpoints' certificates, if they have any."""
    authorities = [endpoint.ca_file.read_text() for endpoint in endpoints if endpoint.ca_file]
    (folder / "ca.pem").write_text("".join(authorities))
    return {"AWS_CA_BUNDLE": str(folder / "ca.pem")} if authorities else {}


def ingest(command: str, target: str, feed: str, feeds: Path = FEEDS) -> list[str]:
    """Return a command line of the product for a target and a feed of the load tests; it prints JSON."""
    return [sys.executable, "-m", "ingest", command, target, "--feeds", str(feeds), "--feed", feed, "--json"]


def load_all(files: list[Path], *, feed: str, simulator: EndpointProcess, feeds: Path = FEEDS) -> list[dict[str, Any]]:
    """Load files at the same time, each by `ingest load` in a process of its own; return their row counts."""
    env = environment(dynamodb=simulator.url)
    cwd, commands = files[0].parent, [ingest("load", str(file), feed, feeds) for file in files]
    loads = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd, env=env) for command in commands]
    outputs = [load.communicate()[0] for load in loads]
    if any(load.returncode for load in loads):
        raise RuntimeError(f"ingest load failed: {outputs}")
    return [json.loads(output) for output in outputs]
