"""Each scenario in small: the product is measured, and every row is where it must be. A broken writer is caught."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.scenarios.catalog import SCENARIOS, Files, Scenario
from loadtest.scenarios.deployed import LocalTarget
from loadtest.scenarios.drive import Target, perform, progress_bar
from loadtest.scenarios.sim import SimTarget, sim_target
from loadtest.simulator.settings import Simulation

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("scenarios")]
SCALES = {
    "smoke": 0.1,
    "steady": 0.025,
    "burst": 0.03,
    "one_huge_file": 0.004,
    "many_large": 0.003,
    "defects": 0.005,
    "hot_key": 0.03,
    "throttled": 0.02,
    "duplicate_storm": 0.03,
    "mixed_feeds": 0.02,
    "changes": 0.02,
}


@pytest.fixture(scope="module")
def sim() -> Iterator[SimTarget]:
    with sim_target() as target:
        yield target


def performed(scenario: Scenario, target: Target, scale: float) -> dict[str, Any]:
    with progress_bar(scenario.name) as progress:
        return perform(scenario, target, scale=scale, seed=3, progress=progress, patience_s=300)


@pytest.mark.parametrize("name", SCALES)
def test_a_scenario_in_small_loses_and_doubles_nothing(name: str, sim: Target) -> None:
    result = performed(SCENARIOS[name], sim, SCALES[name])
    assert result["check_result"]["problems"] == []
    assert result["check_result"]["rows"]["found"] > 0
    assert result["figures"]["rows_written"] >= result["check_result"]["rows"]["found"]


def test_the_whole_stack_in_the_emulator_loses_and_doubles_nothing() -> None:
    kinds = tuple(replace(kind, count=1, rows=300) for kind in SCENARIOS["mixed_feeds"].files)
    defective = replace(SCENARIOS["defects"].files[0], count=1, rows=500)
    scenario = replace(SCENARIOS["mixed_feeds"], every_s=0.0, files=(*kinds, defective), notices=2)
    result = performed(scenario, LocalTarget(), 1)
    assert result["check_result"]["problems"] == []
    assert result["check_result"]["rows"]["found"] > 0


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "loadtest", "run", "throttled", "--out", str(tmp_path.parent / "never.json")]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        until_s = time.monotonic() + 60
        while not has_file(tmp_path, "worker-1.log") and time.monotonic() < until_s:
            time.sleep(0.1)
        run.send_signal(signal.SIGINT)
        printed = run.communicate(timeout=60)[1]
    assert (run.returncode, b"nothing is left" in printed) == (130, True), printed
    assert list(tmp_path.iterdir()) == []
    assert processes_with(f"TMPDIR={tmp_path}") == []


def has_file(folder: Path, name: str) -> bool:
    """Return whether a file of this name is anywhere in a folder, of which parts come and go meanwhile."""
    return any(name in files for _, _, files in os.walk(folder))


def processes_with(variable: str) -> list[str]:
    """Return the command lines of the processes that have a variable, as the emulator and all its children do."""
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and variable.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


def broken(sim: SimTarget, bug: str, scenario: Scenario) -> dict[str, Any]:
    """Return the result of a scenario whose workers have a bug."""
    target = replace(sim, module="tests.e2e.broken_writer", variables={"LOADTEST_BUG": bug})
    check_result: dict[str, Any] = performed(scenario, target, 1)["check_result"]
    assert not check_result["ok"]
    return check_result


def one_worker(rows: int) -> Scenario:
    return replace(SCENARIOS["one_huge_file"], files=(Files(feed="orders", count=1, rows=rows),), workers=1)


def test_a_writer_that_drops_a_row_in_100_000_is_caught(sim: SimTarget) -> None:
    check_result = broken(sim, "DropsARow", one_worker(110_000))
    assert check_result["rows"]["lost"] == 1
    assert "lacks 1 of 110,000 rows" in check_result["problems"][0]


def test_a_writer_that_writes_a_row_twice_with_different_content_is_caught(sim: SimTarget) -> None:
    check_result = broken(sim, "WritesTwice", one_worker(2_000))
    assert (check_result["rows"]["doubled"], check_result["rows"]["wrong"], check_result["rows"]["lost"]) == (1, 1, 0)


def test_it_is_caught_too_if_the_right_content_is_what_stays(sim: SimTarget) -> None:
    check_result = broken(sim, "WritesTwiceTheOtherWayRound", one_worker(2_000))
    assert (check_result["rows"]["doubled"], check_result["rows"]["wrong"], check_result["rows"]["lost"]) == (1, 0, 0)


def test_a_writer_that_forgets_the_version_is_caught(sim: SimTarget) -> None:
    changes = replace(SCENARIOS["changes"], files=(Files(feed="changes", count=4, rows=300),))
    check_result = broken(sim, "ForgetsTheVersion", changes)
    assert any("items gave way to older ones" in problem for problem in check_result["problems"])
    assert check_result["rows"]["wrong"] == 1


def test_a_writer_that_ignores_a_throttle_is_caught(sim: SimTarget) -> None:
    table = Simulation(mode="provisioned", provisioned_units_per_s=500)
    check_result = broken(sim, "IgnoresAThrottle", replace(one_worker(3_000), table=table))
    assert check_result["rows"]["lost"] > 0
