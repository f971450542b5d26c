"""What a simulated fleet has used of its budget: the worst ten seconds, the share used, how soon it was settled."""

from collections.abc import Iterator
from itertools import accumulate
from math import inf

from loadtest.bench.budget_fleet import SAMPLE_S, TICK_S, BudgetFleet

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


def ledger_calls_per_worker(fleet: BudgetFleet) -> tuple[float, float]:
    """Return write units and queries of the ledger for each worker and five seconds, those it is parked included."""
    periods = sum(worker.lived_s + worker.parked_s for worker in fleet.workers) / 5.0
    return fleet.ledger_units / periods, fleet.ledger_reads / periods
