"""The curves of a run, drawn by matplotlib. Lines differ in dash and in grey: they can be distinguished in print."""

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from loadtest.report.runs import ReportedRun

LINES = (("#0b3c5d", "-"), ("#d9822b", "--"), ("#5f9ea0", "-."), ("#8a8a8a", ":"))  # from dark to light
WIDTH, HEIGHT = 7.2, 2.7  # inches; scaled to the page's width
PERCENTILES = (50, 90, 99)
THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}" if value == round(value) else f"{value:,.2g}")

Curve = tuple[str, str]  # a series and its label


CHARTS: dict[str, list[list[Curve]]] = {  # the curves of each chart, those of the left scale and those of the right
    "Throughput": [[("rows_per_s", "rows a second")]],
    "Lag": [[("backlog", "messages waiting"), ("in_flight", "in flight")], [("oldest_s", "age of the oldest, s")]],
    "Errors": [[("throttles_per_s", "throttled requests a second")], [("rejected_per_s", "rejected rows a second")]],
    "Workers": [[("cpu", "cores busy"), ("workers", "workers")], [("memory_mb", "memory of the largest worker, MB")]],
}


def timelines(run: ReportedRun) -> dict[str, Figure]:
    """Return a chart over the seconds of the run for each thing that was measured."""
    drawn = {}
    for title in measured(run):
        drawn[title], axes = figure_and_axes()
        _draw(axes, run, CHARTS[title])
    return drawn


def measured(run: ReportedRun) -> list[str]:
    """Return the titles of the charts of which the run has at least one curve."""
    return [title for title, sides in CHARTS.items() if any(run.series(name) for side in sides for name, _ in side)]


def distribution(run: ReportedRun) -> Figure | None:
    """Return the share of files that were visible after a number of seconds; None for fewer than ten files."""
    waits = run.waits_s()
    if len(waits) < 10:
        return None
    figure, axes = figure_and_axes()
    shares = [100 * (number + 1) / len(waits) for number in range(len(waits))]
    axes.step(waits, shares, where="post", color=LINES[0][0])
    for percent, (color, dash) in zip(PERCENTILES, LINES[1:], strict=False):
        at = run.figure(f"figures.event_to_visible_s.p{percent}")
        if at is not None:
            axes.axvline(at, color=color, linestyle=dash, linewidth=1, label=f"p{percent} {at:.2f} s")
    axes.set_xlabel("seconds from the S3 event to the last row", fontsize=9)
    axes.set_ylabel("% of the files", fontsize=9)
    axes.set_ylim(0, 102)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return figure


def comparison(runs: Sequence[ReportedRun]) -> Figure | None:
    """Return the throughput of several runs over each other; None for one run."""
    if len(runs) < 2:
        return None
    figure, axes = figure_and_axes()
    for number, run in enumerate(runs):
        color, dash = LINES[number % len(LINES)]
        values = run.series("rows_per_s")
        axes.plot(range(len(values)), values, color=color, linestyle=dash, label=run.title)
    axes.set_xlabel("seconds", fontsize=9)
    axes.set_ylabel("rows a second", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9)
    return figure


def svg(figure: Figure) -> str:
    """Return a chart as an element for a page: without the file's head, as wide as the page allows."""
    kept = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "report"}):  # text stays text; equal runs, equal pages
        figure.savefig(kept, format="svg", metadata={"Date": None})
    element = kept.getvalue()
    element = element[element.index("<svg") :]
    return re.sub(r'<svg ([^>]*?)width="[^"]*" ([^>]*?)height="[^"]*"', r"<svg \1\2", element, count=1)


def picture(run: ReportedRun, path: Path) -> None:
    """Write a run as one picture: the result as its title, then its charts below each other."""
    titles = measured(run)
    figure = Figure(figsize=(WIDTH, 0.5 + HEIGHT * 0.8 * len(titles)), layout="constrained")
    figure.suptitle(f"{run.title}: {run.check_result}", fontsize=11, fontweight="bold")
    for number, title in enumerate(titles, start=1):
        axes = figure.add_subplot(len(titles), 1, number)
        _style(axes)
        _draw(axes, run, CHARTS[title])
    figure.savefig(path, dpi=130, metadata={"Software": None})


def _draw(axes: Axes, run: ReportedRun, sides: list[list[Curve]]) -> None:
    handles = []
    styles = iter(LINES)
    for number, side in enumerate(sides):
        known = [(name, label) for name, label in side if run.series(name)]
        if not known:
            continue
        place = axes if number == 0 else _second_scale(axes)
        for name, label in known:
            color, dash = next(styles)
            values = run.series(name)
            times = run.series("t")[: len(values)]
            handles += place.plot(times, values, color=color, linestyle=dash, linewidth=1.4, label=label)
        highest = max((value for name, _ in known for value in run.series(name) if not math.isnan(value)), default=0)
        place.set_ylim(0, 1.08 * max(highest, 1))  # nothing at all is a line at the bottom, not a scale of thousandths
        place.set_ylabel(known[0][1], fontsize=9)
    axes.set_xlabel("seconds", fontsize=9)
    axes.legend(handles=handles, frameon=False, fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))


def _second_scale(axes: Axes) -> Axes:
    place = axes.twinx()
    place.spines["top"].set_visible(False)
    place.tick_params(labelsize=9)
    place.yaxis.set_major_formatter(THOUSANDS)
    return place


def figure_and_axes() -> tuple[Figure, Axes]:
    """Return an empty chart in the manner of the report."""
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.add_subplot()
    _style(axes)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.tick_params(labelsize=9)
    axes.yaxis.set_major_formatter(THOUSANDS)
