"""The curves of a run, drawn by matplotlib: one axis per chart, errors in red, no chart of errors without any."""

import io
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from loadtest.scenarios.report.runs import ReportedRun

INK, GRID, RED = "#1b1b1c", "#dcdcdd", "#c62828"
COLOURS = ("#0b6bb8", "#d9730d", "#2e8540", "#8a4fbf")
DASHES = ("-", "--", "-.", ":")  # so that lines differ in black and white print
# In a page, these colours are replaced by those of its light or dark scheme.
IN_PAGE = {INK: "currentColor", GRID: "var(--grid)", RED: "var(--red)"} | {
    colour: f"var(--line-{number})" for number, colour in enumerate(COLOURS)
}
SIZE = (4.6, 2.2)  # inches: two fill a page side by side, one a phone
PERCENTILES = (50, 90, 99)
STYLE: Any = {
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "report",  # equal runs give equal pages
}


class Chart(NamedTuple):
    """Series over the seconds of a run, with their labels. A chart of errors is drawn only if there were any."""

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
WAITS = "Share of the files that were visible, in %"


def charts(run: ReportedRun) -> dict[str, str]:
    """Return the charts for which the run has data, by title: SVG elements in the page's colours."""
    with rc_context(STYLE):
        found = {chart.title: _timeline(run, chart) for chart in CHARTS} | {WAITS: _distribution(run)}
        return {title: _svg(figure) for title, figure in found.items() if figure}


def _timeline(run: ReportedRun, chart: Chart) -> Figure | None:
    """Return a chart over the seconds of the run."""
    curves = {label: values for name, label in chart.curves.items() if (values := run.series(name))}
    most = max((float(np.nanmax(values)) for values in curves.values()), default=0.0)
    if not curves or (chart.is_of_errors and not most):
        return None
    figure, axes = _empty("seconds")
    for (label, values), colour, dash in zip(curves.items(), COLOURS, DASHES, strict=False):
        look: Any = {"color": RED if chart.is_of_errors else colour, "linestyle": dash, "linewidth": 1.4}
        axes.plot(run.series("t")[: len(values)], values, **look, label=label)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.08 * max(1.0, most))  # a series of zeros is a line at the bottom, not a scale of thousandths
    if len(curves) > 1:
        axes.legend(frameon=False, labelcolor=INK, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0)
    return figure


def _distribution(run: ReportedRun) -> Figure | None:
    """Return a chart of the share of files visible after a number of seconds; None for fewer than ten files."""
    waits = run.waits_s()
    if len(waits) < 10:
        return None
    figure, axes = _empty("seconds from the S3 event to the last row")
    axes.step([0, *waits], np.linspace(0, 100, len(waits) + 1), where="post", color=COLOURS[0])
    for percent, colour, dash in zip(PERCENTILES, COLOURS[1:], DASHES[1:], strict=True):
        at = run.figure(f"figures.event_to_visible_s.p{percent}")
        if at is not None:
            axes.axvline(at, color=colour, linestyle=dash, linewidth=1.2, label=f"p{percent} {at:.2f} s")
    axes.set_ylim(0, 102)
    axes.set_xlim(left=0)
    axes.legend(frameon=False, labelcolor=INK, loc="best")
    return figure


def _svg(figure: Figure) -> str:
    """Return a chart as an SVG element."""
    kept = io.StringIO()
    figure.savefig(kept, format="svg", metadata={"Date": None}, transparent=True)
    element = kept.getvalue()
    element = element[element.index("<svg") :]
    for colour, in_page in IN_PAGE.items():
        element = element.replace(colour, in_page)
    return element


def _empty(across: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_xlabel(across)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID, linewidth=0.6)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
    return figure, axes
