"""`python -m loadtest bench budget`: does a write budget hold across many workers when they join, leave or fail?

The product's own rules run in simulated time (`loadtest.bench.budget_fleet`); no request leaves the process. Each case
starts some workers and triggers an event at `EVENT_S`.
"""

import argparse
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from math import inf

from loadtest.bench.budget_fleet import TICK_S, BudgetFleet, Worker
from loadtest.bench.measuring import Document, Goal, finish, show

EVENT_S, END_S, CROWD_END_S = 45.0, 105.0, 60.0
SOON_S = 4.0  # the budget must be in use three seconds after the last worker has started
JOIN_S, CRASH_S, CUT_S, SHOWN_S = 2.0, 10.0, 1.5, 15.0  # and after these events; SHOWN_S: after demands are known
BOTH = ("put", "read")
Load = dict[str, float]  # what a worker has to write
Event = Callable[[BudgetFleet, list[Worker]], object]
Setup = Callable[[BudgetFleet, int], list[Worker]]


def crowd(load: Callable[[int, float], Load] = lambda number, share: {}) -> Setup:
    """Start workers within one second. `load` gets each worker's number and an equal share of the budget."""

    def setup(fleet: BudgetFleet, count: int) -> list[Worker]:
        share = fleet.budget_per_s / count
        return [fleet.add(fleet.chance.random(), **load(number, share)) for number in range(count)]

    return setup


CROWD = crowd()


@dataclass(frozen=True, slots=True)
class BudgetCase:
    """A case: an event, the workers it happens to, pairs of budget and number of workers, and when it is judged."""

    says: str
    event: Event = lambda fleet, workers: None
    runs: tuple[tuple[float, int], ...] = ((200, 12), (5_000, 12))
    settled_s: float = 0.0  # seconds until the sum of all shares must be the budget, which must be used from then on
    used_from_s: float = 0.0  # or the time from which on the budget must be used
    used_until_s: float = END_S
    least_used: float = 0.95  # share of the budget, where its use is judged
    setup: Setup = CROWD
    end_s: float = END_S
    costs: bool = True  # whether ledger units are judged: each life adds two, for its first entry and its deletion
    holds: bool = True  # whether the budget is expected to hold
    capacity: float = inf  # capacity of the table, as a factor of the budget

    @property
    def judged_from_s(self) -> float:
        """The time from which on the budget must be used; 0 if its use is not judged."""
        return EVENT_S + self.settled_s if self.settled_s else self.used_from_s


def _some(act: Callable[[BudgetFleet, Worker], object], part: float = 0.0) -> Event:
    """Return an event that happens to this part of the workers, and to one at least."""
    return lambda fleet, workers: [act(fleet, worker) for worker in workers[: max(1, int(part * len(workers)))]]


def _frozen(seconds: float, part: float = 0.0) -> Event:
    return _some(lambda fleet, worker: fleet.freeze(worker, seconds), part)


def _join(fleet: BudgetFleet, workers: list[Worker]) -> None:
    for _ in workers:
        fleet.add(EVENT_S)


def _change(factor: float) -> Event:
    return lambda fleet, workers: fleet.set_budget(fleet.budget_per_s * factor)


def _outage(*calls: str, changes: bool = False, of_one: bool = False) -> Event:
    """Return an event after which all workers' calls, or one's, fail until the end; `changes`: 2 die, 2 start later."""

    def begin(fleet: BudgetFleet, workers: list[Worker]) -> None:
        fleet.fault = lambda call, worker, now_s: call in calls and (worker is workers[0] or not of_one)
        for worker in workers[: 2 * changes]:
            fleet.at(EVENT_S + 10, partial(fleet.kill, worker))
            fleet.add(EVENT_S + 20)

    return begin


def _mixed(number: int, share: float) -> Load:
    """Return loads: of six workers, four need a fifth of an equal share, one needs 1.5 shares, one has no limit."""
    return {"rows_per_s": (1.5 if number % 6 == 4 else 0.2) * share} if number % 6 < 5 else {}


def _churn(mean_s: float, killed: float, least_s: float, most_s: float) -> Setup:
    """Start a new worker whenever one has ended."""

    def setup(fleet: BudgetFleet, count: int) -> list[Worker]:
        def again() -> None:
            lives_s = min(most_s, max(least_s, fleet.chance.expovariate(1 / mean_s)))
            end = fleet.kill if fleet.chance.random() < killed else fleet.leave
            fleet.at(fleet.now_s + lives_s, partial(end, fleet.add(fleet.now_s)))
            fleet.at(fleet.now_s + lives_s, again)

        for _ in range(count):
            fleet.at(fleet.chance.random(), again)
        return []

    return setup


