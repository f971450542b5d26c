"""`python -m loadtest bench budget`: does a write budget hold over many workers, whatever happens to them?

The product's own rules under simulated time (`loadtest.bench.budget_fleet`); nothing is sent anywhere.
"""

import argparse
from collections.abc import Iterable, Iterator

from loadtest.bench import report
from loadtest.bench.budget_cases import CASES, END_S, EVENT_S, WITHIN_S, BudgetCase
from loadtest.bench.budget_fleet import BudgetFleet
from loadtest.bench.budget_measure import (
    allowed_window,
    ledger_calls_per_worker,
    most_shares,
    settled_s,
    used_share,
    worst_window,
)
from loadtest.bench.goals import Goal
from loadtest.bench.measuring import Document

UNITS = 1.1  # of the ledger, for each worker and five seconds
HUGE = 40_000  # one seed is enough: many requests
SHARES = ("worst_window", "allowed", "used")
FIELDS = ("case", "budget", "workers", "worst_window", "allowed", "used", "settled_s", "ledger_units", "parked")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the parser the settings of the benchmark."""
    parser.add_argument("--case", action="append", choices=[*CASES], help="only that one (may be repeated)")
    parser.add_argument("--seeds", type=int, default=2, help="runs of each, with other chances (default 2)")


def run(arguments: argparse.Namespace) -> int:
    """Simulate each case; missing a goal is a result, not a failure."""
    table = report.ResultTable(*FIELDS, case=22)
    runs = [(name, *run) for name in arguments.case or CASES for run in CASES[name].runs]
    measured = []
    for name, budget, workers in runs:
        measured.append(measure(name, budget, workers, seeds(arguments, budget)))
        table.add(measured[-1] | {share: f"{100 * measured[-1][share]:.1f} %" for share in SHARES})
    report.finish(arguments, judge(measured), {"runs": measured})
    return 0


def seeds(arguments: argparse.Namespace, budget: float) -> range:
    """Return the seeds of a case."""
    return range(arguments.seed, arguments.seed + (1 if budget >= HUGE else arguments.seeds))


def measure(name: str, budget: float, workers: int, seeds: Iterable[int]) -> Document:
    """Return the worst that a case has shown with any seed. Shares are of the budget."""
    case = CASES[name]
    runs = [_one(case, budget, workers, seed) for seed in seeds]
    worst = {field: max(run[field] for run in runs) for field in runs[0]}
    worst |= {"used": min(run["used"] for run in runs)}
    shown = {field: round(value, 4) for field, value in worst.items()}
    return {"case": name, "says": case.says, "budget": budget, "workers": workers, **shown}


def _one(case: BudgetCase, budget: float, workers: int, seed: int) -> dict[str, float]:
    fleet = BudgetFleet(budget_per_s=budget, seed=seed, capacity_per_s=budget * case.capacity)
    case.setup(fleet, workers)
    fleet.run(case.end_s)
    begin_s, end_s, _ = case.used or (1 + WITHIN_S if case.end_s < END_S else EVENT_S, case.end_s, 0)
    units, reads = ledger_calls_per_worker(fleet)
    return {
        "worst_window": worst_window(fleet),
        "allowed": allowed_window(fleet),
        "shares": most_shares(fleet),
        "used": used_share(fleet, begin_s, end_s),
        "settled_s": settled_s(fleet, EVENT_S, case.end_s) if case.settled_s else 0.0,
        "ledger_units": units,
        "ledger_reads": reads,
        "parked": fleet.parked,
    }


def judge(measured: list[Document]) -> Iterator[Goal]:
    """Yield each goal."""
    over = "units of the worst ten seconds, of what is allowed (1.05 budgets and one request of each worker)"
    held = [run["worst_window"] / run["allowed"] for run in measured if CASES[run["case"]].holds]
    if held:
        yield Goal(over, max(held), at_most=1.0)
    for run in measured:
        case = CASES[run["case"]]
        what = f"{run['case']}, budget {run['budget']:,}, {run['workers']} workers"
        if case.used:
            yield Goal(f"{what}: share used", run["used"], at_least=case.used[2])
        if case.settled_s:
            yield Goal(f"{what}: settled after seconds", run["settled_s"], at_most=case.settled_s)
        if not case.holds:
            yield Goal(f"{what}: {over}", run["worst_window"] / run["allowed"], at_most=1.0)
    costs = [run["ledger_units"] for run in measured if CASES[run["case"]].costs]
    if costs:
        yield Goal("ledger write units of each worker in five seconds", max(costs), at_most=UNITS)
