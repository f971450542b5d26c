"""A report of runs as Markdown, for a pull request."""

from collections.abc import Sequence

from loadtest.report import figures
from loadtest.report.page import sentence
from loadtest.report.runs import ReportedRun


def markdown(runs: Sequence[ReportedRun]) -> str:
    """Return results, objectives and figures; with several runs, their ratio to the first one."""
    parts = [_check_result(run) for run in runs]
    parts.append(_table(["", *(run.title for run in runs)], figures.rows(runs)))
    parts += [f"`{run.document['command']}`, commit {run.document['commit'][:12]}" for run in runs]
    return "\n\n".join(parts) + "\n"


def _check_result(run: ReportedRun) -> str:
    lines = [f"**{run.title}: {run.check_result}.** {sentence(run)}"]
    lines += [f"- {problem}" for problem in run.document["check_result"]["problems"]]
    lines += [f"- objective {_goal(goal)}" for goal in run.document["objectives"]]
    return "\n".join(lines)


def _goal(goal: dict[str, object]) -> str:
    bound = f"at most {goal['at_most']}" if "at_most" in goal else f"at least {goal['at_least']}"
    return f"{'met' if goal['is_met'] else 'MISSED'}: {goal['what']}: {goal['found']}, {bound}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
