"""`python -m loadtest bench plan`: how fast a large file on disk is split into segments, in MB per CPU-second."""

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtest.bench.measuring import Case, Document, Goal, checked, finish, measure, printed, show
from loadtest.bench.surroundings import KEY, LINE_BREAKS, MB, QUOTE_FREE, QUOTED, Sample, samples
from loadtest.harness.process import ProcessResult

COMMAND = (sys.executable, "-m", "loadtest.bench.peers", "plan")
GOALS = {QUOTE_FREE: 400, QUOTED: 150, LINE_BREAKS: 150}  # MB per CPU-second at least

OPTIONS = {"megabytes": (1000, "size of each file"), "repeat": (3, "how often each file is planned")}


def run(arguments: argparse.Namespace) -> None:
    plannings = [plan(kind, arguments.megabytes * MB, arguments.repeat, arguments.seed) for kind in GOALS]
    finish(arguments, judge(plannings), {"plannings": plannings})


def plan(kind: str, total_bytes: int, repeat: int, seed: int, command: tuple[str, ...] = COMMAND) -> Document:
    """Return the time and memory that planning took for a kind of file."""
    with tempfile.TemporaryDirectory() as folder:
        files = samples(Path(folder), total_bytes, seed, kind=kind)
        case = Case(lambda sample: [*command, str(sample.path)], *files, {"kind": kind})
        [found] = measure([case], repeat, checked(segments_found), unit="mb")
    return show(found, "kind", "file_bytes", "segments", "mb_per_cpu_second", "peak_resident_bytes")


def segments_found(ran: ProcessResult, sample: Sample) -> Document | None:
    """Return the number of segments, or None unless they cover all rows and each begins with a row's key.

    Keys occur only at the beginning of a row; physical lines end with a line feed.
    """
    found = printed(ran)
    with sample.path.open("rb") as file:
        lines, at = sum(1 for _ in file), file.seek(0) + len(file.readline())
        for start, end in found.get("segments", []):
            file.seek(at)
            if start != at or not re.match(KEY, file.read(16)):
                return None
            at = end
        is_right = found.get("lines") == lines and at == file.seek(0, os.SEEK_END)
    return {"segments": len(found["segments"])} if is_right else None


def judge(plannings: list[Document]) -> Iterator[Goal]:
    for planning in plannings:
        what = f"MB planned per CPU-second, {planning['kind']}"
        for field, addition in (("mb_per_cpu_second", ""), ("mb_per_cpu_second_with_start_up", ", with start-up")):
            yield Goal(f"{what}{addition}", planning[field]["median"], at_least=GOALS[planning["kind"]])
