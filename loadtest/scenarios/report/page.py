"""A report of runs as one HTML page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from loadtest.scenarios.report import charts
from loadtest.scenarios.report.figures import CHECKED, HEADLINE, MORE, table
from loadtest.scenarios.report.runs import ReportedRun


def page(runs: Sequence[ReportedRun]) -> str:
    """Return the page: results and headline figures first, then all figures side by side, then each run's curves."""
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
