"""A report of runs as one HTML page that needs nothing else."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from loadtest.report import charts, figures
from loadtest.report.runs import ReportedRun


def page(runs: Sequence[ReportedRun]) -> str:
    """Return the page: results first, then figures side by side, then the curves of each run."""
    compared = charts.comparison(runs)
    return render(
        "page.html.j2",
        runs=runs,
        sentence=sentence,
        rejected=rejected,
        table=lambda rows: table(["", *(run.title for run in runs)], rows),
        check_result_rows=figures.check_result_rows(runs),
        figure_rows=figures.rows(runs),
        comparison=charts.svg(compared) if compared else "",
        charts={run.name: _charts(run) for run in runs},
    )


def render(template: str, **values: object) -> str:
    """Return a template of this folder, filled; what is put into it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template(template).render(**values)


def sentence(run: ReportedRun) -> str:
    """Return the result in one sentence."""
    rows = run.document["check_result"]["rows"]
    found = f"{figures.count(rows['expected'])} rows expected, {figures.count(rows['found'])} found"
    return f"{found}; {rows['lost']:,} lost, {rows['doubled']:,} doubled, {rows['wrong']:,} wrong."


def rejected(run: ReportedRun) -> list[tuple[str, int, int]]:
    """Return each reason with the rejects that were expected and found."""
    expected, found = (
        run.figure("check_result.rejected.expected") or {},
        run.figure("check_result.rejected.found") or {},
    )
    return [(reason, expected.get(reason, 0), found.get(reason, 0)) for reason in sorted({*expected, *found})]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Return a table that scrolls sideways on a phone."""
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    html = f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
    return Markup(html)  # every cell was escaped above  # nosec B704


def _charts(run: ReportedRun) -> dict[str, str]:
    drawn = charts.timelines(run)
    waits = charts.distribution(run)
    if waits:
        drawn["Event to visible, all files"] = waits
    return {title: charts.svg(figure) for title, figure in drawn.items()}
