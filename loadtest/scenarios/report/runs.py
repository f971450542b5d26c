"""The document that `python -m loadtest run` writes: reading, checking and summarising it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from loadtest.bench.measuring import Goal, figure


@dataclass(frozen=True, slots=True)
class ReportedRun:
    """One run. `document` is its JSON."""

    document: dict[str, Any]

    @property
    def title(self) -> str:
        """The scenario, the target, and the scale unless it is 1."""
        scale = self.document.get("scale", 1)
        at_scale = "" if scale == 1 else f", scale {scale:g}"
        return f"{self.document['scenario']} on {self.document['target']}{at_scale}"

    @property
    def is_ok(self) -> bool:
        """Whether the checker found no problem."""
        return bool(self.document["check_result"]["ok"])

    @property
    def result(self) -> str:
        """The result, GREEN or RED, and its meaning."""
        return "GREEN: every row accounted for" if self.is_ok else "RED: not every row accounted for"

    def sentence(self) -> str:
        """Return a sentence on the rows and files expected and found."""
        rows, files = self.document["check_result"]["rows"], self.document["check_result"]["files"]
        return (
            f"{rows['found']:,} of {rows['expected']:,} rows found, {rows['lost']:,} lost, "
            f"{rows['doubled']:,} doubled, {rows['wrong']:,} wrong; "
            f"{files['complete']:,} of {files['expected']:,} files complete"
        )

    def goals(self) -> list[Goal]:
        """Return the objectives with the figures found."""
        goals = self.document["objectives"]
        return [Goal(**{name: value for name, value in goal.items() if name != "is_met"}) for goal in goals]

    def lines(self) -> Iterator[str]:
        """Yield lines on the result, the problems, and the objectives."""
        yield f"{self.title}: {self.result}. {self.sentence()}."
        yield from (f"wrong: {problem}" for problem in self.document["check_result"]["problems"])
        for goal in self.goals():
            yield f"objective {'met' if goal.is_met else 'MISSED'}: {goal.what}: {goal.found:,.6g}, {goal.bound}"

    def rejected(self) -> list[tuple[str, ...]]:
        """Return each reason with the number of rejects expected and found."""
        sides = [self.figure(f"check_result.rejected.{side}") or {} for side in ("expected", "found")]
        return [(reason, *(f"{side.get(reason, 0):,}" for side in sides)) for reason in sorted({*sides[0], *sides[1]})]

    def series(self, name: str) -> list[float]:
        """Return a series of samples, NaN where nothing was measured; empty if nothing ever was."""
        values = np.array(self.document["samples"].get(name) or [], float)
        return [] if np.isnan(values).all() else values.tolist()

    def figure(self, path: str) -> Any:
        """Return a figure by its dotted path, as `figures.event_to_visible_s.p99`; None if there is none."""
        return figure(self.document, path)

    def waits_s(self) -> list[float]:
        """Return the seconds from event to last row of each file, in ascending order."""
        found = (file.get("event_to_visible_s") for file in self.document["files"])
        return sorted(float(seconds) for seconds in found if seconds is not None)


def read_run(path: Path) -> ReportedRun:
    """Return the run in a file. Raises OSError or ValueError: it has none; says why."""
    document = json.loads(path.read_text())
    if not isinstance(document, dict) or document.get("kind") != "run":
        raise ValueError("its kind is not `run`")
    return ReportedRun(document)


class Shown(NamedTuple):
    """One line of the tables: its label, the path of its figure, and the format."""

    label: str
    path: str
    form: str = "{:,.0f}"


HEADLINE = (
    Shown("Rows per second", "figures.rows_per_second"),
    Shown("Event to visible, p50", "figures.event_to_visible_s.p50", "{:,.6g} s"),
    Shown("Event to visible, p99", "figures.event_to_visible_s.p99", "{:,.6g} s"),
    Shown("Cost per million rows", "figures.usd_per_million_rows", "${:,.3f}"),
)
MORE = (
    Shown("Event to visible, longest", "figures.event_to_visible_s.max", "{:,.6g} s"),
    Shown("Took", "figures.seconds", "{:,.6g} s"),
    Shown("Rows written", "figures.rows_written"),
    Shown("Bytes", "figures.bytes"),
    Shown("Rows per CPU-second", "figures.rows_per_cpu_second"),
    Shown("Workers", "figures.workers"),
    Shown("Peak memory of a worker", "figures.peak_memory_mb", "{:,.0f} MB"),
    Shown("Write units", "figures.write_units"),
    Shown("Requests", "figures.requests"),
    Shown("Requests throttled", "figures.throttled_share", "{:.2%}"),
)


def table(shown: Sequence[Shown], run: ReportedRun) -> list[tuple[str, str]]:
    """Return label and figure of each line that was measured; figures that are 0 come last."""
    known = [(one, value) for one in shown if (value := run.figure(one.path)) is not None]
    known.sort(key=lambda pair: not pair[1])
    return [(one.label, one.form.format(value)) for one, value in known]


def markdown(run: ReportedRun) -> str:
    """Return result, objectives and figures for a pull request."""
    result = "**" + "\n- ".join(run.lines()).replace(". ", ".** ", 1)
    rows = [("", run.title), ("---", "---:"), *table(HEADLINE + MORE, run)]
    figures = "\n".join(f"| {label} | {figure} |" for label, figure in rows)
    return f"{result}\n\n{figures}\n\n`{run.document['command']}`, commit {run.document['commit'][:12]}\n"
