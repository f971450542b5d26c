"""Between the request loop and a write budget: which request may be sent, how large, and what it has cost. Pure."""

import json
from typing import Generic, Protocol

from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.pending import Answered, PendingRequests, R, SentRequest

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
