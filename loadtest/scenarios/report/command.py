"""`python -m loadtest report RUN...`: report the results of runs, as one HTML page or as Markdown."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loadtest.scenarios.report.charts import charts
from loadtest.scenarios.report.runs import HEADLINE, MORE, ReportedRun, markdown, read_run, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="results that `run` wrote")
    parser.add_argument("--html", type=Path, help="write one self-contained page there; without it, print Markdown")


def run(arguments: argparse.Namespace) -> int:
    """Make the report; return 1 if a run's result is not green, 2 if a file is not a run."""
    runs = []
    for path in arguments.runs:
        try:
            runs.append(read_run(path))
        except (OSError, ValueError) as error:
            print(f"error: {path} is not a result of `python -m loadtest run`: {error}.", file=sys.stderr)
            return 2
    if arguments.html:
        arguments.html.parent.mkdir(parents=True, exist_ok=True)
        arguments.html.write_text(page(runs), encoding="utf-8")
    else:
        print("\n".join(map(markdown, runs)), end="")
    return 0 if all(shown.is_ok for shown in runs) else 1


def page(runs: Sequence[ReportedRun]) -> str:
    """Return one self-contained HTML page: all results first, then the figures and curves of each run."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    used = {"table": table, "HEADLINE": HEADLINE, "MORE": MORE, "charts": charts}
    return environment.get_template("page.html.j2").render(runs=runs, **used)
