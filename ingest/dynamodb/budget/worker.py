"""A worker's side of a write budget: whether a request may be sent, and which ledger call is due. Pure.

Also the gate between the request loop and a budget: which request may be sent, how large, and what it has cost.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import inf
from typing import Generic, Protocol

from ingest.dynamodb.budget.demand import LOOK_S, SOON_S, Bucket, WriteDemand, most_rows
from ingest.dynamodb.budget.member import Call, Member
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.pending import Answered, PendingRequests, R, SentRequest
from ingest.ledger.claims import BudgetEntry

NEW_COST = 0.5  # weight of the last request in the moving average of the cost


class BudgetedWorker:
    """What a process may write to a table. Times are of one monotonic clock and must not decrease.

    `units` of requests are write units without the table's indexes; how many DynamoDB consumes for each is learnt from
    its responses. Until the first response, a request has one row, and no other is in flight.
    """

    def __init__(
        self, *, name: Callable[[], str], chance: Callable[[], float], budget_per_s: float, now_s: float
    ) -> None:
        self.member = Member(name=name, chance=chance, budget_per_s=budget_per_s, now_s=now_s)
        self._chance = chance
        self._cost: float | None = None  # units taken for each unit of a request
        self._under_way = 0
        self._begin(now_s)

    def begin(self, now_s: float) -> None:
        """Join the other workers anew; the cost learnt is kept."""
        self.member.begin(now_s)
        self._under_way = 0
        self._begin(now_s)

    def _begin(self, now_s: float) -> None:
        self._name = self.member.name
        self._demand = WriteDemand(now_s)
        self._bucket = Bucket(now_s)
        self._per_s = 0.0
        self._request_units = 1.0
        self._has_begun = False

    # --- requests

    def most_rows(self, units_per_row: float) -> int:
        """Return how many rows the next request may have."""
        if self._cost is None:
            return 1
        return most_rows(self.member.budget_per_s, self._per_s, units_per_row * self._cost)

    def wait_s(self, units: float, now_s: float) -> float:
        """Return the seconds a request must wait; 0 if it may be sent, `inf` if that is not known."""
        if self._cost is None and self._under_way:
            return inf
        self._request_units = units * (self._cost or 1.0)
        self._fill(now_s)
        return self._bucket.wait_s(self._request_units, self._per_s)

    def send(self, units: float) -> float:
        """Take a request's estimated cost in units, and return it."""
        self._under_way += 1
        thought = units * (self._cost or 1.0)
        self._bucket.take(thought)
        return thought

    def answered(self, thought: float, *, written: float, taken: float) -> None:
        """Record what a request has cost: the share of its units that was `written`, and the units consumed (`taken`).

        A request of unknown outcome counts as wholly written, at the estimated cost (`thought`).
        """
        self._under_way -= 1
        self._bucket.lose(thought * (1 - written))
        self._bucket.take(taken - thought * written)
        if written > 0:
            cost = (self._cost or 1.0) * taken / (thought * written)
            self._cost = cost if self._cost is None else self._cost + NEW_COST * (cost - self._cost)

    # --- calls to the ledger

    def due(self, now_s: float) -> Call | None:
        """Return the ledger call that is due."""
        self._fill(now_s)
        call = self.member.due(now_s)
        if self.member.name != self._name:
            self._begin(now_s)
        return call

    def entry(self, now_s: float) -> BudgetEntry:
        """Return the entry to write."""
        self._fill(now_s)
        self._look(now_s, SOON_S)
        entry = replace(self.member.entry(self._want_per_s, now_s), used_per_s=self._demand.used_per_s)
        self._per_s = self.member.per_s(now_s)
        return entry

    def put_worked(self, entry: BudgetEntry, *, sent_s: float, now_s: float) -> None:
        """Record that the entry was written."""
        self._fill(now_s)
        self.member.put_worked(entry, sent_s=sent_s, now_s=now_s)

    def read_worked(
        self, entries: Mapping[str, BudgetEntry], *, budget_per_s: float, sent_s: float, now_s: float
    ) -> None:
        """Record all entries, and the budget that applies now."""
        self._fill(now_s)
        if budget_per_s != self.member.budget_per_s:
            self.member.set_budget(budget_per_s)
        self.member.read_worked(entries, sent_s=sent_s, now_s=now_s)
        self._per_s = self.member.per_s(now_s)

    def _fill(self, now_s: float) -> None:
        """Add the units accrued until now at the rate so far, then update the rate and the demand."""
        self._bucket.fill(self._per_s, now_s, request_units=self._request_units)
        self._per_s = self.member.per_s(now_s)
        if self._per_s > 0 and not self._has_begun:
            self._has_begun, self._demand = True, WriteDemand(now_s)
            # so that workers that start together do not stay in step
            self._bucket.units -= self._chance() * most_rows(self.member.budget_per_s, self._per_s, 1.0)
        self._look(now_s, LOOK_S)

    def _look(self, now_s: float, after_s: float) -> None:
        if self._has_begun and self._demand.age_s(now_s) >= after_s:
            self._demand.look(self._bucket, budget_per_s=self.member.budget_per_s, now_s=now_s)
            self.member.wants_less(self._want_per_s, now_s)

    @property
    def _want_per_s(self) -> float:
        return self._demand.want_per_s(self.member.budget_per_s)


