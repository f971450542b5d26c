"""`python -m loadtest report RUN...`: what runs showed, as one page, as pictures, as Markdown."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loadtest.scenarios.report import charts
from loadtest.scenarios.report.runs import CHECKED, HEADLINE, MORE, NotARun, ReportedRun, markdown, read_runs, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    many = "results that `run` wrote; the first is the base"
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help=many)
    parser.add_argument("--html", type=Path, help="write one self-contained page there")
    parser.add_argument("--png", type=Path, metavar="FOLDER", help="write a picture of each run, named as its file")
    parser.add_argument("--markdown", action="store_true", help="print Markdown for a pull request (the default)")


def run(arguments: argparse.Namespace) -> int:
    """Make the report; 1 if a run's result is not green, 2 if a file is not a run."""
    try:
        runs = read_runs(arguments.runs)
    except NotARun as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if arguments.html:
        arguments.html.parent.mkdir(parents=True, exist_ok=True)
        arguments.html.write_text(page(runs), encoding="utf-8")
    if arguments.png:
        arguments.png.mkdir(parents=True, exist_ok=True)
        for path, shown in zip(arguments.runs, runs, strict=True):
            charts.picture(shown, arguments.png / f"{path.stem}.png")
    if arguments.markdown or not (arguments.html or arguments.png):
        print(markdown(runs), end="")
    return 0 if all(shown.is_ok for shown in runs) else 1


def page(runs: Sequence[ReportedRun]) -> str:
    """Return one HTML page that needs nothing else: results first, then all figures side by side, then the curves."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    compared = charts.comparison(runs)
    return environment.get_template("page.html.j2").render(
        runs=runs,
        headline={run.name: table(HEADLINE, [run]) for run in runs},
        tables={"Figures": table(HEADLINE + MORE if compared else MORE, runs), "Found": table(CHECKED, runs)},
        comparison=charts.svg(compared) if compared else "",
        charts={run.name: _charts(run) for run in runs},
    )


def _charts(run: ReportedRun) -> dict[str, str]:
    drawn = charts.timelines(run)
    if waits := charts.distribution(run):
        drawn["Share of the files that were visible, in %"] = waits
    return {title: charts.svg(figure) for title, figure in drawn.items()}
