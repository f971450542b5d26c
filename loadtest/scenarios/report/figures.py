"""The tables of a report: throughput, latency and cost first, rows of zeros last; and how figures are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.scenarios.report.runs import ReportedRun

NONE = "-"
Table = list[list[str]]  # a label, then a cell for each run


def count(value: float) -> str:
    """Return a whole number.

    >>> count(1234567.0)
    '1,234,567'
    """
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    """Return seconds with as many digits as matter.

    >>> seconds(0.1234), seconds(12.34), seconds(123.4)
    ('0.12 s', '12.3 s', '123 s')
    """
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f} s"


def size(value: float) -> str:
    """Return bytes in the unit that suits them.

    >>> size(5e9), size(1_234)
    ('5.00 GB', '1.23 KB')
    """
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if value >= factor:
            return f"{value / factor:,.2f} {unit}"
    return f"{value:,.0f} B"


def dollars(value: float) -> str:
    """Return dollars.

    >>> dollars(0.6254)
    '$0.625'
    """
    return f"${value:,.3f}"


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def _megabytes(value: float) -> str:
    return f"{value:,.0f} MB"


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the tables: a label, where the figure is, and how it is written."""

    label: str
    path: str
    write: Callable[[float], str]
    is_compared: bool = False  # whether a ratio between runs says something


HEADLINE = (
    Shown("Rows per second", "figures.rows_per_second", count, is_compared=True),
    Shown("Event to visible, p50", "figures.event_to_visible_s.p50", seconds, is_compared=True),
    Shown("Event to visible, p99", "figures.event_to_visible_s.p99", seconds, is_compared=True),
    Shown("Cost per million rows", "figures.usd_per_million_rows", dollars),
)
MORE = (
    Shown("Event to visible, longest", "figures.event_to_visible_s.max", seconds),
    Shown("Took", "figures.seconds", seconds, is_compared=True),
    Shown("Rows written", "figures.rows_written", count),
    Shown("Data", "figures.bytes", size),
    Shown("Rows per CPU-second", "figures.rows_per_cpu_second", count, is_compared=True),
    Shown("Workers", "figures.workers", count),
    Shown("Peak memory of a worker", "figures.peak_memory_mb", _megabytes, is_compared=True),
    Shown("Write units", "figures.write_units", count),
    Shown("Requests", "figures.requests", count),
    Shown("Requests throttled", "figures.throttled_share", _share),
)
CHECKED = (
    Shown("Rows expected", "check_result.rows.expected", count),
    Shown("Rows found", "check_result.rows.found", count),
    Shown("Rows lost", "check_result.rows.lost", count),
    Shown("Rows doubled", "check_result.rows.doubled", count),
    Shown("Rows wrong", "check_result.rows.wrong", count),
    Shown("Files expected", "check_result.files.expected", count),
    Shown("Files complete", "check_result.files.complete", count),
    Shown("Files failed", "check_result.files.failed", count),
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
    return shown.write(value) + ratio


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
