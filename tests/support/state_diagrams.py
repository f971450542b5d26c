"""The tables and diagrams of docs/ledger.md, made from `ingest.ledger.states`.

`python -m tests.support.state_diagrams` writes them. Each stands between two comments, <!-- name --> and <!-- end -->.
"""

import re
from pathlib import Path

from ingest.contract import FINAL_STATUSES
from ingest.ledger.states import FILE_STEPS, NEW, SEGMENT_STEPS, Step
from ingest.ledger.table import allowed

PAGE = Path(__file__).parents[2] / "docs/ledger.md"
ENDS = {"DONE", "STOPPED", *FINAL_STATUSES}
LEASE = {"free": "free, or expired", "held": "held by the caller", "any": "does not matter"}


def diagram(steps: dict[str, Step]) -> str:
    """Return the steps as a mermaid state diagram: one arrow from state to state, with all steps that take it."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for name, step in steps.items():
        for source in step.sources:
            arrows.setdefault((source or "[*]", step.target), []).append(name.replace(",", ""))
    lines = [f"    {source} --> {target}: {' / '.join(names)}" for (source, target), names in arrows.items()]
    ends = sorted({step.target for step in steps.values()} & ENDS)
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, *(f"    {end} --> [*]" for end in ends), "```"])


def table(steps: dict[str, Step]) -> str:
    """Return the steps as a table, with the condition that DynamoDB checks."""
    lines = ["| step | from | to | the lease must be | condition of the write |", "|---|---|---|---|---|"]
    for name, step in steps.items():
        sources = ", ".join(f"`{source}`" if source != NEW else "no entry" for source in step.sources)
        lines.append(f"| {name} | {sources} | `{step.target}` | {LEASE[step.lease]} | `{condition(step)}` |")
    return "\n".join(lines)


def condition(step: Step) -> str:
    """Return the condition of a step as the ledger sends it, with its states filled in."""
    text, values = allowed(step)
    for name, state in values.items():
        text = re.sub(rf"{name}\b", f"'{state}'", text)
    return text.replace("#", "")


def parts() -> dict[str, str]:
    """Return what the page holds between its comments, by name."""
    return {
        "file states": diagram(FILE_STEPS),
        "file steps": table(FILE_STEPS),
        "segment states": diagram(SEGMENT_STEPS),
        "segment steps": table(SEGMENT_STEPS),
    }


def with_parts(page: str) -> str:
    """Return the page with its parts as they should be."""
    for name, text in parts().items():
        begin, end = f"<!-- {name} -->\n", "<!-- end -->"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}{text}\n{end}{rest.partition(end)[2]}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_parts(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
