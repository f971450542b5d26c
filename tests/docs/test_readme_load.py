"""What the README says of the load test is what the committed runs say, and the reports are of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from loadtest.scenarios.catalog import SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNS: dict[str, dict[str, Any]] = {
    name: json.loads((ROOT / f"loadtest/results/runs/{name}.json").read_text()) for name in SCENARIOS
}
REPORTED = ("burst", "one_huge_file", "throttled", "defects")


@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_was_run_in_full_and_every_row_is_accounted_for(name: str) -> None:
    run = RUNS[name]
    assert run["scale"] == 1
    assert run["check_result"]["ok"] and run["check_result"]["problems"] == []
    rows = run["check_result"]["rows"]
    assert rows["found"] == rows["expected"] > 0
    assert (rows["lost"], rows["doubled"], rows["wrong"]) == (0, 0, 0)


def test_all_runs_are_of_one_commit() -> None:
    assert len({run["commit"] for run in RUNS.values()}) == 1


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_table_shows_the_committed_run(name: str) -> None:
    run = RUNS[name]
    figures, waits = run["figures"], run["figures"]["event_to_visible_s"]
    line = f"| `{name}` | {SCENARIOS[name].says} | {run['check_result']['rows']['found']:,} "
    line += f"| {figures['rows_per_second']:,.0f} | {waits['p50']:.1f} s, {waits['p99']:.1f} s "
    assert line + f"| {100 * figures['throttled_share']:.1f} % |" in README


@pytest.mark.parametrize("name", REPORTED)
def test_a_report_of_the_committed_run_is_in_the_docs(name: str) -> None:
    page = (ROOT / f"docs/loadtest/{name}.html").read_text(encoding="utf-8")
    assert RUNS[name]["commit"] in page and RUNS[name]["at"] in page
    assert (ROOT / f"docs/loadtest/{name}.png").read_bytes().startswith(b"\x89PNG")
    assert f"docs/loadtest/{name}.html" in README


def test_the_scaling_study_it_reports_of_is_the_committed_one() -> None:
    study = json.loads((ROOT / "loadtest/results/scale.json").read_text())
    page = (ROOT / "docs/loadtest/scale.html").read_text(encoding="utf-8")
    assert study["commit"] in page and study["at"] in page
    rate = study["worker"]["rows_per_second"]
    assert f"One worker writes {rate:,.0f} rows a second" in page
    assert f"one worker writes {rate:,.0f} rows a second" in README
