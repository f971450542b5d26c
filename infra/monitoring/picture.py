"""`python -m infra.monitoring.picture`: draw the dashboard from its own JSON, with the figures of a run."""

import argparse
import hashlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image, ImageColor
from PIL.PngImagePlugin import PngInfo

from infra.local.synth import synthesise
from infra.monitoring.graphs import COLOURS, REDS, Panel
from infra.monitoring.panels import draw
from infra.monitoring.run import Run
from infra.monitoring.template import Template, alarms_of, widgets_of
from infra.monitoring.widgets import COLUMNS

ROOT = Path(__file__).parents[2]
RUN = ROOT / "loadtest/results/observed.json"
FEEDS = ROOT / "loadtest/scenarios/observe/feeds.toml"  # the feeds of that run
PICTURE = ROOT / "docs/dashboard.png"  # its first rows, for the README
WHOLE = ROOT / "docs/dashboard-all.png"
FIRST_ROWS = 2
SHADES = 256  # colours of a picture, those of its lines and its most frequent ones; reduces the file to a third
MARK = "Description"  # the PNG field for the fingerprint of the picture's sources
WIDTH_IN, UNIT_IN, FOOT_IN = 15.0, 0.56, 0.5
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#b0b7c3",
    "axes.labelcolor": "#5f6b7a",
    "xtick.color": "#5f6b7a",
    "ytick.color": "#5f6b7a",
    "svg.hashsalt": "dashboard",
}


def main(arguments: list[str]) -> int:
    """Draw the picture and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m infra.monitoring.picture", description=__doc__)
    parser.add_argument("run", nargs="?", type=Path, default=RUN, help="output of `python -m loadtest observe`")
    parser.add_argument("--feeds", type=Path, default=FEEDS, help="feeds file of that run")
    parser.add_argument("--out", type=Path, default=PICTURE, help="the first rows")
    parser.add_argument("--whole", type=Path, default=WHOLE, help="all of it")
    options = parser.parse_args(arguments)
    (path,) = synthesise(options.feeds).glob("*.template.json")
    template = json.loads(path.read_text(encoding="utf-8"))
    mark = fingerprint(template, options.run.read_bytes())
    for path, rows in ((options.out, FIRST_ROWS), (options.whole, None)):
        save(picture(template, Run.read(options.run), rows=rows), path, mark)
    print(f"The dashboard with the figures of {options.run} is in {options.out} and {options.whole}.")
    return 0


def save(figure: Figure, path: Path, mark: str) -> None:
    """Write a picture with a reduced palette, and with its mark."""
    drawn, marked = io.BytesIO(), PngInfo()
    figure.savefig(drawn, dpi=100, format="png")
    marked.add_text(MARK, mark)
    with Image.open(drawn).convert("RGB") as image, Image.new("P", (1, 1)) as palette:
        colours: Any = image.getcolors(image.width * image.height)
        ours = [ImageColor.getrgb(colour) for colour in (*COLOURS, *REDS)]
        most = [colour for _, colour in sorted(colours, reverse=True)[: SHADES - len(ours)]]
        palette.putpalette([part for colour in ours + most for part in colour])
        few = image.quantize(palette=palette, dither=Image.Dither.NONE)
        few.save(path, optimize=True, pnginfo=marked)


def fingerprint(template: Template, run: bytes) -> str:
    """Return a hash of a dashboard and a run."""
    laid_out = json.dumps([widgets_of(template), alarms_of(template)], sort_keys=True)
    return hashlib.sha256(laid_out.encode() + run).hexdigest()


def picture(template: Template, run: Run, *, rows: int | None = None) -> Figure:
    """Return the drawing with each widget at its place on the grid: of the first `rows`, or of all rows."""
    widgets = widgets_of(template)
    heads = [widget["y"] for widget in widgets if widget["type"] == "text"]
    widgets = [widget for widget in widgets if rows is None or widget["y"] < heads[rows]]
    height = max(widget["y"] + widget["height"] for widget in widgets)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, height * UNIT_IN + FOOT_IN), facecolor="#f4f5f7")
        alarms = alarms_by_reference(template)
        for widget in widgets:
            draw(Panel(figure, widget["properties"], _place(widget, figure)), widget["type"], run, alarms)
        figure.text(0.012, 0.12 / figure.get_figheight(), _foot(run), fontsize=9.5, color="#5f6b7a")
    return figure


def alarms_by_reference(template: Template) -> dict[str, dict[str, Any]]:
    """Return the properties of alarms, by the references that the dashboard has to them."""
    kind = "AWS::CloudWatch::Alarm"
    found = {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}
    return {f"${{{name}.Arn}}": properties for name, properties in found.items()}


def _place(widget: dict[str, Any], figure: Figure) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a widget, as shares of the figure."""
    whole = figure.get_figheight()
    top = 1 - widget["y"] * UNIT_IN / whole
    height = widget["height"] * UNIT_IN / whole
    return widget["x"] / COLUMNS, top - height, widget["width"] / COLUMNS, height


def _foot(run: Run) -> str:
    return (
        f"Drawn from the dashboard's own JSON with metrics of the local stack in {run.seconds:.0f} s of mixed load "
        f"(`{run.command}`), in steps of 5 s\nwhere CloudWatch shows minutes. Tables are simulated, with a limit of "
        "2,000 units per second each. Metrics that exist only in AWS are marked; no figure is made up."
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
