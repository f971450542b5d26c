"""A write budget that the model's workers share: each holds a share while it lives, and leaves an entry when killed."""

from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from ingest.dynamodb.budget.worker import BudgetedWorker
from ingest.dynamodb.item_writer import Heartbeat
from ingest.errors import IngestError, WaitingForBudget
from tests.model.scheduler import Scheduler
from tests.support.memory_budgets import MemoryBudgets

TABLE = "Orders"
WINDOW_S = 10.0
STEP_S = 0.25  # passes while a worker waits, and others run


class Time(Protocol):
    """The time all share."""

    time_s: float


@dataclass
class SharedBudget:
    """What all workers together may write, and when each has written how much."""

    per_s: float
    entries: MemoryBudgets = field(default_factory=MemoryBudgets)
    sent: list[tuple[float, str, float]] = field(default_factory=list)

    def note(self, time_s: float, worker: str, units: float) -> None:
        """Take note of a request, and look whether the last ten seconds had too many."""
        self.sent.append((time_s, worker, units))
        last = [(name, some) for at_s, name, some in self.sent if at_s > time_s - WINDOW_S]
        largest = {name: max(some for other, some in last if other == name) for name, _ in last}
        most = 1.05 * WINDOW_S * self.per_s + sum(largest.values())
        assert sum(some for _, some in last) <= most, f"{last} is more than the budget of {self.per_s} units a second"


class OwnBudget:
    """A worker's share. Its calls to the ledger are made while it asks; each is a point."""

    def __init__(self, shared: SharedBudget, scheduler: Scheduler, clock: Time, worker: str) -> None:
        self._shared = shared
        self._scheduler = scheduler
        self._clock = clock
        self._worker = worker
        names = count()
        self._state = BudgetedWorker(
            name=lambda: f"{worker}.{next(names)}",
            chance=lambda: 0.5,
            budget_per_s=shared.per_s,
            now_s=clock.time_s,
        )

    def admit(self, units: int, heartbeat: Heartbeat) -> None:
        """Return when a request may be sent.

        Raises:
            WaitingForBudget: too many workers share the budget.
        """
        while True:
            now_s = self._clock.time_s
            call = self._state.due(now_s)
            self._delete(self._state.member.take_gone())
            if call:
                self._call(call)
                continue
            if self._state.member.is_parked(now_s):
                raise WaitingForBudget("Too many workers share the write budget.")
            if self._state.wait_s(units, now_s) == 0:
                break
            self._clock.time_s += STEP_S
            self._scheduler.let_others_run()
            heartbeat()
        self._shared.note(now_s, self._worker, units)
        self._state.answered(self._state.send(units), written=1.0, taken=units)

    def most_rows(self) -> int:
        return self._state.most_rows(1.0)

    def end(self) -> None:
        """Give the share back."""
        self._delete(self._state.member.leave())

    def _call(self, call: str) -> None:
        sent_s, name, member = self._clock.time_s, self._state.member.name, self._state.member
        entry = self._state.entry(sent_s) if call == "put" else None
        try:
            self._scheduler.point(f"{call} of a budget", may_fail=True)
            if entry:
                self._shared.entries.put_worker(TABLE, name, entry)
            found = self._shared.entries.read_budget(TABLE).entries
            self._scheduler.point(f"{call} of a budget", is_after=True, may_fail=True)
        except IngestError:
            (member.put_failed if entry else member.read_failed)(self._clock.time_s)
            return
        if entry:
            self._state.put_worked(entry, sent_s=sent_s, now_s=self._clock.time_s)
        else:
            budget_per_s = self._shared.per_s
            self._state.read_worked(found, budget_per_s=budget_per_s, sent_s=sent_s, now_s=self._clock.time_s)

    def _delete(self, names: list[str]) -> None:
        for name in names:
            self._shared.entries.delete_worker(TABLE, name)
