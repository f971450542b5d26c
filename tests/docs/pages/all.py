"""All pages of the documentation, and all parts that they take from the code."""

from pathlib import Path

from tests.docs.pages import commands, evidence, feeds, ledger, ledger_costs, metrics

ROOT = Path(__file__).parents[3]
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))


def all_parts() -> dict[str, str]:
    """Return every part by its name."""
    return {
        name: text
        for module in (commands, evidence, feeds, ledger, ledger_costs, metrics)
        for name, text in module.parts().items()
    }
