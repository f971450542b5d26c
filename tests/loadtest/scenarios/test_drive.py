import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtest.scenarios.catalog import Files, Objective, Scenario
from loadtest.scenarios.drive import perform, progress_bar
from tests.loadtest.scenarios.memory_target import MemoryTarget

Outcome = tuple[MemoryTarget, dict[str, Any]]
DEFECTS = {"defects": {"bad_number": 0.1, "duplicates": 0.1}}
SCENARIO = Scenario(
    name="tiny",
    says="three files",
    files=(Files(feed="orders", count=2, rows=100, recipe=DEFECTS), Files(feed="orders", count=1, rows=100)),
    every_s=0.12,
    objectives=(Objective("event_to_visible_s.p99", at_most=0.2), Objective("rows_per_cpu_second", 1)),
)
SAMPLES = ["t", "backlog", "in_flight", "oldest_s", "rows_per_s", "throttles_per_s", "rejected_per_s"]
FIGURES = ["seconds", "rows_written", "rows_per_second", "rows_per_cpu_second", "bytes", "peak_memory_mb"]
FIGURES += ["write_units", "requests", "throttled_share", "workers", "event_to_visible_s", "usd_per_million_rows"]


def performed(target: MemoryTarget, patience_s: float = 30) -> dict[str, Any]:
    with progress_bar("tiny", Console(file=io.StringIO())) as progress:
        return perform(SCENARIO, target, scale=1, seed=5, progress=progress, patience_s=patience_s)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    target = MemoryTarget(tmp_path_factory.mktemp("objects"))
    return target, performed(target)


def test_a_product_without_a_fault_gets_a_green_result(good: Outcome) -> None:
    check_result = good[1]["check_result"]
    assert check_result["problems"] == []
    assert check_result["files"] == {"expected": 3, "complete": 3, "failed": 0, "superseded": 0}
    assert check_result["rows"]["found"] == check_result["rows"]["expected"] > 200
    assert check_result["rejected"]["found"]["bad_number"] > 0


def test_files_are_dropped_when_they_are_due_and_each_once(good: Outcome) -> None:
    times = [at_s for at_s, _ in good[0].drops]
    assert times[1] - times[0] > 0.06
    assert times[2] - times[0] > 0.18
    assert len({drop.key for _, drop in good[0].drops}) == 3
    assert all((good[0].folder / drop.key).stat().st_size == drop.bytes for _, drop in good[0].drops)


def test_the_document_has_the_form_that_the_report_reads(good: Outcome) -> None:
    result = good[1]
    assert list(result) == ["objectives", "check_result", "figures", "samples", "files"]
    assert list(result["figures"]) == FIGURES
    assert list(result["samples"]) == [*SAMPLES, "workers", "cpu", "memory_mb"]
    assert len({len(values) for values in result["samples"].values()}) == 1
    assert list(result["files"][0]) == ["name", "bytes", "rows", "status", "event_to_visible_s"]


def test_figures_are_made_of_what_ledger_and_target_say(good: Outcome) -> None:
    figures = good[1]["figures"]
    assert figures["event_to_visible_s"]["p99"] == pytest.approx(0.25, abs=0.01)
    assert 0.4 < figures["seconds"] < 5
    assert (figures["requests"], figures["throttled_share"], figures["write_units"]) == (40, 0.1, 1000)
    assert figures["usd_per_million_rows"] == pytest.approx(1000 * 0.625 / figures["rows_written"], abs=0.001)
    assert figures["rows_per_second"] == pytest.approx(figures["rows_written"] / figures["seconds"], rel=0.01)


def test_a_missed_objective_is_reported_and_one_that_was_not_measured_is_left_out(good: Outcome) -> None:
    [goal] = good[1]["objectives"]
    assert (goal["what"], goal["is_met"]) == ("event to visible in seconds, p99", False)


def test_a_lost_row_is_not_a_green_result(tmp_path: Path) -> None:
    check_result = performed(MemoryTarget(tmp_path, loses=1))["check_result"]
    assert (check_result["ok"], check_result["rows"]["lost"]) == (False, 1)


def test_a_product_that_stalls_is_given_up_and_judged_by_what_it_did(tmp_path: Path) -> None:
    result = performed(MemoryTarget(tmp_path, stalls=True), patience_s=0.5)
    assert any("ended as nothing" in problem for problem in result["check_result"]["problems"])
    assert result["files"][0]["event_to_visible_s"] is None
