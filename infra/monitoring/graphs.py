"""The graphs of the picture, and the panel in which each widget is drawn."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from infra.monitoring.run import Run
from infra.monitoring.template import Plot, lines_of

INK, PALE, ONLY_IN_AWS = "#16191f", "#5f6b7a", "only in AWS"
Rectangle = tuple[float, float, float, float]
STEP_S = 5.0
COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b", "#17a2b8", "#d45fa8", "#3b3f8f")
REDS = ("#d13212", "#f89256", "#8b1a10", "#e75480", "#b8860b", "#5f6b7a")  # for graphs of errors
ERRORS = re.compile(r"reject|fail|throttle|error", re.IGNORECASE)
FAR = 1.5  # a threshold above the data by more than this factor would flatten the graph


@dataclass(frozen=True)
class Panel:
    """A widget's place in the figure, and its properties: draws the card, its texts and its axes."""

    figure: Figure
    properties: dict[str, Any]
    place: Rectangle

    @property
    def inch(self) -> tuple[float, float]:
        """An inch, as shares of the figure's width and height."""
        return 1 / self.figure.get_figwidth(), 1 / self.figure.get_figheight()

    def axes(self, left: float, bottom: float, right: float, top: float) -> Axes:
        """Return axes inside the panel, with margins in inches."""
        x, y, width, height = self.place
        across, up = self.inch
        room = (x + left * across, y + bottom * up, width - (left + right) * across, height - (bottom + top) * up)
        return self.figure.add_axes(room)

    def frame(self) -> None:
        """Draw the white card and the title."""
        x, y, width, height = self.place
        across, up = 0.06 * self.inch[0], 0.06 * self.inch[1]
        card = FancyBboxPatch(
            (x + across, y + up),
            width - 2 * across,
            height - 2 * up,
            boxstyle="square,pad=0",
            facecolor="white",
            edgecolor="#d5dbdb",
            transform=self.figure.transFigure,
            zorder=-1,
        )
        self.figure.add_artist(card)
        self.text(0.16, 0.27, self.properties["title"], fontsize=11, fontweight="bold", color=INK)

    def text(self, left: float, down: float, words: str, **options: Any) -> None:
        """Write text at a distance in inches from the panel's upper left corner."""
        x, y, _, height = self.place
        across, up = self.inch
        self.figure.text(x + left * across, y + height - down * up, words, **options)


def graph(panel: Panel, run: Run) -> None:
    """Draw lines or areas, thresholds and the legend, which marks metrics that only AWS measures."""
    properties = panel.properties
    lines = lines_of(panel.properties)
    shown = [line for line in lines if line.options.get("visible", True)]
    has_right = any(line.options.get("yAxis") == "right" for line in shown)
    left = panel.axes(0.72, 0.42 + 0.2 * len(shown), 0.62 if has_right else 0.2, 0.42)
    right = left.twinx() if has_right else left
    names = {left: "left", right: "right"} if has_right else {left: "left"}
    base, colours = np.zeros(run.bins(STEP_S)), _colours(panel)
    for n, (line, colour) in enumerate(zip(shown, colours, strict=False)):
        values = run.of_line(line, lines, STEP_S)
        on_right = line.options.get("yAxis") == "right"
        if values is not None and not np.isnan(values).all():
            if properties.get("stacked") and not on_right:
                base = _area(left, values, base, colour)
            else:
                _curve(right if on_right else left, values, colour)
        _legend(panel, n, len(shown), line, colour, _note(values))
    _marks(left, properties.get("annotations", {}).get("horizontal", []))
    for axes, side in names.items():
        _axis(axes, properties["yAxis"][side], run)
    if right is not left and not right.lines:
        right.set_axis_off()  # it has no data
    left.grid(axis="y", color="#eaeded", linewidth=0.8)


def _note(values: Any) -> str:
    if values is None:
        return f" — {ONLY_IN_AWS}"
    return " — none" if np.isnan(values).all() else ""


def _times(values: Any) -> Any:
    return (np.arange(len(values)) + 0.5) * STEP_S


def _curve(axes: Axes, values: Any, colour: str) -> None:
    axes.plot(_times(values), values, color=colour, linewidth=1.6, marker="o", markersize=3)