def _small_files(fleet: BudgetFleet, count: int) -> list[Worker]:
    """Start two workers a second, each with 200 rows to write before it ends."""
    return [fleet.add(number / 2, rows_left=200) for number in range(int(2 * END_S))]


LARGE = ((200, 12), (5_000, 12), (40_000, 100))
MANY = ((5, 4), (5, 12), (200, 100))
LONG = ((5_000, 4), (5_000, 12))
ALL = tuple((budget, count) for budget in (5, 200, 5_000, 40_000) for count in (1, 4, 12, 100))
_LARGE_ITEMS = crowd(lambda number, share: {"row_units": 4.0 if number % 2 else 1.0})
_PARK = crowd(lambda number, share: {"rows_left": 60 * 5})  # a minute of work at 5 units a second
CASES = {
    "start": BudgetCase("all start within a second", runs=ALL, used_from_s=SOON_S, end_s=CROWD_END_S),
    "join": BudgetCase("as many more start at once", _join, LARGE, JOIN_S),
    "leave": BudgetCase("half of them end", _some(BudgetFleet.leave, 0.5), settled_s=JOIN_S),
    "kill one": BudgetCase("one is killed", _some(BudgetFleet.kill), LONG, CRASH_S),
    "kill": BudgetCase("half of them are killed", _some(BudgetFleet.kill, 0.5), LARGE, CRASH_S),
    "raise": BudgetCase("four times the budget", _change(4), settled_s=CUT_S),
    "cut": BudgetCase("a quarter of the budget", _change(0.25), settled_s=CUT_S),
    "mixed": BudgetCase(
        "most have little to write, some are slow", runs=LARGE, used_from_s=SHOWN_S, setup=crowd(_mixed)
    ),
    "large items": BudgetCase("half of them write items of 4 units", used_from_s=SOON_S, setup=_LARGE_ITEMS),
    "outage": BudgetCase("the ledger fails for a minute", _outage(*BOTH), LARGE, used_from_s=EVENT_S),
    "writes fail": BudgetCase("only writes to it fail for a minute", _outage("put"), used_from_s=EVENT_S),
    "reads fail": BudgetCase("only reads of it fail for a minute", _outage("read"), used_from_s=EVENT_S),
    "changes in an outage": BudgetCase("two are killed in it, and two come", _outage(*BOTH, changes=True)),
    "changes, writes fail": BudgetCase("the same where only writes fail", _outage("put", changes=True)),
    "park": BudgetCase(
        "each has work for a minute at 5 units/s", runs=MANY, used_from_s=SOON_S, used_until_s=CROWD_END_S, setup=_PARK
    ),
    "throttled": BudgetCase("the table takes half of the budget", used_from_s=10.0, least_used=0.49, capacity=0.5),
    "frozen": BudgetCase("one stands still for 20 s", _frozen(20), LONG, 20 + JOIN_S),
    "half frozen": BudgetCase("half of them stand still", _frozen(20, 0.5), LONG, 20 + JOIN_S),
    "frozen shortly": BudgetCase("one stands still for 3 s", _frozen(3), LONG, 3 + JOIN_S),
    "one cannot write": BudgetCase("one cannot write its entry for a minute", _outage("put", of_one=True), LONG),
    "one is blind": BudgetCase("one cannot reach the ledger", _outage(*BOTH, of_one=True), LONG, holds=False),
    "small files": BudgetCase(
        "two a second come, with 200 rows", runs=((200, 1), (5_000, 1)), setup=_small_files, costs=False
    ),
    "long lives": BudgetCase(
        "they live 20 to 300 s, a tenth is killed", used_from_s=SOON_S, setup=_churn(100, 0.1, 20, 300), costs=False
    ),
    "short lives": BudgetCase("they live 3 to 60 s, a third is killed", setup=_churn(20, 0.3, 3, 60), costs=False),
}

UNITS = 1.1  # write units of the ledger, for each worker and five seconds
HUGE = 40_000  # one seed is enough: many requests

OPTIONS = {"case": ([*CASES], "only that one"), "seeds": (2, "runs of each, with other chances")}


def run(arguments: argparse.Namespace) -> None:
    measured = []
    for name in arguments.case or CASES:
        for budget, workers in CASES[name].runs:
            seeds = range(arguments.seed, arguments.seed + (1 if budget >= HUGE else arguments.seeds))
            measured.append(found := measure(name, budget, workers, seeds))
            shown = {what: f"{100 * found[what]:.1f} %" for what in ("worst_window", "allowed", "used")}
            show(found | shown, *found)
    finish(arguments, judge(measured), {"runs": measured})


