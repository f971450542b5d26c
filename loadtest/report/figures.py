"""The figures a report shows of each run, and how they are written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.report.runs import ReportedRun

NONE = "-"


@dataclass(frozen=True, slots=True)
class Shown:
    """One line of the tables: a label, where the figure is, and how it is written."""

    label: str
    path: str
    write: Callable[[float], str]
    is_compared: bool = False  # whether a ratio between runs says something


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


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def _dollars(value: float) -> str:
    return f"${value:,.3f}"


def _megabytes(value: float) -> str:
    return f"{value:,.0f} MB"


SHOWN = (
    Shown("Took", "figures.seconds", seconds, is_compared=True),
    Shown("Data", "figures.bytes", size),
    Shown("Rows written", "figures.rows_written", count),
    Shown("Rows per second", "figures.rows_per_second", count, is_compared=True),
    Shown("Rows per CPU-second", "figures.rows_per_cpu_second", count, is_compared=True),
    Shown("Workers", "figures.workers", count),
    Shown("Event to visible, p50", "figures.event_to_visible_s.p50", seconds, is_compared=True),
    Shown("Event to visible, p99", "figures.event_to_visible_s.p99", seconds, is_compared=True),
    Shown("Event to visible, longest", "figures.event_to_visible_s.max", seconds),
    Shown("Write units", "figures.write_units", count),
    Shown("Requests throttled", "figures.throttled_share", _share),
    Shown("Peak memory of a worker", "figures.peak_memory_mb", _megabytes, is_compared=True),
    Shown("Cost per million rows, by list prices", "figures.usd_per_million_rows", _dollars),
)


def rows(runs: Sequence[ReportedRun]) -> list[list[str]]:
    """Return the table of figures: a label, then a cell for each run, with its ratio to the first run."""
    lines = [[shown.label, *(_cell(shown, run, runs[0]) for run in runs)] for shown in SHOWN]
    return [line for line in lines if set(line[1:]) != {NONE}]


def check_result_rows(runs: Sequence[ReportedRun]) -> list[list[str]]:
    """Return the table of what the oracle expected and found."""
    paths = {
        "Rows expected": "check_result.rows.expected",
        "Rows found": "check_result.rows.found",
        "Lost": "check_result.rows.lost",
        "Doubled": "check_result.rows.doubled",
        "Wrong": "check_result.rows.wrong",
        "Files expected": "check_result.files.expected",
        "Files complete": "check_result.files.complete",
        "Files failed": "check_result.files.failed",
    }
    lines = [[label, *(_number(run.figure(path)) for run in runs)] for label, path in paths.items()]
    return lines + [
        [f"Rejected, {side}", *(_number(_sum(run, side)) for run in runs)] for side in ("expected", "found")
    ]


def _cell(shown: Shown, run: ReportedRun, first: ReportedRun) -> str:
    value, base = run.figure(shown.path), first.figure(shown.path)
    if value is None:
        return NONE
    ratio = f" ({value / base:.2f}x)" if shown.is_compared and run is not first and base else ""
    return shown.write(value) + ratio


def _sum(run: ReportedRun, side: str) -> int:
    return sum((run.figure(f"check_result.rejected.{side}") or {}).values())


def _number(value: Any) -> str:
    return NONE if value is None else count(value)
