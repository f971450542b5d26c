"""Whether `ingest check` stays bounded on malformed files: in time, in memory, and without losing data silently."""

import json
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench.hostile_files import HostileCase, cases
from loadtest.harness.process import ProcessResult, run

HERE = Path(__file__).parent.parent
MB = 1_000_000
CHECKED = (0, 1)  # exit codes of `ingest check` with which row counts are printed
BUG = 70


@dataclass(frozen=True, slots=True)
class Limits:
    """What no case may pass."""

    seconds: float  # of CPU, as `loadtest.harness.process.run` has it
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one file: `row_counts` and `reasons` if it was read to its end; else `error`."""

    case: str
    file_bytes: int
    exit_code: int | None  # None: stopped at the time limit
    error: str | None
    reasons: dict[str, int]
    row_counts: dict[str, int]
    bytes_accounted: bool | None  # None: does not apply
    seconds: float
    cpu_seconds: float
    peak_resident_bytes: int
    problems: list[str]

    def answer(self) -> str:
        """Return what `ingest check` said, and what is wrong with that, as one line."""
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.reasons.items())
        counted = f"{self.row_counts['rows_written']:,} written, {reasons or 'no rejects'}" if self.row_counts else ""
        return "; ".join(filter(None, [self.error, counted, *(f"PROBLEM: {problem}" for problem in self.problems)]))


def measure(*, total_bytes: int, seed: int, limits: Limits, names: list[str] | None = None) -> Iterator[Outcome]:
    """Yield the outcome of each case, or of each case named."""
    for case in cases():
        if names is not None and case.name not in names:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "hostile.csv"
            with path.open("wb") as file:
                file.writelines(case.make(total_bytes, random.Random(seed)))
            ran = run(_check(path, case.feed), cwd=HERE.parent, time_limit_s=limits.seconds)
            yield _outcome(case, path.stat().st_size, ran, limits)


def _check(path: Path, feed: str) -> list[str]:
    ingest = [sys.executable, "-m", "ingest"]
    return [*ingest, "check", str(path), "--feeds", str(HERE / "feeds.toml"), "--feed", feed, "--json"]


def _outcome(case: HostileCase, file_bytes: int, ran: ProcessResult, limits: Limits) -> Outcome:
    printed = _reported(ran)
    error = printed.get("error", {}).get("code")
    row_counts = {name: count for name, count in printed.items() if name.startswith("rows_") or name == "bytes"}
    accounted = row_counts["bytes"] == file_bytes if row_counts and not case.is_compressed else None
    return Outcome(
        case=case.name,
        file_bytes=file_bytes,
        exit_code=ran.exit_code,
        error=error,
        reasons=printed.get("reasons", {}),
        row_counts=row_counts,
        bytes_accounted=accounted,
        seconds=round(ran.seconds, 2),
        cpu_seconds=round(ran.cpu_seconds, 2),
        peak_resident_bytes=ran.peak_resident_bytes,
        problems=[*_last_error(ran, limits), *_untrue(case, error, row_counts, accounted)],
    )


def _reported(ran: ProcessResult) -> dict[str, Any]:
    """Return what `ingest check` printed; nothing where it did not come so far."""
    try:
        printed: dict[str, Any] = json.loads(ran.output)
    except ValueError:
        return {}
    return printed


def _last_error(ran: ProcessResult, limits: Limits) -> Iterator[str]:
    if ran.exit_code is None:
        yield f"not done after {limits.seconds:g} CPU seconds"
    elif ran.exit_code == BUG or ran.exit_code < 0:
        yield f"crashed with exit code {ran.exit_code}"
    elif not _reported(ran):
        yield f"exit code {ran.exit_code} without an answer"
    if ran.peak_resident_bytes > limits.peak_bytes:
        yield f"took {ran.peak_resident_bytes / MB:.0f} MB, more than {limits.peak_bytes / MB:.0f} MB"


def _untrue(case: HostileCase, error: str | None, row_counts: dict[str, int], accounted: bool | None) -> Iterator[str]:
    if case.error and error != case.error:
        yield f"answered {error} instead of {case.error}"
    if accounted is False:
        yield "the row counts do not account for each byte of the file"
    if row_counts and row_counts["rows_read"] != sum(
        row_counts[f"rows_{end}"] for end in ("written", "rejected", "superseded")
    ):
        yield "the row counts do not reconcile"
