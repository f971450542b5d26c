"""The tables of a report: throughput, latency and cost first, rows of zeros last."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.scenarios.report.runs import ReportedRun

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
CHECKED = (
    Shown("Rows expected", "check_result.rows.expected"),
    Shown("Rows found", "check_result.rows.found"),
    Shown("Rows lost", "check_result.rows.lost"),
    Shown("Rows doubled", "check_result.rows.doubled"),
    Shown("Rows wrong", "check_result.rows.wrong"),
    Shown("Files expected", "check_result.files.expected"),
    Shown("Files complete", "check_result.files.complete"),
    Shown("Files failed", "check_result.files.failed"),
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
    parts = ["\n- ".join(_bold(list(run.lines()))) for run in runs]
    head = ["", *(run.title for run in runs)]
    rows = [head, ["---", *("---:" for _ in runs)], *table(HEADLINE + MORE, runs)]
    parts.append("\n".join(f"| {' | '.join(row)} |" for row in rows))
    parts += [f"`{run.document['command']}`, commit {run.document['commit'][:12]}" for run in runs]
    return "\n\n".join(parts) + "\n"


def _bold(lines: list[str]) -> list[str]:
    title, _, rest = lines[0].partition(". ")
    return [f"**{title}.** {rest}", *lines[1:]]
