"""The scaling study as one HTML page: what was measured and what is computed, kept apart."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.figure import Figure

from loadtest.report.charts import LINES, figure_and_axes, svg
from loadtest.report.page import render, table
from loadtest.scale.model import TABLES, Worker, WorkItem, caps, forecast


def page(study: dict[str, Any]) -> str:
    """Return the page of a study, as `study.document` and `results.origin` made it."""
    work, worker = WorkItem(**study["work"]), Worker(**study["worker"])
    return render(
        "scale.html.j2",
        headline=_headline(study),
        explained=_explained(study),
        measured_how=study["measured_how"],
        measured=_measured(study["measured"]),
        chart=svg(chart(study)),
        computed=_computed(study),
        knees=_knees(study["knees"]),
        caps=_caps(worker, work),
        gigabytes=f"{work.file_bytes / 1e9:g}",
        row_bytes=f"{work.row_bytes:g}",
        units=f"{work.units_per_row:g}",
        origin=study,
    )


def chart(study: dict[str, Any]) -> Figure:
    """Return rows a second against workers: measured points, a computed line for each table."""
    work, worker = WorkItem(**study["work"]), Worker(**study["worker"])
    figure, axes = figure_and_axes()
    figure.set_figheight(4)
    counts = sorted({round(10 ** (n / 20)) for n in range(61)})
    for (color, dash), limit in zip(LINES, TABLES, strict=True):
        rates = [forecast(n, worker, work, limit).rows_per_second for n in counts]
        axes.plot(counts, rates, color=color, linestyle=dash, label=f"computed: {limit.name}")
        workers, found = _points(found for found in study["computed"] if found["table"] == limit.name)
        axes.scatter(workers, found, s=28, facecolors="white", edgecolors=color, zorder=3)
        workers, found = _points(found for found in study["measured"] if found["table"] == limit.name)
        axes.scatter(workers, found, s=36, color=color, edgecolors="black", marker="D", zorder=4)
    axes.scatter([], [], s=36, color="black", marker="D", label="measured here")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("workers", fontsize=9)
    axes.set_ylabel("rows a second", fontsize=9)
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _points(found: Iterable[dict[str, Any]]) -> tuple[list[int], list[float]]:
    pairs = [(point["workers"], point["rows_per_second"]) for point in found]
    return [workers for workers, _ in pairs], [rate for _, rate in pairs]


def _headline(study: dict[str, Any]) -> str:
    default = next(knee for knee in study["knees"] if knee["table"] == "default quota")
    return f"With a table's default quota the knee is at {_workers(default['workers'])}: the {default['bottleneck']}."


def _explained(study: dict[str, Any]) -> str:
    rate = study["worker"]["rows_per_second"]
    return (
        f"One worker writes {rate:,.0f} rows a second with a core of its own (measured). A table takes as many write "
        "units as it has, and a row of up to 1 KB costs one: the table, not the function, is what has to be raised."
    )


def _measured(points: Sequence[dict[str, Any]]) -> str:
    head = ["Table", "Workers", "Rows", "Took", "Rows a second", "Rows per CPU-second", "Against one worker"]
    first = {point["table"]: point["rows_per_second"] for point in reversed(points)}
    lines = [
        [
            point["table"],
            f"{point['workers']}",
            f"{point['rows']:,}",
            f"{point['seconds']:.1f} s",
            f"{point['rows_per_second']:,.0f}",
            f"{point['rows_per_cpu_second']:,.0f}",
            f"{point['rows_per_second'] / first[point['table']]:.2f}x",
        ]
        for point in points
    ]
    return table(head, lines)


def _computed(study: dict[str, Any]) -> str:
    lines = [
        [
            found["table"],
            f"{found['workers']:,}",
            f"{found['rows_per_second']:,.0f}",
            f"{found['hours']:,.2f}",
            found["bottleneck"],
        ]
        for found in study["computed"]
    ]
    return table(["Table", "Workers", "Rows a second", "Hours", "Bound by"], lines)


def _knees(knees: Sequence[dict[str, Any]]) -> str:
    head = ["Table", "Workers at the knee", "Then bound by", "Raised by"]
    lines = [[knee["table"], _workers(knee["workers"]), knee["bottleneck"], knee["raised_by"]] for knee in knees]
    return table(head, lines)


def _caps(worker: Worker, work: WorkItem) -> str:
    known = caps(1_000, worker, work, TABLES[1])
    lines = [[cap.what, f"{cap.rows_per_second:,.0f}", cap.raised_by] for cap in known]
    return table(["Limit, for 1,000 workers and a default table", "Rows a second", "Raised by"], lines)


def _workers(number: float) -> str:
    """Return a number of workers as one says it.

    >>> _workers(0.1), _workers(3.21), _workers(1250.4)
    ('less than one worker', '3.2 workers', '1,250 workers')
    """
    if number < 1:
        return "less than one worker"
    return f"{number:,.1f} workers" if number < 100 else f"{number:,.0f} workers"
