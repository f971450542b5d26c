"""A worker's side of a write budget, all in one: may a request be sent, and which call to the ledger is due. Pure.

And what is between the request loop and a budget: which request may be sent, how large, and what it has cost.
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

NEW_COST = 0.5  # of what the last request cost, in the average


class BudgetedWorker:
    """What a process may write to a table. Times come in order, of one monotonic clock.

    `units` of requests are write units without the table's indexes; what DynamoDB takes for each of them is learnt from
    its answers. Until the first one came, a request has one row, and is alone.
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
        """Begin anew among the others; what a row costs stays known."""
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
        """Return how long a request must wait; 0 if it may be sent, `inf` if that is not known."""
        if self._cost is None and self._under_way:
            return inf
        self._request_units = units * (self._cost or 1.0)
        self._fill(now_s)
        return self._bucket.wait_s(self._request_units, self._per_s)

    def send(self, units: float) -> float:
        """Take what a request is thought to cost, and return it."""
        self._under_way += 1
        thought = units * (self._cost or 1.0)
        self._bucket.take(thought)
        return thought

    def answered(self, thought: float, *, written: float, taken: float) -> None:
        """Take what a request has cost: which share of its units was `written`, and how many units that `taken`.

        Of a request of which nothing is known, all was written for as much as was thought.
        """
        self._under_way -= 1
        self._bucket.lose(thought * (1 - written))
        self._bucket.take(taken - thought * written)
        if written > 0:
            cost = (self._cost or 1.0) * taken / (thought * written)
            self._cost = cost if self._cost is None else self._cost + NEW_COST * (cost - self._cost)

    # --- calls to the ledger

    def due(self, now_s: float) -> Call | None:
        """Return the call to the ledger that is due."""
        self._fill(now_s)
        call = self.member.due(now_s)
        if self.member.name != self._name:
            self._begin(now_s)
        return call

    def entry(self, now_s: float) -> BudgetEntry:
        """Return what is to be written."""
        self._fill(now_s)
        self._look(now_s, SOON_S)
        entry = replace(self.member.entry(self._want_per_s, now_s), used_per_s=self._demand.used_per_s)
        self._per_s = self.member.per_s(now_s)
        return entry

    def put_worked(self, entry: BudgetEntry, *, sent_s: float, now_s: float) -> None:
        """Take that the entry was written."""
        self._fill(now_s)
        self.member.put_worked(entry, sent_s=sent_s, now_s=now_s)

    def read_worked(
        self, entries: Mapping[str, BudgetEntry], *, budget_per_s: float, sent_s: float, now_s: float
    ) -> None:
        """Take all entries, and the budget that holds now."""
        self._fill(now_s)
        if budget_per_s != self.member.budget_per_s:
            self.member.set_budget(budget_per_s)
        self.member.read_worked(entries, sent_s=sent_s, now_s=now_s)
        self._per_s = self.member.per_s(now_s)

    def _fill(self, now_s: float) -> None:
        """Add the units that have come until now, by the rate that held, and see which one holds from here on."""
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
    """What may be written to a table (`ingest.dynamodb.budget.holder`)."""

    def most_rows(self, units_per_row: float) -> int:
        """Return how many rows the next request may have."""

    def wait_s(self, units: float) -> float:
        """Return how long a request must wait; 0 if it may be sent."""

    def send(self, units: float) -> float:
        """Take what a request is thought to cost, and return it."""

    def answered(self, thought: float, *, written: float, taken: float) -> None:
        """Take what a request has cost: which share of it was written, and the units that took."""


class BudgetGate(Generic[R]):
    """Lets requests pass as a budget allows; without one, all of them. `opens_s`: when the next may pass."""

    def __init__(self, budget: Budget | None) -> None:
        self.opens_s = 0.0
        self._budget = budget
        self._under_way: dict[int, float] = {}  # what each request is thought to cost

    def admit(self, pending: PendingRequests[R], sent: SentRequest[R], now_s: float) -> bool:
        """Return whether a request may be sent; if not, it is held. What would be too much of it is held, too.

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
        """Return what is sent: with a budget, it asks what the request takes."""
        return request.body if self._budget is None else _ASKS + request.body[1:]

    def answered(self, sent: SentRequest[R], answer: Answer | None, answered: Answered[R] | None) -> None:
        """Take what came of a request: what it means, if anything, or an error; None of both if it is not known."""
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
        """Take that what is under way may have been written."""
        if self._budget is not None:
            for thought in self._under_way.values():
                self._budget.answered(thought, written=1.0, taken=thought)
        self._under_way = {}


def consumed_units(body: bytes) -> float | None:
    """Return the write units that an answer says a request took; None where it does not say.

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