def _area(axes: Axes, values: Any, base: Any, colour: str) -> Any:
    """Draw an area stacked on the others; return its upper edge."""
    top = base + np.nan_to_num(values)
    axes.fill_between(_times(values), base, top, color=colour, alpha=0.75, linewidth=0)
    return top


def _legend(panel: Panel, n: int, count: int, line: Plot, colour: str, note: str) -> None:
    height = panel.place[3] * panel.figure.get_figheight()
    down = height - 0.16 - 0.2 * (count - 1 - n)
    panel.text(0.2, down, "■", fontsize=9, color=colour if not note else "#c3c9d0")
    panel.text(0.38, down, line.options["label"] + note, fontsize=9, color=PALE if note else INK)


def _colours(panel: Panel) -> Iterator[str]:
    """Return the colours of a graph's lines: reds for errors; else adjacent graphs begin with different colours."""
    if ERRORS.search(panel.properties["title"]):
        return cycle(REDS)
    first = 2 * round(panel.place[0] * 4 + (1 - panel.place[1]) * panel.figure.get_figheight() / 2)
    return islice(cycle(COLOURS), first % len(COLOURS), None)


def _marks(axes: Axes, marks: list[dict[str, Any]]) -> None:
    """Draw the thresholds that are close to the data; show the others as text."""
    top, above = max(axes.get_ylim()[1], 1e-9), 0
    options: dict[str, Any] = {
        "ha": "right",
        "fontsize": 8.5,
        "bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.7},
    }
    for mark in sorted(marks, key=lambda mark: -float(mark["value"])):
        label, value, color = mark["label"], mark["value"], mark["color"]
        if value > FAR * top:
            words, down = f"\N{UPWARDS ARROW} {label} at {value:,}", 0.99 - 0.1 * above
            axes.text(0.995, down, words, va="top", color=color, transform=axes.transAxes, **options)
            above += 1
            axes.set_ylim(top=top * (1 + 0.15 * above))  # room for the label
        else:
            axes.axhline(value, color=color, linewidth=1.1, linestyle=(0, (5, 2)))
            place: dict[str, Any] = {"va": "bottom", "transform": axes.get_yaxis_transform()}
            axes.text(0.995, value, f"{label} {value:,}", color=color, **options, **place)


def _axis(axes: Axes, scale: dict[str, Any], run: Run) -> None:
    axes.set_ylabel(scale["label"], fontsize=9)
    top = max(axes.get_ylim()[1], 1e-9)
    axes.set_ylim(scale["min"], 1.0 if top <= 1e-6 else top * 1.12)
    axes.set_xlim(0, run.seconds)
    seconds = range(0, int(run.seconds) + 1, 30)
    axes.set_xticks(seconds, [f"{second // 60}:{second % 60:02}" for second in seconds])
    axes.tick_params(labelsize=8.5, length=2)
    sign = "$" if scale["label"] == "dollars" else ""
    axes.yaxis.set_major_formatter(lambda value, position: f"{sign}{value:,.4g}" if value < 1000 else f"{value:,.0f}")
    axes.set_axisbelow(True)
    axes.set_facecolor("none")


def in_words(field: str) -> str:
    """Return a log field's name in readable form.

    >>> in_words("@timestamp"), in_words("rows_rejected"), in_words("used_mb")
    ('time', 'rows rejected', 'used, MB')
    """
    return "time" if field == "@timestamp" else field.replace("_mb", ", MB").replace("_", " ")


def memory(panel: Panel, run: Run) -> None:
    """Draw the memory use of the invocations."""
    axes = panel.axes(0.72, 0.82, 0.2, 0.42)
    names = re.findall(r"as (\w+)", panel.properties["query"])
    for n, (name, field) in enumerate(zip(names, ("used_mb", "size_mb"), strict=True)):
        points = sorted((invocation["at_s"], invocation[field]) for invocation in run.memory if invocation["at_s"] >= 0)
        axes.plot(*zip(*points, strict=True), color=COLOURS[n], linewidth=1.6, marker="o", markersize=3)
        _legend(panel, n, len(names), Plot("", {"label": in_words(name)}), COLOURS[n], "")
    _axis(axes, {"label": "MB", "min": 0}, run)
