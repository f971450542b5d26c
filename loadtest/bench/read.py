"""`python -m loadtest bench read`: speed and peak memory of several CSV readers on the same local files."""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from loadtest.bench.measuring import Case, Document, Goal, checked, finish, measure, printed, show
from loadtest.bench.surroundings import LINE_BREAKS, MB, QUOTE_FREE, Sample, ingest, samples
from loadtest.harness.process import ProcessResult

INGEST, CHECK, PYARROW = "ingest", "ingest check", "bare pyarrow"
READERS = {INGEST: "ingest", CHECK: "", "csv.DictReader": "csv", PYARROW: "pyarrow"}
KINDS = {"quote-free": QUOTE_FREE, "fully quoted": LINE_BREAKS}
SHARES = {"quote-free": 0.6, "fully quoted": 0.3}  # of bare pyarrow's rows per CPU-second
GROWTH = 1.1  # factor of peak memory from the smallest file to the largest

OPTIONS = {
    "megabytes": ({"type": int, "action": "append"}, "file size; repeat (default 100 and 400)"),
    "repeat": (3, "how often each reader reads each file"),
}


def run(arguments: argparse.Namespace) -> None:
    readings = []
    for kind in SHARES:
        for megabytes in arguments.megabytes or [100, 400]:
            readings += read(kind, megabytes * MB, arguments)
    finish(arguments, judge(readings), {"readings": readings})


def read(kind: str, total_bytes: int, arguments: argparse.Namespace) -> list[Document]:
    """Return the time and memory that each reader took for a file of a kind and size."""
    fields = ("reader", "kind", "file_bytes", "rows_per_cpu_second", "peak_resident_bytes")
    with tempfile.TemporaryDirectory() as folder:
        files = samples(Path(folder), total_bytes, arguments.seed, kind=KINDS[kind])
        cases = [Case(partial(command, reader, kind), *files, {"reader": reader, "kind": kind}) for reader in READERS]
        return [show(found, *fields) for found in measure(cases, arguments.repeat, checked(_found_all))]


def command(reader: str, kind: str, sample: Sample) -> list[str]:
    """Return the command by which a reader reads a file of a kind; it prints the file's number of rows."""
    if reader == CHECK:
        return ingest("check", str(sample.path), sample.shape)
    allows = "-line-breaks" if reader == PYARROW and KINDS[kind] == LINE_BREAKS else ""
    return [sys.executable, "-m", "loadtest.bench.peers", f"{READERS[reader]}{allows}", str(sample.path)]


def _found_all(ran: ProcessResult, sample: Sample) -> Document | None:
    found = printed(ran)
    return {} if found.get("rows", found.get("rows_written")) == sample.rows else None


def judge(readings: list[Document]) -> Iterator[Goal]:
    """Yield each goal: speed on the largest file of a kind, memory between the smallest and the largest."""
    for kind, share in SHARES.items():
        ours, bare = (
            _by_size(readings, reader, kind)[-1]["rows_per_cpu_second"]["median"] for reader in (INGEST, PYARROW)
        )
        yield Goal(f"ingest's share of bare pyarrow's rows per CPU second, {kind}", ours / bare, share)
        for reader in (INGEST, CHECK):
            peaks = [reading["peak_resident_bytes"]["median"] for reading in _by_size(readings, reader, kind)]
            yield Goal(f"growth of {reader}'s peak memory with the file, {kind}", peaks[-1] / peaks[0], at_most=GROWTH)


def _by_size(readings: list[Document], reader: str, kind: str) -> list[Document]:
    found = [reading for reading in readings if (reading["reader"], reading["kind"]) == (reader, kind)]
    return sorted(found, key=lambda reading: int(reading["file_bytes"]))
