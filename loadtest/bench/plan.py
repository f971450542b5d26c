"""`python -m loadtest bench plan`: how fast a large file is cut into segments, in MB per CPU-second, read from disk."""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loadtest.bench.measuring import Case, Document, Goal, ResultTable, Turn, finish, measure, printed
from loadtest.bench.surroundings import KEY, LINE_BREAKS, MB, QUOTE_FREE, QUOTED, ROOT, samples
from loadtest.harness import process

COMMAND = (sys.executable, "-m", "loadtest.bench.peers", "plan")
GOALS = {QUOTE_FREE: 400, QUOTED: 150, LINE_BREAKS: 150}  # MB per CPU-second at least


OPTIONS = {"megabytes": (1000, "size of each file"), "repeat": (3, "how often each file is planned")}


def run(arguments: argparse.Namespace) -> None:
    rates = ("mb_per_cpu_second", "mb_per_cpu_second_with_start_up")
    table = ResultTable("kind", "file_bytes", "segments", *rates, "peak_resident_bytes", kind=19)
    of_all = arguments.megabytes * MB, arguments.repeat, arguments.seed
    plannings = [table.add(plan(kind, *of_all)) for kind in GOALS]
    finish(arguments, judge(plannings), {"plannings": plannings})


def plan(kind: str, total_bytes: int, repeat: int, seed: int, command: tuple[str, ...] = COMMAND) -> Document:
    """Return what planning took for a file of a kind."""
    with tempfile.TemporaryDirectory() as folder:
        files = samples(Path(folder), total_bytes, seed, kind=kind)
        case = Case(lambda sample: [*command, str(sample.path)], *files, {"kind": kind})
        [found] = measure([case], repeat, plan_once, unit="mb")
    return found


def plan_once(command: list[str], rows: int = 0) -> Turn:
    """Return what planning the file that a command ends with took, and how many segments were found."""
    path, ran = Path(command[-1]), process.run(command, cwd=ROOT)
    found = printed(ran)
    if not found or found["lines"] != _lines(path) or not _is_right(found["segments"], path):
        raise RuntimeError(f"planning went wrong: {path.name}; exit {ran.exit_code}, {ran.output!r}")
    return Turn(ran, {"segments": len(found["segments"])})


def _lines(path: Path) -> int:
    """Return how many physical lines a file has; a CR stands only before a line feed."""
    with path.open("rb") as file:
        return sum(portion.count(b"\n") for portion in iter(lambda: file.read(MB), b""))


def _is_right(segments: list[Any], path: Path) -> bool:
    """Return whether the segments cover the rows, and each begins with a row's key, which stands nowhere else."""
    with path.open("rb") as file:
        at = len(file.readline())
        for start, end in segments:
            file.seek(at)
            if start != at or not re.match(KEY, file.read(16)):
                return False
            at = end
    return bool(at == path.stat().st_size)


def judge(plannings: list[Document]) -> Iterator[Goal]:
    for planning in plannings:
        what = f"MB planned per CPU-second, {planning['kind']}"
        for field, addition in (("mb_per_cpu_second", ""), ("mb_per_cpu_second_with_start_up", ", with start-up")):
            yield Goal(f"{what}{addition}", planning[field]["median"], at_least=GOALS[planning["kind"]])
