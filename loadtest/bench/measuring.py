"""Compare parties, in turns and each in its own process: the cost of a file, less that of a file with no rows."""

import argparse
import json
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.bench.surroundings import MB, ROOT, Sample, environment
from loadtest.harness import process
from loadtest.harness.process import ProcessResult
from loadtest.harness.results import origin, write_document


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and its lower or upper bound."""

    what: str
    found: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its bound."""
        return self.found >= (self.at_least or 0) and (self.at_most is None or self.found <= self.at_most)

    @property
    def bound(self) -> str:
        """The bound in words."""
        return f"at least {self.at_least:,.6g}" if self.at_most is None else f"at most {self.at_most:,.6g}"

    def __str__(self) -> str:
        return f"{'met   ' if self.is_met else 'MISSED'} {self.found:,.3f}, {self.bound}: {self.what}"

    def document(self) -> dict[str, object]:
        """Return the goal as a JSON document."""
        bound = {"at_least": self.at_least} if self.at_most is None else {"at_most": self.at_most}
        return {"what": self.what, "found": round(self.found, 3), **bound, "is_met": self.is_met}


def figure(document: Mapping[str, Any], path: str) -> Any:
    """Return a figure by its dotted path, as `event_to_visible_s.p99`; None if there is none."""
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return the median, minimum and maximum of some values.

    >>> spread([3, 1, 2])
    {'median': 2, 'min': 1, 'max': 3}
    """
    found = [round(value, 3) for value in values]
    return {"median": statistics.median(found), "min": min(found), "max": max(found)}


Document = dict[str, Any]  # a JSON document
_TIMES = {"cpu_seconds": "cpu_second", "seconds": "second"}
_LEAST_S = 1e-3  # lower limit for the time of a file beyond start-up


@dataclass(frozen=True, slots=True)
class Case:
    """A party's command for a file, that file, one with only a header, and more fields for the results."""

    command: Callable[[Sample], list[str]]
    sample: Sample
    empty: Sample
    about: Document = field(default_factory=dict)


Turn = tuple[ProcessResult, Mapping[str, float]]  # the result of one run, and the counts taken during it
Run = Callable[[list[str], Sample], Turn]  # runs a command for a file, and raises if its answer is wrong


def checked(check: Callable[[ProcessResult, Sample], Mapping[str, float] | None]) -> Run:
    """Return a `Run` without endpoints; `check` returns the counts, or None where the output is wrong."""

    def run(command: list[str], sample: Sample) -> Turn:
        ran = process.run(command, cwd=ROOT, env=environment())
        counted = check(ran, sample)
        if counted is None:
            answer = f"{sample.rows} rows, exit {ran.exit_code}, {ran.output[-500:]!r}"
            raise RuntimeError(f"{command[2:]} went wrong: {answer}")
        return ran, counted

    return run


def measure(cases: Sequence[Case], repeat: int, run: Run, *, unit: str = "rows") -> list[Document]:
    """Return the time and memory that each case took.

    Cases take turns, so that other load on the machine does not affect only one of them.
    """
    turns: list[tuple[list[Turn], list[Turn]]] = [([], []) for _ in cases]
    for _ in range(repeat):
        for case, (starts, loads) in zip(cases, turns, strict=True):
            starts.append(run(case.command(case.empty), case.empty))
            loads.append(run(case.command(case.sample), case.sample))
    return [_document(case, *taken, unit) for case, taken in zip(cases, turns, strict=True)]


def _document(case: Case, starts: list[Turn], loads: list[Turn], unit: str) -> Document:
    """Return what a case took. Rates exclude start-up unless their name says so; CPU is user and system time."""
    found: Document = {**case.about, "file_bytes": case.sample.file_bytes, "rows": case.sample.rows}
    amount = case.sample.rows if unit == "rows" else case.sample.file_bytes / MB
    for name, rate in _TIMES.items():
        seconds = [getattr(ran, name) for ran, _ in loads]
        start_up = statistics.median(getattr(ran, name) for ran, _ in starts)
        net = [max(taken - start_up, _LEAST_S) for taken in seconds]
        found[f"{unit}_per_{rate}"] = spread(amount / taken for taken in net)
        found[f"{unit}_per_{rate}_with_start_up"] = spread(amount / taken for taken in seconds)
        found[name] = spread(seconds)
        found[f"start_up_{name}"] = round(start_up, 3)
    peak = spread(ran.peak_resident_bytes for ran, _ in loads)
    counted = {name: max(counted[name] for _, counted in loads) for name in loads[0][1]}
    return {**found, "peak_resident_bytes": peak, **counted}


def printed(ran: ProcessResult) -> Document:
    """Return what a process printed as JSON; an empty document where it printed none."""
    try:
        found: Document = json.loads(ran.output)
    except ValueError:
        return {}
    return found


def show(measured: Document, *fields: str) -> Document:
    """Print some fields of a measurement in one line, spreads as `median (min - max)`; return the measurement."""
    print("; ".join(f"{field.replace('_', ' ')} {_shown(measured[field])}" for field in fields), flush=True)
    return measured


def _shown(value: Any) -> str:
    """Return a value in words.

    >>> _shown({"median": 1500, "min": 1400.25, "max": 1600}), _shown({"PutItem": 0.125})
    ('1,500 (1,400 - 1,600)', 'PutItem 0.125')
    """
    if isinstance(value, dict):
        if "median" in value:
            return f"{_shown(value['median'])} ({_shown(value['min'])} - {_shown(value['max'])})"
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def finish(arguments: argparse.Namespace, goals: Iterable[Goal], figures: Document) -> None:
    """Print the goals; write them and the figures, with the command that repeats the measurement."""
    judged = list(goals)
    print(*judged, sep="\n")
    goals_document: Document = {"goals": [goal.document() for goal in judged]}
    write_document(arguments.out, origin(seed=arguments.seed) | goals_document | figures)
