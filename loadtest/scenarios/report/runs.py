"""A run's result as `python -m loadtest run` writes it: read back, checked, and said in a few lines."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.bench.measuring import Goal, figure

PARTS = ("scenario", "target", "check_result", "figures", "samples", "objectives", "files", "command")


class NotARun(ValueError):
    """A file that is not the result of a run; the message says which and why."""


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run. `document` is its JSON."""

    name: str  # unique among the runs of a report
    document: dict[str, Any]

    @property
    def title(self) -> str:
        """What was run, where, and how large."""
        scale = self.document.get("scale", 1)
        at_scale = "" if scale == 1 else f", scale {scale:g}"
        return f"{self.document['scenario']} on {self.document['target']}{at_scale}"

    @property
    def is_ok(self) -> bool:
        """Whether every row was found where it belongs."""
        return bool(self.document["check_result"]["ok"])

    @property
    def result(self) -> str:
        """The result in a word, and what it means."""
        return "GREEN: every row accounted for" if self.is_ok else "RED: not every row accounted for"

    def sentence(self) -> str:
        """Return what was expected and found."""
        rows, files = self.document["check_result"]["rows"], self.document["check_result"]["files"]
        return (
            f"{rows['found']:,} of {rows['expected']:,} rows found, {rows['lost']:,} lost, "
            f"{rows['doubled']:,} doubled, {rows['wrong']:,} wrong; "
            f"{files['complete']:,} of {files['expected']:,} files complete"
        )

    def goals(self) -> list[Goal]:
        """Return the objectives with what was found."""
        return [
            Goal(**{name: value for name, value in goal.items() if name != "is_met"})
            for goal in self.document["objectives"]
        ]

    def lines(self) -> Iterator[str]:
        """Yield the result, what is wrong, and the objectives."""
        yield f"{self.title}: {self.result}. {self.sentence()}."
        yield from (f"wrong: {problem}" for problem in self.document["check_result"]["problems"])
        for goal in self.goals():
            yield f"objective {'met' if goal.is_met else 'MISSED'}: {goal.what}: {goal.found:,.6g}, {goal.bound}"

    def rejected(self) -> list[tuple[str, ...]]:
        """Return each reason with the rejects that were expected and found."""
        sides = [self.figure(f"check_result.rejected.{side}") or {} for side in ("expected", "found")]
        return [(reason, *(f"{side.get(reason, 0):,}" for side in sides)) for reason in sorted({*sides[0], *sides[1]})]

    def series(self, name: str) -> list[float]:
        """Return one value for each second, NaN where nothing was measured; empty if it never was."""
        values: Sequence[float | None] = self.document["samples"].get(name) or []
        known = [math.nan if value is None else float(value) for value in values]
        return [] if all(math.isnan(value) for value in known) else known

    def figure(self, path: str) -> Any:
        """Return a figure by its dotted path, as `figures.event_to_visible_s.p99`; None if there is none."""
        return figure(self.document, path)

    def waits_s(self) -> list[float]:
        """Return for each file the seconds from its event to its last row, in rising order."""
        found = (file.get("event_to_visible_s") for file in self.document["files"])
        return sorted(float(seconds) for seconds in found if seconds is not None)


def read_runs(paths: Sequence[Path]) -> list[ReportedRun]:
    """Return the runs of the files, or raise NotARun."""
    return [ReportedRun(f"{number}-{path.stem}", _document(path)) for number, path in enumerate(paths, start=1)]


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NotARun(f"{path} is not a result of `python -m loadtest run`: {error}.") from error
    missing = PARTS if not isinstance(document, dict) else [part for part in PARTS if part not in document]
    if missing or document.get("kind") != "run":
        lacks = f" it lacks {', '.join(missing)}" if missing else " its kind is not `run`"
        raise NotARun(f"{path} is not a result of `python -m loadtest run`:{lacks}.")
    return dict(document)


NONE = "-"
Table = list[list[str]]  # a label, then a cell for each run


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the tables: a label, where the figure is, and how it is written."""

    label: str
    path: str
    form: str = "{:,.0f}"
    is_compared: bool = False  # whether a ratio between runs says something
    unit: float = 1.0  # what the figure is divided by


HEADLINE = (
    Shown("Rows per second", "figures.rows_per_second", is_compared=True),
    Shown("Event to visible, p50", "figures.event_to_visible_s.p50", "{:,.6g} s", is_compared=True),
    Shown("Event to visible, p99", "figures.event_to_visible_s.p99", "{:,.6g} s", is_compared=True),
    Shown("Cost per million rows", "figures.usd_per_million_rows", "${:,.3f}"),
)
MORE = (
    Shown("Event to visible, longest", "figures.event_to_visible_s.max", "{:,.6g} s"),
    Shown("Took", "figures.seconds", "{:,.6g} s", is_compared=True),
    Shown("Rows written", "figures.rows_written"),
    Shown("Data", "figures.bytes", "{:,.1f} MB", unit=1e6),
    Shown("Rows per CPU-second", "figures.rows_per_cpu_second", is_compared=True),
    Shown("Workers", "figures.workers"),
    Shown("Peak memory of a worker", "figures.peak_memory_mb", "{:,.0f} MB", is_compared=True),
    Shown("Write units", "figures.write_units"),
    Shown("Requests", "figures.requests"),
    Shown("Requests throttled", "figures.throttled_share", "{:.2%}"),
)
_CHECKED = {"rows": ("expected", "found", "lost", "doubled", "wrong"), "files": ("expected", "complete", "failed")}
CHECKED = tuple(
    Shown(f"{of.title()} {what}", f"check_result.{of}.{what}") for of, names in _CHECKED.items() for what in names
)


def table(shown: Sequence[Shown], runs: Sequence[ReportedRun]) -> Table:
    """Return what was measured of it, each run with its ratio to the first; figures that are 0 in all come last."""
    known = [one for one in shown if any(run.figure(one.path) is not None for run in runs)]
    known.sort(key=lambda one: not any(run.figure(one.path) for run in runs))
    return [[one.label, *(_cell(one, run, runs[0]) for run in runs)] for one in known]


def _cell(shown: Shown, run: ReportedRun, first: ReportedRun) -> str:
    value, base = run.figure(shown.path), first.figure(shown.path)
    if value is None:
        return NONE
    ratio = f" ({value / base:.2f}x)" if shown.is_compared and run is not first and base else ""
    return shown.form.format(value / shown.unit) + ratio


def markdown(runs: Sequence[ReportedRun]) -> str:
    """Return results, objectives and figures for a pull request; with several runs, their ratio to the first one."""
    parts = ["**" + "\n- ".join(run.lines()).replace(". ", ".** ", 1) for run in runs]
    head = ["", *(run.title for run in runs)]
    rows = [head, ["---", *("---:" for _ in runs)], *table(HEADLINE + MORE, runs)]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    parts += [f"`{run.document['command']}`, commit {run.document['commit'][:12]}" for run in runs]
    return "\n\n".join(parts) + "\n"
