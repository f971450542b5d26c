"""A discrete-event simulation of many workers that share a table's write budget by the product's own rules.

Each worker is a `BudgetedWorker` of the product with its learnt rate and its limit of requests in flight; only time,
the ledger's table and the table written to are simulated.
"""

import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import inf

from ingest.dynamodb.budget.worker import BudgetedWorker
from ingest.dynamodb.rate_limit import ConcurrencyLimiter, RateLimiter
from ingest.ledger.claims import BudgetEntry
from loadtest.simulator.settings import TokenBucket

TICK_S = 0.05  # used units and shares are summed for each tick
SLOW_SHARE = 0.01  # this share of responses takes up to `SLOW_S`
SLOW_S = 0.6
TIMEOUT_S = 1.0  # a call to a ledger that does not respond fails within this time
PARKED_S = 60.0  # a parked worker returns after this time and up to half of it more

Fault = Callable[[str, "Worker", float], bool]


@dataclass(eq=False)
class Worker:
    """A process and the rows it has to write. It has a `state` once it has started."""

    row_units: float = 1.0
    rows_per_s: float = inf  # rows it can produce
    rows_left: float = inf
    state: BudgetedWorker = field(init=False)
    is_there: bool = False
    limiter: ConcurrencyLimiter = field(default_factory=ConcurrencyLimiter)
    pace: RateLimiter = field(default_factory=RateLimiter)
    next_s: float = 0.0  # when its next request may be sent, by its pace and the rows it can produce
    wakes_s: float = inf
    under_way: int = 0
    taken: int = 0
    left: int = 0
    frozen_until_s: float = 0.0
    parked_until_s: float = 0.0
    largest_request: float = 0.0


