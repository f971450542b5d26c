"""Readers side by side on the same local files: rows per CPU-second and peak memory, each in a process of its own."""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.goals import Goal, NotMeasuredError, Spread, spread
from loadtest.bench.mixed import mixed
from loadtest.harness.process import ProcessResult, run

HERE = Path(__file__).parent.parent
MB = 1_000_000
START_UP = "start-up"  # a file without any row
KINDS = {"quote-free": False, "fully quoted": True}


@dataclass(frozen=True, slots=True)
class ReadSample:
    """A file of the benchmark."""

    path: Path
    kind: str
    file_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What one reader took for one file. Rates are without start-up, but for the one that says so.

    CPU is user and system time. A reader that keeps the whole file pays the system for that memory; user time alone
    shows what its own code took.
    """

    reader: str
    kind: str
    file_bytes: int
    rows: int
    rows_per_cpu_second: Spread
    rows_per_cpu_second_with_start_up: Spread
    rows_per_user_second: Spread
    cpu_seconds: Spread
    start_up_cpu_seconds: float
    seconds: Spread
    peak_resident_bytes: Spread


def readers(pandas_python: str) -> dict[str, list[str]]:
    """Return the readers by name: commands that take a file and print how many rows it has."""
    module = [sys.executable, "-m"]
    check = [*module, "ingest", "check", "--feeds", str(HERE / "feeds.toml"), "--feed", "mixed", "--json"]
    return {
        "ingest": [*module, "loadtest.bench.readers.ingest_columns"],
        "ingest check": check,
        "csv.DictReader": [*module, "loadtest.bench.readers.csv_dictreader"],
        "pandas chunks": [pandas_python, "-m", "loadtest.bench.readers.pandas_chunks"],
        "bare pyarrow": [*module, "loadtest.bench.readers.pyarrow_whole"],
    }


def measure(
    *, megabytes: list[int], repeat: int, seed: int, pandas_python: str = sys.executable
) -> tuple[list[Reading], dict[str, str]]:
    """Return what each reader took for each file, and the readers that are not installed.

    Raises:
        RuntimeError: a reader failed or lost a row.
    """
    commands, missing = readers(pandas_python), {}
    with tempfile.TemporaryDirectory() as folder:
        empty = _write(Path(folder), START_UP, 0, seed)
        for name in list(commands):
            try:
                _read(name, commands[name], empty)
            except NotMeasuredError as error:
                missing[name] = str(error)
                del commands[name]
        samples = [_write(Path(folder), kind, size * MB, seed) for kind in KINDS for size in megabytes]
        runs = _alternate(commands, [empty, *samples], repeat)
    return [_reading(name, sample, runs, empty) for sample in samples for name in commands], missing


def _write(folder: Path, kind: str, total_bytes: int, seed: int) -> ReadSample:
    path, rows = folder / f"{kind}-{total_bytes}.csv", 0
    with path.open("wb") as file:
        for portion in mixed(total_bytes=total_bytes, seed=seed, quoted=KINDS.get(kind, False)):
            file.write(portion.data)
            rows += portion.rows
    return ReadSample(path, kind, path.stat().st_size, rows)


Runs = dict[tuple[str, Path], list[ProcessResult]]


def _alternate(commands: dict[str, list[str]], samples: list[ReadSample], repeat: int) -> Runs:
    """Return each reader's runs by file. Readers take turns, so that a noisy moment does not hit one alone."""
    runs: Runs = {}
    for sample in samples:
        for _ in range(repeat):
            for name, command in commands.items():
                runs.setdefault((name, sample.path), []).append(_read(name, command, sample))
    return runs


def _read(name: str, command: list[str], sample: ReadSample) -> ProcessResult:
    allow = ["--newlines"] if name == "bare pyarrow" and KINDS.get(sample.kind) else []
    ran = run([*command, str(sample.path), *allow], cwd=HERE.parent)
    printed = json.loads(ran.output) if ran.exit_code == 0 else {}
    if "not_measured" in printed:
        raise NotMeasuredError(printed["not_measured"])
    if printed.get("rows", printed.get("rows_written")) != sample.rows:
        raise RuntimeError(f"{name} lost rows: {sample.kind} has {sample.rows}; exit {ran.exit_code}, {ran.output!r}")
    return ran


def _reading(name: str, sample: ReadSample, runs: Runs, empty: ReadSample) -> Reading:
    taken = runs[name, sample.path]
    start_up = statistics.median(ran.cpu_seconds for ran in runs[name, empty.path])
    start_up_user = statistics.median(ran.user_seconds for ran in runs[name, empty.path])
    return Reading(
        reader=name,
        kind=sample.kind,
        file_bytes=sample.file_bytes,
        rows=sample.rows,
        rows_per_cpu_second=spread(sample.rows / max(ran.cpu_seconds - start_up, 1e-3) for ran in taken),
        rows_per_cpu_second_with_start_up=spread(sample.rows / ran.cpu_seconds for ran in taken),
        rows_per_user_second=spread(sample.rows / max(ran.user_seconds - start_up_user, 1e-3) for ran in taken),
        cpu_seconds=spread(ran.cpu_seconds for ran in taken),
        start_up_cpu_seconds=start_up,
        seconds=spread(ran.seconds for ran in taken),
        peak_resident_bytes=spread(ran.peak_resident_bytes for ran in taken),
    )


SHARES = {"quote-free": 0.6, "fully quoted": 0.3}  # of bare pyarrow's rows per CPU-second
GROWTH = 1.1  # of the peak, from the smallest file to the largest


def judge(readings: list[Reading]) -> Iterator[Goal]:
    """Yield each goal: speed on the largest file of a kind, memory between the smallest and the largest."""
    for kind, share in SHARES.items():
        ours = _by_size(readings, "ingest", kind)
        bare = _by_size(readings, "bare pyarrow", kind)
        found = ours[-1].rows_per_cpu_second.median / bare[-1].rows_per_cpu_second.median
        yield Goal(f"ingest's share of bare pyarrow's rows per CPU-second, {kind}", found, at_least=share)
        found = ours[-1].rows_per_user_second.median / bare[-1].rows_per_user_second.median
        yield Goal(f"the same share, user time alone, {kind}", found, at_least=share)
        for name in ("ingest", "ingest check"):
            peaks = [reading.peak_resident_bytes.median for reading in _by_size(readings, name, kind)]
            yield Goal(f"growth of {name}'s peak memory with the file, {kind}", peaks[-1] / peaks[0], at_most=GROWTH)


def _by_size(readings: list[Reading], reader: str, kind: str) -> list[Reading]:
    found = [reading for reading in readings if (reading.reader, reading.kind) == (reader, kind)]
    return sorted(found, key=lambda reading: reading.file_bytes)