_ASKS = b'{"ReturnConsumedCapacity":"TOTAL",'  # the units of indexes included


class Budget(Protocol):
    """A limit on the writes to a table (`ingest.dynamodb.budget.holder`)."""

    def most_rows(self, units_per_row: float) -> int:
        """Return how many rows the next request may have."""

    def wait_s(self, units: float) -> float:
        """Return the seconds a request must wait; 0 if it may be sent."""

    def send(self, units: float) -> float:
        """Take a request's estimated cost in units, and return it."""

    def answered(self, thought: float, *, written: float, taken: float) -> None:
        """Record what a request has cost: the share of it that was written, and the units consumed."""


class BudgetGate(Generic[R]):
    """Admits requests as a budget allows; without one, all of them. `opens_s`: when the next may be admitted."""

    def __init__(self, budget: Budget | None) -> None:
        self.opens_s = 0.0
        self._budget = budget
        self._under_way: dict[int, float] = {}  # the estimated cost of each request

    def admit(self, pending: PendingRequests[R], sent: SentRequest[R], now_s: float) -> bool:
        """Return whether a request may be sent; if not, it is held. Rows beyond the size limit are split off and held.

        Raises:
            IngestError: as the budget's `wait_s`.
        """
        if self._budget is None:
            return True
        rows, units = sent.request.rows, sent.request.write_units
        most = self._budget.most_rows(units / len(rows))
        if most < len(rows):
            pending.hold(SentRequest(sent.request.only(rows[most:]), sent.tries))
            sent.request = sent.request.only(rows[:most])
        wait_s = self._budget.wait_s(sent.request.write_units)
        if wait_s <= 0:
            self._under_way[id(sent)] = self._budget.send(sent.request.write_units)
            return True
        pending.hold(sent)
        self.opens_s = now_s + wait_s
        return False

    def body(self, request: R) -> bytes:
        """Return the body to send; with a budget, it requests the consumed capacity in the response."""
        return request.body if self._budget is None else _ASKS + request.body[1:]

    def answered(self, sent: SentRequest[R], answer: Answer | None, answered: Answered[R] | None) -> None:
        """Record the outcome of a request: `answered` is None for an error, and `answer`, too, if nothing is known."""
        if self._budget is None:
            return
        thought, units = self._under_way.pop(id(sent)), sent.request.write_units
        if answered is None:
            is_refused = answer is not None and 400 <= answer.status < 500
            self._budget.answered(thought, written=float(not is_refused), taken=0.0 if is_refused else thought)
            return
        written = min(1.0, answered.units / units)
        taken = consumed_units(answer.body) if answer else None
        self._budget.answered(thought, written=written, taken=thought * written if taken is None else taken)

    def give_up(self) -> None:
        """Count requests in flight as written, because they may have been."""
        if self._budget is not None:
            for thought in self._under_way.values():
                self._budget.answered(thought, written=1.0, taken=thought)
        self._under_way = {}


def consumed_units(body: bytes) -> float | None:
    """Return the write units that a request consumed, as its response reports; None if it does not report them.

    >>> consumed_units(b'{"ConsumedCapacity":[{"TableName":"Orders","CapacityUnits":50.0}],"UnprocessedItems":{}}')
    50.0
    >>> consumed_units(b'{"ConsumedCapacity":{"TableName":"Orders","CapacityUnits":2.0}}')
    2.0
    >>> consumed_units(b"{}")
    """
    try:
        found = json.loads(body).get("ConsumedCapacity")
        each = found if isinstance(found, list) else [found] if found else []
        return sum(float(one["CapacityUnits"]) for one in each) if each else None
    except (ValueError, AttributeError, KeyError, TypeError):
        return None
