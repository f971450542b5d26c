"""Draws each kind of widget into its panel: text, alarm states, graphs, numbers and tables."""

import textwrap
from typing import Any

import numpy as np

from infra.monitoring.arithmetic import ALARM, OK, states
from infra.monitoring.graphs import ERRORS, INK, ONLY_IN_AWS, PALE, REDS, Panel, graph, in_words, memory
from infra.monitoring.run import Run, columns_of, run_query
from infra.monitoring.template import Plot, lines_of, lines_of_alarm
from ingest.contract import Metric

ROWS_SHOWN = 11
STATE_COLOURS = {OK: "#1d8102", ALARM: "#d13212"}


def draw(panel: Panel, kind: str, run: Run, alarms: dict[str, dict[str, Any]]) -> None:
    """Draw a widget."""
    view = panel.properties.get("view")
    if kind == "text":
        _text(panel)
        return
    panel.frame()
    if kind == "alarm":
        _alarms(panel, [alarms[name] for name in panel.properties["alarms"]], run)
    elif kind == "log":
        _table(panel, run) if view == "table" else memory(panel, run)
    elif view == "singleValue":
        _numbers(panel, run)
    else:
        graph(panel, run)


def _text(panel: Panel) -> None:
    title, _, sentence = panel.properties["markdown"].partition("\n")
    panel.text(0.12, 0.46, title.removeprefix("## "), fontsize=16, fontweight="bold", color=INK)
    lines = textwrap.wrap(sentence.replace("`", ""), 178)
    panel.text(0.12, 0.72 + 0.17 * len(lines), "\n".join(lines), fontsize=10.5, color=PALE, linespacing=1.25)


def _alarms(panel: Panel, alarms: list[dict[str, Any]], run: Run) -> None:
    columns = 6
    across = panel.figure.get_figwidth() * panel.place[2] / columns - 0.04
    for n, alarm in enumerate(alarms):
        state = _state_after(alarm, run)
        left, down = 0.16 + n % columns * across, 0.66 + n // columns * 0.52
        colour = STATE_COLOURS.get(state or "", "#879596")
        name = alarm["AlarmName"].removeprefix(f"{run.stack}-")
        box = {"boxstyle": "round,pad=0.3", "facecolor": colour, "edgecolor": "none"}
        word = (state or "AWS").center(7)
        panel.text(left + 0.08, down, word, fontsize=9, color="white", bbox=box, family="monospace")
        panel.text(left + 0.88, down, name, fontsize=11, color=INK)
        note = ONLY_IN_AWS if state is None else _threshold(alarm)
        panel.text(left + 0.88, down + 0.19, note, fontsize=8.5, color=PALE)


def _state_after(alarm: dict[str, Any], run: Run) -> str | None:
    """Return an alarm's state at the end of a run; None if its metric is measured in AWS only."""
    lines = lines_of_alarm(alarm)
    (shown,) = [line for line in lines if line.options.get("visible", True)]
    period_s = next(line.options["period"] for line in lines if line.metric)
    series = run.of_line(shown, lines, period_s)
    return None if series is None else states(alarm, series)[-1]


def _threshold(alarm: dict[str, Any]) -> str:
    periods = alarm["EvaluationPeriods"]
    return f"at {alarm['Threshold']:,}" + (f", {periods} in a row" if periods > 1 else "")


def _numbers(panel: Panel, run: Run) -> None:
    lines = lines_of(panel.properties)
    shown = [line for line in lines if line.options.get("visible", True)]
    wide = panel.place[2] > 0.5
    for n, line in enumerate(shown):
        found = run.of_line(line, lines, run.seconds)
        if wide:
            left, down = 0.3 + n * (panel.figure.get_figwidth() - 0.3) / len(shown), 0.9
        else:
            left, down = 0.3, 0.85 + n * 0.7
        text, size = (ONLY_IN_AWS, 12) if found is None else (_with_unit(found[0], line), 22 if wide else 18)
        is_error = found is not None and found[0] > 0 and ERRORS.search(line.options["label"])
        panel.text(left, down, text, fontsize=size, color=PALE if found is None else REDS[0] if is_error else INK)
        panel.text(left, down + 0.26, line.options["label"], fontsize=9.5, color=PALE)


def _with_unit(value: float, line: Plot) -> str:
    """Return a number with its unit; computed numbers are always costs."""
    is_time = line.metric is not None and line.metric.name == Metric.EVENT_TO_VISIBLE
    return f"{'' if line.metric else '$'}{_number(value)}{' s' if is_time else ''}"


def _number(value: float) -> str:
    if np.isnan(value):
        return "0"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _table(panel: Panel, run: Run) -> None:
    columns = columns_of(panel.properties["query"])
    rows = run_query(panel.properties["query"], list(run.closed))[:ROWS_SHOWN]
    cells = [[_cell(name, value) for name, value in zip(columns, row, strict=True)] for row in rows]
    # A heading is bold, so it is wider than a cell with the same number of letters.
    heads = [in_words(name) for name in columns]
    widths = [max(1.2 * len(head), *(len(row[n]) for row in cells), 1) + 2 for n, head in enumerate(heads)]
    room = panel.place[2] * panel.figure.get_figwidth() - 0.3
    starts = 0.2 + np.concatenate([[0], np.cumsum(widths)[:-1]]) / sum(widths) * room
    for n, start in enumerate(starts):
        panel.text(start, 0.58, heads[n], fontsize=8.5, color=PALE, fontweight="bold")
        for m, row in enumerate(cells):
            panel.text(start, 0.8 + 0.21 * m, row[n], fontsize=8.5, color=INK)


def _cell(name: str, value: Any) -> str:
    if name == "@timestamp":
        return str(value)[11:19]
    if name == "file":
        return str(value).rpartition("/")[2]  # without the bucket, which would fill the column
    if isinstance(value, float):
        return f"{value:,.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value or "")
