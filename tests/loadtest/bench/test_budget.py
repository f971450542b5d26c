"""The simulation of write budgets: it holds for whatever comes, and it shows what happens without its rules."""

import json
import subprocess
import sys
from functools import partial
from math import inf
from operator import le
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.dynamodb.budget import member
from loadtest.bench.budget import (
    CASES,
    SEEN_S,
    allowed_window,
    judge,
    measure,
    seen_budgets,
    settled_s,
    simulated,
    used_share,
    worst_window,
)
from loadtest.bench.budget_fleet import TICK_S, TIMEOUT_S, BudgetFleet

END_S = 50.0
TIMES = st.floats(0, 40)


@settings(deadline=None)
@given(
    budget=st.sampled_from([10, 40, 100]),
    starts=st.lists(st.tuples(TIMES, st.floats(5, 60), st.booleans()), min_size=1, max_size=6),
    demands=st.lists(st.sampled_from([inf, 1.0, 5.0, 20.0]), min_size=6, max_size=6),
    budgets=st.lists(st.tuples(TIMES, st.sampled_from([10, 50, 100])), max_size=2),
    outages=st.lists(st.tuples(TIMES, st.floats(1, 30), st.sampled_from(["put", "read", "both"])), max_size=2),
    freezes=st.lists(st.tuples(TIMES, st.integers(0, 5), st.floats(0.5, 30)), max_size=2),
    seed=st.integers(0, 1000),
)
@example(  # a cut while the only worker stands still
    budget=10,
    starts=[(0, 14, False)],
    demands=[inf],
    budgets=[(0, 50), (2, 10)],
    outages=[],
    freezes=[(2, 0, 2)],
    seed=0,
)
def test_all_shares_together_are_at_most_the_budget_whatever_comes(
    budget: float,
    starts: list[tuple[float, float, bool]],
    demands: list[float],
    budgets: list[tuple[float, float]],
    outages: list[tuple[float, float, str]],
    freezes: list[tuple[float, int, float]],
    seed: int,
) -> None:
    """Workers start, end, are killed, want little or much; budgets change; calls of all fail; some stand still."""
    fleet = BudgetFleet(budget_per_s=budget, seed=seed)
    workers = []
    for (start_s, lives_s, is_killed), demand in zip(starts, demands, strict=False):
        workers.append(fleet.add(start_s, rows_per_s=demand))
        fleet.at(start_s + lives_s, partial(fleet.kill if is_killed else fleet.leave, workers[-1]))
    blind = any(calls != "put" for _, _, calls in outages)  # then no one can see another budget
    for time_s, per_s in [] if blind else sorted(budgets):
        fleet.at(time_s, partial(fleet.set_budget, per_s))
    for time_s, number, seconds in freezes:
        frozen = workers[number % len(workers)]
        fleet.at(time_s, partial(fleet.freeze, frozen, seconds))
    fleet.fault = lambda call, worker, now_s: any(
        begin_s <= now_s < begin_s + seconds and calls in (call, "both") for begin_s, seconds, calls in outages
    )
    fleet.run(END_S)
    seen_s = SEEN_S + TIMEOUT_S * bool(outages)  # a read waits for a write that gets no answer
    seen_s += member.FROZEN_S * bool(freezes)  # who stands still for longer begins anew
    if not outages and not freezes:  # what is over soon, not all have noticed: shares overlap for a second or two
        assert all(map(le, fleet.share_sums, seen_budgets(fleet, SEEN_S)))
    assert worst_window(fleet, seen_s=seen_s) <= allowed_window(fleet)


def run(name: str, budget: float, workers: int) -> dict[str, Any]:
    return measure(name, budget, workers, [1])


def test_a_crowd_takes_no_more_than_the_budget_and_nearly_all_of_it() -> None:
    found = run("start", 200, 12)
    assert 0.95 <= found["used"] <= found["worst_window"] <= 1.01
    assert most_shares("start", 200, 12) <= 0.986


def most_shares(name: str, budget: float, workers: int) -> float:
    """Return the largest part of the budget that all shares together ever were."""
    return max(simulated(CASES[name], budget, workers, 1).share_sums) / budget


def test_without_waiting_for_the_others_a_crowd_takes_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "WAIT_S", 0.0)
    assert most_shares("start", 200, 12) > 1.2


def test_without_leases_that_stand_still_workers_take_each_other_for_dead_when_writes_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(member, "MUTE_S", inf)
    monkeypatch.setattr(member, "DUE_S", -inf)
    found = run("writes fail", 200, 12)
    assert found["worst_window"] > 2 > found["allowed"]


def test_without_noticing_that_it_stood_still_a_worker_takes_what_others_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "FROZEN_S", inf)
    assert most_shares("half frozen", 200, 12) > 1.2


@pytest.mark.parametrize(
    ("changed", "missed"),
    [
        ({}, 0),
        ({"worst_window": 1.2}, 1),
        ({"used": 0.9}, 1),
        ({"settled_s": 2.1}, 1),
        ({"ledger_units": 1.2}, 1),
    ],
)
def test_each_goal_can_be_missed(changed: dict[str, float], missed: int) -> None:
    right = {"worst_window": 0.99, "allowed": 1.05, "used": 0.97, "settled_s": 1.6, "ledger_units": 1.05}
    goals = [*judge([{"case": "join", "budget": 200, "workers": 12, **right, **changed}])]
    assert sum(not goal.is_met for goal in goals) == missed
    assert len(goals) == 4


def test_what_a_fleet_has_used_is_measured_against_the_budget_that_could_be_seen() -> None:
    fleet = BudgetFleet(budget_per_s=100, seed=1)
    fleet.at(20.0, lambda: fleet.set_budget(50))
    fleet.run(40.0)
    seen = seen_budgets(fleet, 1.5)
    assert [seen[round(time_s / TICK_S)] for time_s in (19.9, 20.0, 21.4, 21.6)] == [100, 100, 100, 50]
    fleet.used = [75 * TICK_S] * len(fleet.used)
    assert worst_window(fleet) == pytest.approx(1.5, rel=0.01)
    assert used_share(fleet, 0, 10) == pytest.approx(0.75)
    fleet.share_sums = [100.0 if tick * TICK_S < 20.8 else 50.0 for tick in range(len(fleet.used))]
    assert settled_s(fleet, 20.0) == pytest.approx(0.8, abs=TICK_S)


def test_every_case_of_the_issue_is_there() -> None:
    runs = {(budget, workers) for case in CASES.values() for budget, workers in case.runs}
    assert {budget for budget, _ in runs} == {5, 200, 5_000, 40_000}
    assert {workers for _, workers in runs} >= {1, 4, 12, 100}


def test_the_command_writes_its_result(tmp_path: Path) -> None:
    out = tmp_path / "budget.json"
    command = [sys.executable, "-m", "loadtest", "bench", "budget", "--case", "cut", "--seeds", "1"]
    ran = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr
    result = json.loads(out.read_text())
    assert [(run["budget"], run["workers"]) for run in result["runs"]] == [(200, 12), (5_000, 12)]
    assert {"commit", "seed", "command", "goals"} <= set(result)
