"""`python -m loadtest bench budget`: does a write budget hold over many workers, whatever happens to them?

The product's own rules under simulated time (`loadtest.bench.budget_fleet`); nothing is sent anywhere.
"""

import argparse
from collections.abc import Iterable, Iterator
from itertools import accumulate
from math import inf

from loadtest.bench.budget_cases import CASES, END_S, EVENT_S, WITHIN_S, BudgetCase
from loadtest.bench.budget_fleet import SAMPLE_S, TICK_S, BudgetFleet
from loadtest.bench.measuring import Document, Goal, ResultTable, finish

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
    table = ResultTable(*FIELDS, case=22)
    runs = [(name, *run) for name in arguments.case or CASES for run in CASES[name].runs]
    measured = []
    for name, budget, workers in runs:
        measured.append(measure(name, budget, workers, seeds(arguments, budget)))
        table.add(measured[-1] | {share: f"{100 * measured[-1][share]:.1f} %" for share in SHARES})
    finish(arguments, judge(measured), {"runs": measured})
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
    periods = sum(worker.lived_s + worker.parked_s for worker in fleet.workers) / 5.0  # those it is parked included
    return {
        "worst_window": worst_window(fleet),
        "allowed": allowed_window(fleet),
        "shares": most_shares(fleet),
        "used": used_share(fleet, begin_s, end_s),
        "settled_s": settled_s(fleet, EVENT_S, case.end_s) if case.settled_s else 0.0,
        "ledger_units": fleet.ledger_units / periods,
        "ledger_reads": fleet.ledger_reads / periods,
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


WINDOW_S = 10.0
SEEN_S = 1.5  # a smaller budget counts that much later: it must be read first
SETTLED, MOST = 0.95, 1.0  # of the budget: all shares together, once settled


def budget_at(fleet: BudgetFleet, time_s: float, *, seen_s: float = 0.0) -> float:
    """Return the budget at a time; the largest of the `seen_s` before, if given."""
    ends_s = [since_s for since_s, _ in fleet.budgets[1:]] + [inf]
    held = ((per_s, end_s) for (since_s, per_s), end_s in zip(fleet.budgets, ends_s, strict=True) if since_s <= time_s)
    return max(per_s for per_s, end_s in held if end_s > time_s - seen_s)


def worst_window(fleet: BudgetFleet, *, seen_s: float = SEEN_S) -> float:
    """Return the largest part that any ten seconds have used of what the budget allowed in them."""
    ticks, width = int(fleet.now_s / TICK_S), round(WINDOW_S / TICK_S)
    used = [0.0, *accumulate(fleet.used.get(tick, 0.0) for tick in range(ticks))]
    allowed = [0.0, *accumulate(budget_at(fleet, tick * TICK_S, seen_s=seen_s) * TICK_S for tick in range(ticks))]
    return max((used[i + width] - used[i]) / (allowed[i + width] - allowed[i]) for i in range(ticks - width))


def allowed_window(fleet: BudgetFleet) -> float:
    """Return what it may be: 1.05, and one request of each worker."""
    least = min(per_s for _, per_s in fleet.budgets)
    return 1.05 + sum(worker.largest_request for worker in fleet.workers) / (WINDOW_S * least)


def used_share(fleet: BudgetFleet, begin_s: float, end_s: float) -> float:
    """Return which part of the budget was used between two times."""
    ticks = range(round(begin_s / TICK_S), round(end_s / TICK_S))
    allowed = sum(budget_at(fleet, tick * TICK_S) * TICK_S for tick in ticks)
    return sum(fleet.used.get(tick, 0.0) for tick in ticks) / allowed


def settled_s(fleet: BudgetFleet, event_s: float, until_s: float) -> float:
    """Return how long after an event all shares together were last less than 95 % of the budget, or more than all."""
    return max((time_s - event_s + SAMPLE_S for time_s in _unsettled(fleet, event_s, until_s)), default=0.0)


def _unsettled(fleet: BudgetFleet, event_s: float, until_s: float) -> Iterator[float]:
    for number in range(round(event_s / SAMPLE_S) + 1, round(until_s / SAMPLE_S)):
        time_s = number * SAMPLE_S
        share = fleet.share_sums[number] / budget_at(fleet, time_s)
        if not SETTLED <= share <= MOST:
            yield time_s


def most_shares(fleet: BudgetFleet) -> float:
    """Return the largest part of the budget that all shares together ever were."""
    samples = enumerate(fleet.share_sums)
    return max(share / budget_at(fleet, number * SAMPLE_S, seen_s=SEEN_S) for number, share in samples)
