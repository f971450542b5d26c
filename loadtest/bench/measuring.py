"""Parties side by side, in turns, each in a process of its own: what a file takes, less what an empty one takes."""

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from loadtest.bench.files import MB, Sample
from loadtest.bench.goals import spread
from loadtest.harness.process import ProcessResult

Document = dict[str, Any]  # as JSON takes it
_TIMES = {"cpu_seconds": "cpu_second", "user_seconds": "user_second", "seconds": "second"}
_LEAST_S = 1e-3  # what a file takes beyond the start-up is never less


@dataclass(frozen=True, slots=True)
class Case:
    """A party's command for a file, that file and one that is a header alone, and what else the results say of it."""

    command: Callable[[Sample], list[str]]
    sample: Sample
    empty: Sample
    about: Document = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one run took, and what was counted meanwhile."""

    ran: ProcessResult
    counted: dict[str, float] = field(default_factory=dict)


def measure(
    cases: Sequence[Case], repeat: int, run: Callable[[list[str], int], Turn], *, unit: str = "rows"
) -> list[Document]:
    """Return what each case took; `run` runs a command and checks that it found as many rows as it is given.

    Cases take turns, so that a noisy moment does not hit one alone.
    """
    turns: list[tuple[list[Turn], list[Turn]]] = [([], []) for _ in cases]
    for _ in range(repeat):
        for case, (starts, loads) in zip(cases, turns, strict=True):
            starts.append(run(case.command(case.empty), 0))
            loads.append(run(case.command(case.sample), case.sample.rows))
    return [_document(case, *taken, unit) for case, taken in zip(cases, turns, strict=True)]


def _document(case: Case, starts: list[Turn], loads: list[Turn], unit: str) -> Document:
    """Return what a case took. Rates are without start-up but for those that say so; CPU is user and system time."""
    found: Document = {**case.about, "file_bytes": case.sample.file_bytes, "rows": case.sample.rows}
    amount = case.sample.rows if unit == "rows" else case.sample.file_bytes / MB
    for name, rate in _TIMES.items():
        seconds = [getattr(turn.ran, name) for turn in loads]
        start_up = statistics.median(getattr(turn.ran, name) for turn in starts)
        net = [max(taken - start_up, _LEAST_S) for taken in seconds]
        found[f"{unit}_per_{rate}"] = asdict(spread(amount / taken for taken in net))
        found[f"{unit}_per_{rate}_with_start_up"] = asdict(spread(amount / taken for taken in seconds))
        found[name] = asdict(spread(seconds))
        found[f"start_up_{name}"] = round(start_up, 3)
    peak = asdict(spread(turn.ran.peak_resident_bytes for turn in loads))
    counted = {name: max(turn.counted[name] for turn in loads) for name in loads[0].counted}
    return {**found, "peak_resident_bytes": peak, **counted}


def printed(ran: ProcessResult) -> Document:
    """Return what a process printed as JSON; nothing where it did not come so far."""
    try:
        found: Document = json.loads(ran.output)
    except ValueError:
        return {}
    return found
