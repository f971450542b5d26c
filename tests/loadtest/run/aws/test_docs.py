"""docs/loadtest-aws.md says what each scenario costs: as the guard would say it, within a tenth."""

import re
from pathlib import Path

import pytest

from loadtest.run.aws.estimate import estimate, rows_per_cpu_second, seconds_at_capacity, total
from loadtest.run.aws.load import load_of
from loadtest.scenarios.catalog import SCENARIOS
from tests.loadtest.run.aws.test_estimate import stack

PAGE = (Path(__file__).parents[4] / "docs/loadtest-aws.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| \$([\d.]+) \|$", PAGE, re.MULTILINE)


def test_all_scenarios_are_on_the_page() -> None:
    assert [name for name, *_ in ROWS] == list(SCENARIOS)


@pytest.mark.parametrize(("name", "minutes", "usd"), ROWS)
def test_the_page_says_what_a_scenario_takes_and_costs(name: str, minutes: str, usd: str) -> None:
    load = load_of(SCENARIOS[name], seed=1)
    assert seconds_at_capacity(load, stack()) / 60 == pytest.approx(float(minutes), abs=0.06)
    lines = estimate(load, stack(), rows_per_cpu_second())
    assert total(lines) == pytest.approx(float(usd), rel=0.1, abs=0.02)
