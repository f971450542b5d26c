"""docs/loadtest.md says what each scenario costs: as a run would show it, within a tenth."""

import re
from pathlib import Path

import pytest

from loadtest.scenarios.catalog import SCENARIOS, dollars, load_of, table_seconds

PAGE = (Path(__file__).parents[3] / "docs/loadtest.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| \$([\d.]+) \|$", PAGE, re.MULTILINE)


def test_all_scenarios_are_on_the_page() -> None:
    assert [name for name, *_ in ROWS] == list(SCENARIOS)


@pytest.mark.parametrize(("name", "minutes", "usd"), ROWS)
def test_the_page_says_what_a_scenario_takes_and_costs(name: str, minutes: str, usd: str) -> None:
    scenario = SCENARIOS[name]
    assert table_seconds(scenario, load_of(scenario)) / 60 == pytest.approx(float(minutes), abs=0.06)
    assert dollars(scenario) == pytest.approx(float(usd), rel=0.1, abs=0.02)
