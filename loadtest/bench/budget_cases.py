"""What happens to workers that share a budget: each case lets some start, and then something happen at `EVENT_S`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf

from loadtest.bench.budget_fleet import BudgetFleet, Worker, WorkerLoad

EVENT_S, END_S, CROWD_END_S = 45.0, 105.0, 60.0
OUTAGE_S = 60.0
WITHIN_S = 3.0  # after the last start the budget is to be used
JOIN_S, CRASH_S, CUT_S, SHOWN_S = 2.0, 10.0, 1.5, 15.0  # and after such an event; SHOWN_S: demands must show first
BOTH = ("put", "read")
Setup = Callable[[BudgetFleet, int], object]


@dataclass(frozen=True, slots=True)
class BudgetCase:
    """A case: which budgets and numbers of workers, and when it is looked at."""

    says: str
    setup: Setup
    runs: tuple[tuple[float, int], ...] = ((200, 12), (5_000, 12))
    settled_s: float | None = None  # how soon all shares together are to be the budget
    used: tuple[float, float, float] | None = None  # between which times it is to be used, and which part of it
    end_s: float = END_S
    costs: bool = True  # whether the ledger's units count: each life has two more, its first entry and the last word
    holds: bool = True  # whether the budget is expected to hold
    capacity: float = inf  # what the table takes, of the budget


def crowd(
    fleet: BudgetFleet, count: int, load: Callable[[int], WorkerLoad] = lambda number: WorkerLoad()
) -> list[Worker]:
    """Let workers start within a second."""
    return [fleet.add(load(number), fleet.chance.random()) for number in range(count)]


def _some(act: Callable[[BudgetFleet, Worker], None], part: float = 0.0) -> Setup:
    """Return a case in which something happens to this part of the workers, or to one."""

    def setup(fleet: BudgetFleet, count: int) -> None:
        for worker in crowd(fleet, count)[: max(1, int(part * count))]:
            fleet.at(EVENT_S, partial(act, fleet, worker))

    return setup


def _join(fleet: BudgetFleet, count: int) -> None:
    crowd(fleet, count)
    for _ in range(count):
        fleet.add(WorkerLoad(), EVENT_S)


def _change(factor: float) -> Setup:
    def setup(fleet: BudgetFleet, count: int) -> None:
        crowd(fleet, count)
        fleet.at(EVENT_S, lambda: fleet.set_budget(fleet.budget_per_s * factor))

    return setup


def _mixed(fleet: BudgetFleet, count: int) -> None:
    """Two in three have a fifth of an equal share to write, one in six half more than one, the others any amount."""
    equal = fleet.budget_per_s / count

    def load(number: int) -> WorkerLoad:
        if number < count * 2 // 3:
            return WorkerLoad(rows_per_s=0.2 * equal)
        return WorkerLoad(rows_per_s=1.5 * equal) if number < count * 5 // 6 else WorkerLoad()

    crowd(fleet, count, load)


def _outage(*calls: str, changes: bool = False, of_one: bool = False) -> Setup:
    """Return a case in which calls of all, or of one, fail for a minute; perhaps two die in it, and two come."""

    def setup(fleet: BudgetFleet, count: int) -> None:
        workers = crowd(fleet, count)

        def fails(call: str, worker: Worker, now_s: float) -> bool:
            is_now = EVENT_S <= now_s < EVENT_S + OUTAGE_S
            return is_now and call in calls and (worker is workers[0] or not of_one)

        fleet.fault = fails
        if changes:
            for worker in workers[:2]:
                fleet.at(EVENT_S + 10, partial(fleet.kill, worker))
            for _ in range(2):
                fleet.add(WorkerLoad(), EVENT_S + 20)

    return setup


def _churn(mean_s: float, killed: float, least_s: float, most_s: float) -> Setup:
    def setup(fleet: BudgetFleet, count: int) -> None:
        def again() -> None:
            lives_s = min(most_s, max(least_s, fleet.chance.expovariate(1 / mean_s)))
            fleet.add(WorkerLoad(lives_s=lives_s, is_killed=fleet.chance.random() < killed), fleet.now_s)
            fleet.at(fleet.now_s + lives_s, again)

        for _ in range(count):
            fleet.at(fleet.chance.random(), again)

    return setup


def _frozen(seconds: float, part: float) -> Setup:
    return _some(lambda fleet, worker: fleet.freeze(worker, seconds), part)


def _small_files(fleet: BudgetFleet, count: int) -> None:
    """Two workers a second come with 200 rows each, and end."""
    for number in range(int(2 * END_S)):
        fleet.add(WorkerLoad(rows=200), number / 2)


def _after(seconds: float, least: float = 0.95) -> tuple[float, float, float]:
    return EVENT_S + seconds, END_S, least


_LARGE_ITEMS = partial(crowd, load=lambda number: WorkerLoad(row_units=4.0 if number % 2 else 1.0))
_PARK = partial(crowd, load=lambda number: WorkerLoad(rows=60 * 5))  # for a minute of what a worker needs at least
LARGE = ((200, 12), (5_000, 12), (40_000, 100))
MANY = ((5, 4), (5, 12), (200, 100))
LONG = ((5_000, 4), (5_000, 12))
CASES = {
    "start": BudgetCase(
        "all start within a second",
        crowd,
        tuple((budget, count) for budget in (5, 200, 5_000, 40_000) for count in (1, 4, 12, 100)),
        used=(1 + WITHIN_S, CROWD_END_S, 0.95),
        end_s=CROWD_END_S,
    ),
    "join": BudgetCase("as many more start at once", _join, LARGE, JOIN_S, _after(JOIN_S)),
    "leave": BudgetCase("half of them end", _some(BudgetFleet.leave, 0.5), settled_s=JOIN_S, used=_after(JOIN_S)),
    "kill one": BudgetCase("one is killed", _some(BudgetFleet.kill), LONG, CRASH_S, _after(CRASH_S)),
    "kill": BudgetCase("half of them are killed", _some(BudgetFleet.kill, 0.5), LARGE, CRASH_S, _after(CRASH_S)),
    "raise": BudgetCase("four times the budget", _change(4), settled_s=CUT_S, used=_after(CUT_S)),
    "cut": BudgetCase("a quarter of the budget", _change(0.25), settled_s=CUT_S, used=_after(CUT_S)),
    "mixed": BudgetCase("most have little to write, some are slow", _mixed, LARGE, used=(SHOWN_S, END_S, 0.95)),
    "large items": BudgetCase("half of them write items of 4 units", _LARGE_ITEMS, used=(1 + WITHIN_S, END_S, 0.95)),
    "outage": BudgetCase("the ledger fails for a minute", _outage(*BOTH), LARGE, used=_after(0)),
    "writes fail": BudgetCase("only writes to it fail for a minute", _outage("put"), used=_after(0)),
    "reads fail": BudgetCase("only reads of it fail for a minute", _outage("read"), used=_after(0)),
    "changes in an outage": BudgetCase("two are killed in it, and two come", _outage(*BOTH, changes=True)),
    "changes, writes fail": BudgetCase("the same where only writes fail", _outage("put", changes=True)),
    "park": BudgetCase("each has work for a minute at 5 units/s", _PARK, MANY, used=(1 + WITHIN_S, CROWD_END_S, 0.95)),
    "throttled": BudgetCase("the table takes half of the budget", crowd, used=(10.0, END_S, 0.49), capacity=0.5),
    "frozen": BudgetCase("one stands still for 20 s", _frozen(20, 0), LONG, 20 + JOIN_S, _after(20 + JOIN_S)),
    "half frozen": BudgetCase("half of them stand still", _frozen(20, 0.5), LONG, 20 + JOIN_S, _after(20 + JOIN_S)),
    "frozen shortly": BudgetCase("one stands still for 3 s", _frozen(3, 0), LONG, 3 + JOIN_S, _after(3 + JOIN_S)),
    "one cannot write": BudgetCase("one cannot write its entry for a minute", _outage("put", of_one=True), LONG),
    "one is blind": BudgetCase("one cannot reach the ledger", _outage(*BOTH, of_one=True), LONG, holds=False),
    "small files": BudgetCase("two a second come, with 200 rows", _small_files, ((200, 1), (5_000, 1)), costs=False),
    "long lives": BudgetCase(
        "they live 20 to 300 s, a tenth is killed", _churn(100, 0.1, 20, 300), used=(4, END_S, 0.95), costs=False
    ),
    "short lives": BudgetCase("they live 3 to 60 s, a third is killed", _churn(20, 0.3, 3, 60), costs=False),
}
