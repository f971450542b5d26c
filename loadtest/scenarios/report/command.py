"""`python -m loadtest report RUN...`: what runs showed, as one page, as pictures, as Markdown."""

import argparse
import sys
from pathlib import Path

from loadtest.scenarios.report import charts
from loadtest.scenarios.report.figures import markdown
from loadtest.scenarios.report.page import page
from loadtest.scenarios.report.runs import NotARun, read_runs


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