def measure(name: str, budget: float, workers: int, seeds: Iterable[int]) -> Document:
    """Return the worst figures of a case over all seeds. Shares are of the budget."""
    case = CASES[name]
    runs = [_figures(case, simulated(case, budget, workers, seed)) for seed in seeds]
    worst = {field: max(run[field] for run in runs) for field in runs[0]}
    worst |= {"used": min(run["used"] for run in runs)}
    shown = {field: round(value, 4) for field, value in worst.items()}
    return {"case": name, "says": case.says, "budget": budget, "workers": workers, **shown}


def simulated(case: BudgetCase, budget: float, workers: int, seed: int) -> BudgetFleet:
    """Return the fleet after a case has run."""
    fleet = BudgetFleet(budget_per_s=budget, seed=seed, capacity_per_s=budget * case.capacity)
    crowd = case.setup(fleet, workers)
    fleet.at(EVENT_S, lambda: case.event(fleet, crowd))
    fleet.run(case.end_s)
    return fleet


def _figures(case: BudgetCase, fleet: BudgetFleet) -> dict[str, float]:
    return {
        "worst_window": worst_window(fleet),
        "allowed": allowed_window(fleet),
        "used": used_share(fleet, case.judged_from_s or EVENT_S, min(case.end_s, case.used_until_s)),
        "settled_s": settled_s(fleet, EVENT_S) if case.settled_s else 0.0,
        "ledger_units": fleet.ledger_units / (fleet.lived_s / 5.0),
        "parked": fleet.parked,
    }


def judge(measured: list[Document]) -> Iterator[Goal]:
    over = "units of the worst ten seconds, of what is allowed (1.05 budgets and one request of each worker)"
    held = [run["worst_window"] / run["allowed"] for run in measured if CASES[run["case"]].holds]
    if held:
        yield Goal(over, max(held), at_most=1.0)
    for run in measured:
        case = CASES[run["case"]]
        what = f"{run['case']}, budget {run['budget']:,}, {run['workers']} workers"
        if case.judged_from_s:
            yield Goal(f"{what}: share used", run["used"], at_least=case.least_used)
        if case.settled_s:
            yield Goal(f"{what}: settled after seconds", run["settled_s"], at_most=case.settled_s)
        if not case.holds:
            yield Goal(f"{what}: {over}", run["worst_window"] / run["allowed"], at_most=1.0)
    costs = [run["ledger_units"] for run in measured if CASES[run["case"]].costs]
    if costs:
        yield Goal("ledger write units of each worker in five seconds", max(costs), at_most=UNITS)


WINDOW_S = 10.0
SEEN_S = 1.5  # a reduced budget counts after this delay: workers must read it first
SETTLED, MOST = 0.95, 1.0  # bounds of the sum of all shares once settled, as parts of the budget


def seen_budgets(fleet: BudgetFleet, seen_s: float) -> list[float]:
    """Return the budget that counts in each tick: the largest one of the last `seen_s` seconds."""
    ticks = round(seen_s / TICK_S)
    return [max(fleet.budgets[max(0, tick - ticks) : tick + 1]) for tick in range(len(fleet.budgets))]


def worst_window(fleet: BudgetFleet, *, seen_s: float = SEEN_S) -> float:
    """Return the units used in the worst ten seconds, as a share of what the budget allowed in them."""
    width = round(WINDOW_S / TICK_S)
    used, allowed = ([0.0, *accumulate(ticks)] for ticks in (fleet.used, seen_budgets(fleet, seen_s)))
    windows = zip(used, used[width:], allowed, allowed[width:], strict=False)
    return max((end - begin) / ((until - since) * TICK_S) for begin, end, since, until in windows)


def allowed_window(fleet: BudgetFleet) -> float:
    """Return the limit for `worst_window`: 1.05, and one request of each worker."""
    return 1.05 + sum(worker.largest_request for worker in fleet.workers) / (WINDOW_S * min(fleet.budgets))


def used_share(fleet: BudgetFleet, begin_s: float, end_s: float) -> float:
    """Return the share of the budget that was used between two times."""
    ticks = slice(round(begin_s / TICK_S), round(end_s / TICK_S))
    return sum(fleet.used[ticks]) / (sum(fleet.budgets[ticks]) * TICK_S)


def settled_s(fleet: BudgetFleet, event_s: float) -> float:
    """Return the seconds from an event until the sum of all shares stayed between 95 % and 100 % of the budget."""
    ticks = zip(fleet.share_sums, fleet.budgets, strict=True)
    unsettled = (tick for tick, (share, per_s) in enumerate(ticks) if not SETTLED <= share / per_s <= MOST)
    return max(0.0, (max(unsettled, default=0) + 1) * TICK_S - event_s)
