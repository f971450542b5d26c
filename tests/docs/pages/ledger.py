"""The parts of docs/ledger.md, from `ingest.ledger.work_item`: state diagrams, and each step with its condition."""

import re

from ingest.contract import FINAL_STATUSES
from ingest.ledger.table import allowed
from ingest.ledger.work_item import FILE_STEPS, NEW, SEGMENT_STEPS, Step
from tests.docs.pages.markdown import table

ENDS = {"DONE", "STOPPED", *FINAL_STATUSES}
LEASE = {"free": "free, or expired", "held": "held by the caller", "any": "does not matter"}
TITLES = ("step", "from", "to", "the lease must be", "condition of the write")


def parts() -> dict[str, str]:
    """Return the diagrams and tables, by name."""
    return {
        "file states": diagram(FILE_STEPS),
        "file steps": table(TITLES, (_row(*step) for step in FILE_STEPS.items())),
        "segment states": diagram(SEGMENT_STEPS),
        "segment steps": table(TITLES, (_row(*step) for step in SEGMENT_STEPS.items())),
    }


def diagram(steps: dict[str, Step]) -> str:
    """Return the steps as a mermaid state diagram: one arrow from state to state, with all steps that take it.

    >>> print(diagram({"begin": Step(("",), "LOADING"), "end": Step(("LOADING",), "DONE")}), end="")
    ```mermaid
    stateDiagram-v2
        [*] --> LOADING: begin
        LOADING --> DONE: end
        DONE --> [*]
    ```
    """
    arrows: dict[tuple[str, str], list[str]] = {}
    for name, step in steps.items():
        for source in step.sources:
            arrows.setdefault((source or "[*]", step.target), []).append(name.replace(",", ""))
    lines = [f"    {source} --> {target}: {' / '.join(names)}" for (source, target), names in arrows.items()]
    ends = sorted({step.target for step in steps.values()} & ENDS)
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, *(f"    {end} --> [*]" for end in ends), "```\n"])


def condition(step: Step) -> str:
    """Return the condition of a step as the ledger sends it, with its states filled in."""
    text, values = allowed(step)
    for name, state in values.items():
        text = re.sub(rf"{name}\b", f"'{state}'", text)
    return text.replace("#", "")


def _row(name: str, step: Step) -> list[str]:
    sources = ", ".join(f"`{source}`" if source != NEW else "no entry" for source in step.sources)
    return [name, sources, f"`{step.target}`", LEASE[step.lease], f"`{condition(step)}`"]
