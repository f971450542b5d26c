"""`python -m infra.monitoring.picture`: draw the dashboard from its own JSON, with the figures of a run."""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from infra.local.synth import synthesise
from infra.monitoring.graphs import Panel
from infra.monitoring.panels import draw
from infra.monitoring.run import Run
from infra.monitoring.template import Template, alarms_of, widgets_of
from infra.monitoring.widgets import COLUMNS

ROOT = Path(__file__).parents[2]
RUN = ROOT / "loadtest/results/observed.json"
FEEDS = ROOT / "loadtest/scenarios/observe/feeds.toml"  # of that run
PICTURE = ROOT / "docs/dashboard.png"
MARK = "Description"  # the PNG's field for the fingerprint of what it was drawn from
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
    parser.add_argument("--out", type=Path, default=PICTURE)
    options = parser.parse_args(arguments)
    (path,) = synthesise(options.feeds).glob("*.template.json")
    template = json.loads(path.read_text(encoding="utf-8"))
    figure = picture(template, Run.read(options.run))
    figure.savefig(options.out, dpi=100, metadata={MARK: fingerprint(template, options.run.read_bytes())})
    print(f"The dashboard with the figures of {options.run} is in {options.out}.")
    return 0


def fingerprint(template: Template, run: bytes) -> str:
    """Return a hash of this dashboard and run, which differs for any other."""
    laid_out = json.dumps([widgets_of(template), alarms_of(template)], sort_keys=True)
    return hashlib.sha256(laid_out.encode() + run).hexdigest()


def picture(template: Template, run: Run) -> Figure:
    """Return the drawing, with each widget in its place on the grid."""
    widgets = widgets_of(template)
    height = max(widget["y"] + widget["height"] for widget in widgets)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_IN, height * UNIT_IN + FOOT_IN), facecolor="#f4f5f7")
        alarms = alarms_by_reference(template)
        for widget in widgets:
            draw(Panel(figure, widget["properties"], _place(widget, figure)), widget["type"], run, alarms)
        figure.text(0.012, 0.12 / figure.get_figheight(), _foot(run), fontsize=9.5, color="#5f6b7a")
    return figure


def alarms_by_reference(template: Template) -> dict[str, dict[str, Any]]:
    """Return the properties of alarms by the dashboard's references to them."""
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