class BudgetFleet:
    """Workers, a ledger and a table of `capacity_per_s` units. The attributes record what happened."""

    def __init__(self, *, budget_per_s: float, seed: int, capacity_per_s: float = inf) -> None:
        self.chance = random.Random(seed)
        self.now_s = 0.0
        self.budget_per_s = budget_per_s
        self.entries: dict[str, BudgetEntry] = {}
        self.workers: list[Worker] = []
        self.fault: Fault = lambda call, worker, now_s: False
        self.used: list[float] = []  # units, by tick
        self.budgets: list[float] = []  # by tick
        self.share_sums: list[float] = []  # sum of all shares, by tick
        self.parked = 0
        self.ledger_units = 0
        self.lived_s = 0.0  # sum over all workers, parked ones included
        self._bucket = TokenBucket(per_s=capacity_per_s, size=capacity_per_s, now=0.0)
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0

    def at(self, time_s: float, event: Callable[[], object]) -> None:
        """Schedule an event at a time."""
        self._count += 1
        heapq.heappush(self._events, (time_s, self._count, event))

    def run(self, until_s: float) -> None:
        """Process all events until a time."""
        self.at(0.0, self._tick)
        while self._events and self._events[0][0] <= until_s:
            self.now_s, _, event = heapq.heappop(self._events)
            event()
        self.now_s = until_s

    def set_budget(self, per_s: float) -> None:
        """Change the budget in the ledger, from now on."""
        self.budget_per_s = per_s

    def _tick(self) -> None:
        there = [worker for worker in self.workers if worker.is_there]
        awake = (worker.state.member for worker in there if worker.frozen_until_s <= self.now_s)
        self.used.append(0.0)
        self.budgets.append(self.budget_per_s)
        self.share_sums.append(sum(member.per_s(self.now_s) for member in awake))
        self.lived_s += TICK_S * (len(there) + sum(self.now_s < worker.parked_until_s for worker in self.workers))
        self.at(len(self.used) * TICK_S, self._tick)

    def _latency_s(self) -> float:
        if self.chance.random() < SLOW_SHARE:
            return self.chance.uniform(0.05, SLOW_S)
        return self.chance.uniform(0.005, 0.015)

    def add(self, start_s: float, **load: float) -> Worker:
        """Return a worker that starts at a time; `load` sets the fields on what it has to write."""
        worker = Worker(**load)  # type: ignore[arg-type]  # callers set float fields only
        self.workers.append(worker)
        self.at(start_s, lambda: self._start(worker))
        return worker

    def kill(self, worker: Worker) -> None:
        """End a worker without notice to the others; the table still takes the requests it has sent."""
        worker.is_there = False

    def leave(self, worker: Worker) -> None:
        """End a worker in the regular way: its entry is deleted."""
        if worker.is_there:
            worker.is_there = False
            self._delete(worker.state.member.leave(), worker)

    def freeze(self, worker: Worker, seconds: float) -> None:
        """Pause a worker for a number of seconds."""
        worker.frozen_until_s = self.now_s + seconds

    def _start(self, worker: Worker) -> None:
        worker.is_there = True
        worker.state = BudgetedWorker(
            name=lambda: f"{self.chance.getrandbits(48):012x}",
            chance=self.chance.random,
            budget_per_s=self.budget_per_s,
            now_s=self.now_s,
        )
        self._go_on(worker, self._calls(worker))

    def _later(self, time_s: float, worker: Worker, act: Callable[[], None]) -> None:
        """Schedule an action of a worker, delayed while it is frozen; skip it if the worker has ended by then."""

        def happen() -> None:
            if worker.is_there and worker.frozen_until_s > self.now_s:
                self.at(worker.frozen_until_s, happen)
            elif worker.is_there:
                act()

        self.at(time_s, happen)

    def _go_on(self, worker: Worker, calls: Iterator[float]) -> None:
        """Run a worker's calls to their next step; they yield the time at which they continue."""
        for time_s in calls:
            self._later(time_s, worker, lambda: self._go_on(worker, calls))
            return

    def _calls(self, worker: Worker) -> Iterator[float]:
        """Make the calls that are due, one after the other, as the product's thread does."""
        member = worker.state.member
        while True:
            call = worker.state.due(self.now_s)
            self._delete(member.take_gone(), worker)
            if member.is_parked(self.now_s):
                self._park(worker)
                return
            if call is None:
                yield member.due_at_s
            else:
                yield from (self._put if call == "put" else self._read)(worker, worker.state, self.now_s)

    def _put(self, worker: Worker, state: BudgetedWorker, sent_s: float) -> Iterator[float]:
        latency_s, entry, name = self._latency_s(), state.entry(sent_s), state.member.name
        if self.fault("put", worker, sent_s):
            yield sent_s + self.chance.uniform(0.01, TIMEOUT_S)
            state.member.put_failed(self.now_s)
            return
        self.ledger_units += 1
        self.at(sent_s + latency_s / 2, lambda: self.entries.update({name: entry}))
        yield sent_s + latency_s
        if state.member.name == name:
            state.put_worked(entry, sent_s=sent_s, now_s=self.now_s)

    def _read(self, worker: Worker, state: BudgetedWorker, sent_s: float) -> Iterator[float]:
        latency_s, name = self._latency_s(), state.member.name
        if self.fault("read", worker, sent_s):
            yield sent_s + self.chance.uniform(0.01, TIMEOUT_S)
            state.member.read_failed(self.now_s)
            return
        found: list[tuple[dict[str, BudgetEntry], float]] = []
        self.at(sent_s + latency_s / 2, lambda: found.append((dict(self.entries), self.budget_per_s)))
        yield sent_s + latency_s
        if state.due(self.now_s) and state.member.name != name:  # frozen meanwhile
            return
        [(entries, budget_per_s)] = found
        state.read_worked(entries, budget_per_s=budget_per_s, sent_s=sent_s, now_s=self.now_s)
        stale = state.member.stale(self.now_s)
        self._delete([name for name, n in stale.items() if entries[name].n == n], worker)
        self._write(worker)

    def _delete(self, names: list[str], worker: Worker) -> None:
        for name in names:
            if not self.fault("put", worker, self.now_s):
                self.ledger_units += 1
                self.at(self.now_s + self._latency_s(), partial(self.entries.pop, name, None))

    def _park(self, worker: Worker) -> None:
        """End a worker and schedule a new one with the rows that are left to write."""
        self.parked += 1
        self.leave(worker)
        worker.parked_until_s = self.now_s + PARKED_S * self.chance.uniform(1, 1.5)
        load = {name: getattr(worker, name) for name in ("row_units", "rows_per_s", "rows_left")}
        self.add(worker.parked_until_s, **load)

    def _write(self, worker: Worker) -> None:
        """Send the requests that are allowed now, as the writer's loop does."""
        while worker.under_way < worker.limiter.most_in_flight and worker.rows_left >= 1:
            rows = min(worker.state.most_rows(1.0), int(min(25, worker.rows_left)))
            wait_s = worker.next_s - self.now_s
            if wait_s <= 0:
                wait_s = worker.state.wait_s(rows, self.now_s)
            if wait_s > 0:
                self._wake(worker, self.now_s + min(wait_s, 1.0))
                return
            self._send(worker, rows)

    def _wake(self, worker: Worker, time_s: float) -> None:
        """Schedule a worker's next `_write`, unless an earlier one is scheduled."""
        if not self.now_s < worker.wakes_s <= time_s:
            worker.wakes_s = time_s
            self._later(time_s + 1e-6, worker, partial(self._write, worker))

    def _send(self, worker: Worker, rows: int) -> None:
        sent_s, latency_s = self.now_s, self._latency_s()
        thought = worker.state.send(rows)
        worker.under_way += 1
        worker.rows_left -= rows
        paced_s = max(worker.next_s, sent_s - 0.05) + rows / worker.pace.per_s(sent_s)
        worker.next_s = max(sent_s + rows / worker.rows_per_s, paced_s)
        worker.largest_request = max(worker.largest_request, rows * worker.row_units)
        took: list[int] = []
        self.at(sent_s + latency_s / 2, lambda: took.append(self._take(rows, worker.row_units)))
        self._later(sent_s + latency_s, worker, lambda: self._answered(worker, thought, sent_s, rows, *took))

    def _answered(self, worker: Worker, thought: float, sent_s: float, rows: int, took: int) -> None:
        worker.under_way -= 1
        worker.taken += took
        worker.state.answered(thought, written=took / rows, taken=took * worker.row_units)
        if took < rows:
            worker.rows_left += rows - took
            worker.left += rows - took
            worker.limiter = worker.limiter.after_throttle(begun_at=sent_s, now=self.now_s)
            worker.pace = worker.pace.after_throttle(
                begun_at=sent_s, now=self.now_s, taken=worker.taken, left=worker.left, share=1 - took / rows
            )
        else:
            worker.limiter = worker.limiter.after_success()
        if worker.rows_left < 1 and not worker.under_way:
            self.leave(worker)
        else:
            self._write(worker)

    def _take(self, rows: int, row_units: float) -> int:
        """Return how many of the rows the table has capacity for."""
        took = 0
        while took < rows and self._bucket.has(row_units, self.now_s):
            self._bucket.take(row_units)
            took += 1
        self.used[-1] += took * row_units
        return took
