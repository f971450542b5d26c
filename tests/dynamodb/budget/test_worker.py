"""What a write budget lets pass of the requests of a load, and what each is counted for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from ingest.dynamodb.budget.worker import BudgetGate, consumed_units
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.pending import Answered, PendingRequests, SentRequest


@dataclass(frozen=True)
class Put:
    """A request of items of 2 units each."""

    rows: Sequence[int]
    operation: str = "BatchWriteItem"
    body: bytes = b'{"RequestItems":{}}'

    @property
    def write_units(self) -> int:
        return 2 * len(self.rows)

    def only(self, rows: Sequence[int]) -> "Put":
        return replace(self, rows=rows)


@dataclass
class ScriptedBudget:
    """A budget that says what it is given, and keeps what it is given."""

    most: int = 25
    waits: list[float] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    costs: list[tuple[float, float, float]] = field(default_factory=list)

    def most_rows(self, units_per_row: float) -> int:
        assert units_per_row == 2
        return self.most

    def wait_s(self, units: float) -> float:
        return self.waits.pop(0) if self.waits else 0.0

    def send(self, units: float) -> float:
        self.sent.append(units)
        return units * 1.5

    def answered(self, thought: float, *, written: float, taken: float) -> None:
        self.costs.append((thought, written, taken))


def pending() -> PendingRequests[Put]:
    return PendingRequests(iter([Put(range(25))]), now_s=0.0)


def sent_by(gate: BudgetGate[Put], requests: PendingRequests[Put], now_s: float = 0.0) -> list[list[int]]:
    """The rows of the requests that pass now."""
    found = []
    while (sent := requests.next(now_s)) and gate.admit(requests, sent, now_s):
        found.append(list(sent.request.rows))
    return found


def test_without_a_budget_all_pass_as_they_are() -> None:
    gate = BudgetGate[Put](None)
    assert sent_by(gate, pending()) == [list(range(25))]
    assert gate.body(Put(range(2))) == b'{"RequestItems":{}}'
    gate.answered(SentRequest(Put(range(2))), None, None)
    gate.give_up()


def test_a_request_that_is_too_large_is_sent_in_parts() -> None:
    budget, requests = ScriptedBudget(most=10), pending()
    assert sent_by(BudgetGate(budget), requests) == [list(range(10)), list(range(10, 20)), list(range(20, 25))]
    assert budget.sent == [20, 20, 10]
    assert requests.is_done


def test_a_request_that_must_wait_is_the_next_one() -> None:
    budget, requests = ScriptedBudget(most=20, waits=[0.0, 0.7]), pending()
    gate = BudgetGate[Put](budget)
    assert sent_by(gate, requests, now_s=5.0) == [list(range(20))]
    assert gate.opens_s == 5.7
    assert not requests.is_done
    assert requests.due_in_s(5.0) == 0
    assert sent_by(gate, requests, now_s=5.7) == [list(range(20, 25))]


def test_a_request_keeps_how_often_it_was_sent() -> None:
    requests, gate = pending(), BudgetGate[Put](ScriptedBudget(most=10, waits=[0.1]))
    assert not gate.admit(requests, SentRequest(Put(range(25)), tries=3), 0.0)
    tries = [requests.next(0.0) for _ in range(2)]
    assert [(len(sent.request.rows), sent.tries) for sent in tries if sent] == [(10, 3), (15, 3)]


def test_an_answer_is_asked_what_the_request_took() -> None:
    gate = BudgetGate[Put](ScriptedBudget())
    assert json.loads(gate.body(Put(range(2)))) == {"ReturnConsumedCapacity": "TOTAL", "RequestItems": {}}


CONSUMED = b'{"ConsumedCapacity":[{"TableName":"T","CapacityUnits":80}],"UnprocessedItems":{}}'


@pytest.mark.parametrize(
    ("answer", "answered", "written", "taken"),
    [
        (Answer(200, CONSUMED, True), Answered(range(25), units=50), 1.0, 80.0),
        (Answer(200, b'{"UnprocessedItems":{}}', True), Answered(range(25), units=50), 1.0, 75.0),  # it does not say
        (Answer(200, CONSUMED, True), Answered(range(5), units=10, left=Put(range(5, 25))), 0.2, 80.0),
        (Answer(400, b"{}", True), Answered(instead=[Put(range(12)), Put(range(12, 25))]), 0.0, 0.0),  # invalid
        (Answer(400, b"{}", True), None, 0.0, 0.0),  # throttled, or without permission
        (Answer(500, b"{}", True), None, 1.0, 75.0),  # it may have been written
        (None, None, 1.0, 75.0),
    ],
)
def test_a_request_is_counted_for_what_it_took(
    answer: Answer | None, answered: Answered[Put] | None, written: float, taken: float
) -> None:
    budget, requests = ScriptedBudget(), pending()
    gate = BudgetGate[Put](budget)
    sent = requests.next(0.0)
    assert sent is not None
    assert gate.admit(requests, sent, 0.0)
    gate.answered(sent, answer, answered)
    assert budget.costs == [(75, pytest.approx(written), pytest.approx(taken))]


def test_what_is_given_up_may_have_been_written() -> None:
    budget, requests = ScriptedBudget(most=20), pending()
    gate = BudgetGate[Put](budget)
    sent_by(gate, requests)
    gate.give_up()
    gate.give_up()
    assert budget.costs == [(60, 1.0, 60), (15, 1.0, 15)]


@pytest.mark.parametrize(
    "body", [b"", b"not JSON", b"[]", b'{"ConsumedCapacity":{}}', b'{"ConsumedCapacity":["x"]}', b'{"a":1}']
)
def test_an_answer_that_does_not_say_what_it_took_is_not_an_error(body: bytes) -> None:
    assert consumed_units(body) is None
