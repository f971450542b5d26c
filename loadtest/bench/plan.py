"""How fast a large file is cut into segments: MB per CPU-second of a process of its own, the file read from disk."""

import json
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from loadtest.bench.goals import Goal, Spread, spread
from loadtest.bench.mixed import mixed
from loadtest.harness.process import ProcessResult, run

HERE = Path(__file__).parent.parent
MB = 1_000_000
COMMAND = [sys.executable, "-m", "loadtest.bench.readers.ingest_plan"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file, and how many MB of it a CPU-second is to plan at least."""

    name: str
    quoted: bool
    line_breaks: bool
    goal: float


KINDS = (
    Kind("quote-free", quoted=False, line_breaks=False, goal=400),
    Kind("quoted", quoted=True, line_breaks=False, goal=150),
    Kind("quoted, line breaks", quoted=True, line_breaks=True, goal=150),
)


@dataclass(frozen=True, slots=True)
class Planning:
    """What planning took for one file. Rates are without start-up, but for the one that says so."""

    kind: str
    file_bytes: int
    segments: int
    mb_per_cpu_second: Spread
    mb_per_cpu_second_with_start_up: Spread
    cpu_seconds: Spread
    start_up_cpu_seconds: float
    seconds: Spread
    peak_resident_bytes: Spread


@dataclass(frozen=True, slots=True)
class PlanSample:
    """A file to plan: its size, and how many physical lines it has."""

    path: Path
    file_bytes: int
    lines: int


def measure(*, megabytes: int, repeat: int, seed: int, command: list[str] = COMMAND) -> list[Planning]:
    """Return what planning took for a file of each kind.

    Raises:
        RuntimeError: it failed, or a segment does not begin where a row does, or the next one ended elsewhere.
    """
    with tempfile.TemporaryDirectory() as folder:
        return [_planning(kind, Path(folder), megabytes, repeat, seed, command) for kind in KINDS]


def judge(plannings: list[Planning]) -> Iterator[Goal]:
    """Yield the goal of each kind."""
    goals = {kind.name: kind.goal for kind in KINDS}
    for planning in plannings:
        what = f"MB planned per CPU-second, {planning.kind}"
        yield Goal(what, planning.mb_per_cpu_second.median, at_least=goals[planning.kind])
        yield Goal(f"{what}, with start-up", planning.mb_per_cpu_second_with_start_up.median, goals[planning.kind])


def _planning(kind: Kind, folder: Path, megabytes: int, repeat: int, seed: int, command: list[str]) -> Planning:
    empty, sample = (_write(folder / f"{size}.csv", kind, size * MB, seed) for size in (0, megabytes))
    start_up = statistics.median(plan_once(command, empty)[0].cpu_seconds for _ in range(repeat))
    runs = [plan_once(command, sample) for _ in range(repeat)]
    sample.path.unlink()
    size = sample.file_bytes / MB
    taken = [ran for ran, _ in runs]
    return Planning(
        kind=kind.name,
        file_bytes=sample.file_bytes,
        segments=runs[0][1],
        mb_per_cpu_second=spread(size / max(ran.cpu_seconds - start_up, 1e-3) for ran in taken),
        mb_per_cpu_second_with_start_up=spread(size / ran.cpu_seconds for ran in taken),
        cpu_seconds=spread(ran.cpu_seconds for ran in taken),
        start_up_cpu_seconds=start_up,
        seconds=spread(ran.seconds for ran in taken),
        peak_resident_bytes=spread(ran.peak_resident_bytes for ran in taken),
    )


def _write(path: Path, kind: Kind, total_bytes: int, seed: int) -> PlanSample:
    lines = 0
    with path.open("wb") as file:
        portions = mixed(total_bytes=total_bytes, seed=seed, quoted=kind.quoted, line_breaks=kind.line_breaks)
        for portion in portions:
            file.write(portion.data)
            lines += portion.data.count(b"\n")  # a CR stands only before one
    return PlanSample(path, path.stat().st_size, lines)


def plan_once(command: list[str], sample: PlanSample) -> tuple[ProcessResult, int]:
    """Return what planning a file took, and how many segments it found."""
    ran = run([*command, str(sample.path)], cwd=HERE.parent)
    printed = json.loads(ran.output) if ran.exit_code == 0 else {}
    if not printed or not _is_right(printed["segments"], sample) or printed["lines"] != sample.lines:
        raise RuntimeError(f"planning went wrong: {sample}; exit {ran.exit_code}, {ran.output!r}")
    return ran, len(printed["segments"])


def _is_right(segments: list[list[int]], sample: PlanSample) -> bool:
    """Return whether the segments cover the rows, and each begins with a row's id, which stands nowhere else."""
    with sample.path.open("rb") as file:
        at = len(file.readline())
        for start, end in segments:
            file.seek(at)
            if start != at or not file.read(3).removeprefix(b'"').startswith(b"M-"):
                return False
            at = end
    return at == sample.file_bytes
