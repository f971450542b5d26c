"""The curves of a run, drawn by matplotlib: one axis a chart, errors in red, nothing where nothing happened."""

import io
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from loadtest.scenarios.report.runs import ReportedRun

INK, GRID, RED = "#1b1b1c", "#dcdcdd", "#c62828"
COLOURS = ("#0b6bb8", "#d9730d", "#2e8540", "#8a4fbf")
DASHES = ("-", "--", "-.", ":")  # lines can be distinguished in print, too
# In a page these follow its colours, light or dark.
IN_PAGE = {INK: "currentColor", GRID: "var(--grid)", RED: "var(--red)"} | {
    colour: f"var(--line-{number})" for number, colour in enumerate(COLOURS)
}
SIZE = (4.6, 2.2)  # inches: two fill a page side by side, one a phone
PERCENTILES = (50, 90, 99)
STYLE: Any = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",  # equal runs, equal pages
}


class Chart(NamedTuple):
    """What is drawn over the seconds of a run: series and their labels. One of errors is drawn if there were any."""

    title: str
    curves: dict[str, str]
    is_of_errors: bool = False


CHARTS = (
    Chart("Rows written per second", {"rows_per_s": ""}),
    Chart("Messages", {"backlog": "waiting", "in_flight": "in flight"}),
    Chart("Age of the oldest unfinished file in seconds", {"oldest_s": ""}),
    Chart("Throttled requests per second", {"throttles_per_s": ""}, is_of_errors=True),
    Chart("Rejected rows per second", {"rejected_per_s": ""}, is_of_errors=True),
    Chart("Workers, and cores they keep busy", {"workers": "workers", "cpu": "cores busy"}),
    Chart("Memory of the largest worker in MB", {"memory_mb": ""}),
)


def measured(run: ReportedRun) -> list[Chart]:
    """Return the charts of which the run has at least one curve."""
    return [chart for chart in CHARTS if _series(run, chart)]


def timelines(run: ReportedRun) -> dict[str, Figure]:
    """Return each chart over the seconds of the run, by its title."""
    drawn = {}
    for chart in measured(run):
        drawn[chart.title], axes = _empty("seconds")
        _draw(axes, run, chart)
    return drawn


def distribution(run: ReportedRun) -> Figure | None:
    """Return the share of files that were visible after a number of seconds; None for fewer than ten files."""
    waits = run.waits_s()
    if len(waits) < 10:
        return None
    figure, axes = _empty("seconds from the S3 event to the last row")
    shares = [100 * (number + 1) / len(waits) for number in range(len(waits))]
    axes.step([0, *waits], [0, *shares], where="post", color=COLOURS[0])
    for percent, colour, dash in zip(PERCENTILES, COLOURS[1:], DASHES[1:], strict=True):
        at = run.figure(f"figures.event_to_visible_s.p{percent}")
        if at is not None:
            axes.axvline(at, color=colour, linestyle=dash, linewidth=1.2, label=f"p{percent} {at:.2f} s")
    axes.set_ylim(0, 102)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, labelcolor=INK, loc="best")
    return figure


def comparison(runs: Sequence[ReportedRun]) -> Figure | None:
    """Return the throughput of several runs over each other; None for one run."""
    if len(runs) < 2:
        return None
    figure, axes = _empty("seconds")
    for number, run in enumerate(runs):
        values = run.series("rows_per_s")
        axes.plot(run.series("t")[: len(values)], values, **_look(number), label=run.title)
    _finish(axes)
    return figure


def svg(figure: Figure) -> str:
    """Return a chart as an element for a page, in the page's colours and as wide as the page allows."""
    kept = io.StringIO()
    with rc_context(STYLE):
        figure.savefig(kept, format="svg", metadata={"Date": None}, transparent=True)
    element = kept.getvalue()
    element = element[element.index("<svg") :]
    for colour, in_page in IN_PAGE.items():
        element = element.replace(colour, in_page)
    return re.sub(r'<svg ([^>]*?)width="[^"]*" ([^>]*?)height="[^"]*"', r"<svg \1\2", element, count=1)


def picture(run: ReportedRun, path: Path) -> None:
    """Write a run as one picture: the result as its title, then its charts below each other."""
    charts = measured(run)
    with rc_context(STYLE):
        figure = Figure(figsize=(1.5 * SIZE[0], 0.5 + SIZE[1] * len(charts)), layout="constrained")
        figure.suptitle(f"{run.title}: {run.result}", fontsize=11, fontweight="bold")
        for number, chart in enumerate(charts, start=1):
            axes = figure.add_subplot(len(charts), 1, number)
            _style(axes)
            axes.set_title(chart.title, fontsize=9, loc="left")
            _draw(axes, run, chart)
        figure.savefig(path, dpi=130, metadata={"Software": None})


def _series(run: ReportedRun, chart: Chart) -> dict[str, list[float]]:
    """Return the values of a chart's curves; of errors none if there were none."""
    series = {name: run.series(name) for name in chart.curves}
    if chart.is_of_errors and not any(value > 0 for values in series.values() for value in values):
        return {}
    return {name: values for name, values in series.items() if values}


def _draw(axes: Axes, run: ReportedRun, chart: Chart) -> None:
    for number, (name, values) in enumerate(_series(run, chart).items()):
        look = _look(number) | ({"color": RED} if chart.is_of_errors else {})
        axes.plot(run.series("t")[: len(values)], values, **look, label=chart.curves[name])
    _finish(axes)


def _look(number: int) -> dict[str, Any]:
    number %= len(COLOURS)
    return {"color": COLOURS[number], "linestyle": DASHES[number], "linewidth": 1.4}


def _finish(axes: Axes) -> None:
    """Set the scales from 0, and name the curves if there are several."""
    axes.set_xlim(left=0)
    values = [float(value) for line in axes.lines for value in np.asarray(line.get_ydata())]
    # Nothing at all is a line at the bottom, not a scale of thousandths.
    axes.set_ylim(0, 1.08 * max([1.0, *(value for value in values if not math.isnan(value))]))
    if len(axes.lines) > 1:
        axes.legend(frameon=False, labelcolor=INK, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)


def _empty(across: str) -> tuple[Figure, Axes]:
    """Return an empty chart in the manner of the report."""
    with rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.set_xlabel(across)
        _style(axes)
    return figure, axes


def _style(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
