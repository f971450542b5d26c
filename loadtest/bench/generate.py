"""`python -m loadtest bench generate`: how fast files are generated when their bytes are discarded."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from loadtest.bench.measuring import Case, Document, Goal, checked, finish, measure, show
from loadtest.bench.surroundings import FEEDS, MB, RECIPES, Sample
from loadtest.harness.process import ProcessResult

MIXED = str(RECIPES / "mixed.toml")
COMMAND = (sys.executable, "-m", "loadtest", "generate", "--feeds", str(FEEDS), "--recipe", MIXED)
KINDS: dict[str, tuple[str, ...]] = {
    "clean": (),
    "quoted": ("--quoting", "all", "--defects", "quotes=0.3", "--defects", "line_breaks=0.1"),
    "defects": (
        *("--defects", "ragged_row=0.01", "--defects", "bad_number=0.01", "--defects", "bad_encoding=0.01"),
        *("--defects", "duplicates=0.05", "--defects", "blank_lines=0.01", "--defects", "record_too_long=0.0000005"),
    ),
    "clean, gzip": ("--compression", "gzip"),
}

OPTIONS = {"megabytes": (1000, "size of each file's text"), "repeat": (3, "how often each is measured")}


def run(arguments: argparse.Namespace) -> None:
    makings = [make(kind, arguments.megabytes * MB, arguments.repeat, arguments.seed) for kind in KINDS]
    finish(arguments, judge(makings), {"makings": makings})


def make(kind: str, total_bytes: int, repeat: int, seed: int) -> Document:
    """Return the time and memory that one kind of file took, and the peak memory for a tenth of its size."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known_outcome.json"
        whole, tenth, least = (Sample(path, "mixed", size, 0) for size in (total_bytes, total_bytes // 10, 1000))
        cases = [Case(partial(_command, kind, seed), sample, least, {"kind": kind}) for sample in (whole, tenth)]
        found, of_a_tenth = measure(cases, repeat, checked(_outcome), unit="mb")
    show(found, "kind", "text_bytes", "mb_per_cpu_second", "peak_resident_bytes")
    return {**found, "peak_resident_bytes_of_a_tenth": of_a_tenth["peak_resident_bytes"]}


def _command(kind: str, seed: int, sample: Sample) -> list[str]:
    options = ("--size", str(sample.file_bytes), "--seed", str(seed), "--out", "/dev/null")
    return [*COMMAND, *KINDS[kind], *options, "--expected", str(sample.path)]


def _outcome(ran: ProcessResult, sample: Sample) -> Document | None:
    outcome = {} if ran.exit_code else json.loads(sample.path.read_text())
    return {name: outcome[name] for name in ("rows", "text_bytes")} if outcome else None


def judge(makings: list[Document]) -> Iterator[Goal]:
    """Yield the goals: speed for clean files, constant memory for all."""
    for making in makings:
        if making["kind"] == "clean":
            yield Goal("MB generated per CPU-second, clean", making["mb_per_cpu_second"]["median"], at_least=200)
            found = making["mb_per_cpu_second_with_start_up"]["median"]
            yield Goal("MB generated per CPU-second, clean, with start-up", found, at_least=200)
        growth = making["peak_resident_bytes"]["median"] / making["peak_resident_bytes_of_a_tenth"]["median"]
        yield Goal(f"growth of the peak memory from a tenth of the file, {making['kind']}", growth, at_most=1.1)
