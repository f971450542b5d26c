"""A process holds its share of a write budget: beside others, by what is deployed, until it gives it back."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingest.dynamodb.budget import holder, member
from ingest.dynamodb.budget.holder import Limit, OwnStore, WriteBudget, WriteBudgets
from ingest.errors import NoWriteCapacity, Unavailable, WaitingForBudget
from ingest.feeds.tables import TableLimits, limits_text
from ingest.ledger.claims import BudgetEntry
from tests.support.memory_budgets import MemoryBudgets

TEN_S = 10.0  # a machine may be slow
OTHER = BudgetEntry(1, 1e9, 1)


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """All times are a twentieth of what they are."""
    for name in ("PUT_S", "READ_S", "WAIT_S", "LEASE_S", "DUE_S", "MUTE_S", "OVERDUE_S", "PARK_S"):
        monkeypatch.setattr(member, name, getattr(member, name) / 20)


@pytest.fixture
def held() -> Iterator[Callable[..., WriteBudget]]:
    made: list[WriteBudget] = []

    def hold(store: Any, units: float | str = 100, *, parks: bool = True, **settings: Any) -> WriteBudget:
        limit = Limit(TableLimits(units), settings.pop("capacity", lambda: None))
        made.append(WriteBudget("Orders", store, limit, parks=parks))
        return made[-1]

    yield hold
    for budget in made:
        budget.end()


def wait_for(what: Callable[[], bool]) -> None:
    until_s = time.monotonic() + TEN_S
    while not what():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_nothing_is_sent_before_the_others_have_seen_it(held: Callable[..., WriteBudget]) -> None:
    budget = held(MemoryBudgets())
    assert budget.wait_s(1) > 0
    wait_for(lambda: budget.wait_s(1) == 0)


def test_the_share_is_given_back_at_the_end_and_asked_for_anew(held: Callable[..., WriteBudget]) -> None:
    store = MemoryBudgets()
    budget = held(store)
    wait_for(lambda: budget.wait_s(1) == 0)
    (first,) = store.read_budget("Orders").entries
    budget.end()
    assert store.read_budget("Orders").entries == {}
    budget.end()
    assert budget.wait_s(1) > 0
    wait_for(lambda: budget.wait_s(1) == 0)
    assert first not in store.read_budget("Orders").entries


def test_what_a_row_costs_is_known_from_one_time_to_the_next(held: Callable[..., WriteBudget]) -> None:
    budget = held(MemoryBudgets(), 2000)
    wait_for(lambda: budget.wait_s(1) == 0)
    assert budget.most_rows(1) == 1
    budget.answered(budget.send(1), written=1.0, taken=1.0)
    assert budget.most_rows(1) == 25
    budget.end()
    wait_for(lambda: budget.wait_s(25) == 0)
    assert budget.most_rows(1) == 25


def test_the_limits_that_were_deployed_last_hold(held: Callable[..., WriteBudget]) -> None:
    store = MemoryBudgets()
    store.keep_limits({"Orders": limits_text(TableLimits(5000))})
    budget = held(store, 100)
    wait_for(lambda: budget.wait_s(1) == 0)
    worker = budget._worker
    assert worker is not None
    assert worker.member.budget_per_s == 5000
    store.keep_limits({"Orders": limits_text(TableLimits(50))})
    wait_for(lambda: worker.member.budget_per_s == 50)
    store.keep_limits({"Orders": None})
    wait_for(lambda: worker.member.budget_per_s == 100)


def test_a_share_of_what_the_table_takes_follows_the_table(
    held: Callable[..., WriteBudget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder, "CAPACITY_S", 0.05)
    takes = [1000.0]
    budget = held(MemoryBudgets(), "60%", capacity=lambda: takes[-1])
    wait_for(lambda: budget.wait_s(1) == 0)
    worker = budget._worker
    assert worker is not None
    assert worker.member.budget_per_s == 600
    takes.append(500.0)
    wait_for(lambda: worker.member.budget_per_s == 300)


def test_a_share_of_a_table_without_a_maximum_is_an_error_of_the_file(held: Callable[..., WriteBudget]) -> None:
    with pytest.raises(NoWriteCapacity, match="without a maximum"):
        held(MemoryBudgets(), "60%").wait_s(1)


def test_too_many_workers_park_unless_they_are_to_wait(held: Callable[..., WriteBudget]) -> None:
    store = MemoryBudgets()
    first, second, patient = held(store, 5), held(store, 5), held(store, 5, parks=False)
    wait_for(lambda: first.wait_s(1) == 0)

    def is_parked() -> bool:
        try:
            assert second.wait_s(1) > 0
        except WaitingForBudget as fault:
            assert "write budget" in str(fault)
            return True
        return False

    wait_for(is_parked)
    assert patient.wait_s(1) > 0
    first.end()
    second.end()
    wait_for(lambda: patient.wait_s(1) == 0)


def test_a_ledger_that_fails_keeps_newcomers_from_writing_and_no_one_else(held: Callable[..., WriteBudget]) -> None:
    class Failing(MemoryBudgets):
        fails = False

        def put_worker(self, *args: Any) -> None:
            if self.fails:
                raise Unavailable("The ledger is away.")
            super().put_worker(*args)

        def read_budget(self, table: str) -> Any:
            if self.fails:
                raise Unavailable("The ledger is away.")
            return super().read_budget(table)

    store = Failing()
    first, second = held(store), held(store)
    wait_for(lambda: first.wait_s(1) == 0)
    store.fails = True
    assert second.wait_s(1) > 0
    time.sleep(0.3)
    assert (first.wait_s(1), second.wait_s(1) > 0) == (0, True)
    store.fails = False
    wait_for(lambda: second.wait_s(1) == 0)


def test_a_process_for_itself_has_all_of_the_budget(held: Callable[..., WriteBudget]) -> None:
    budget = held(OwnStore())
    wait_for(lambda: budget.wait_s(1) == 0)
    worker = budget._worker
    assert worker is not None
    assert worker.member.per_s(holder.running_s()) == pytest.approx(member.SOLD * 100)


def test_only_tables_with_limits_have_a_budget() -> None:
    stores: list[str] = []

    def store() -> OwnStore:
        stores.append("made")
        return OwnStore()

    budgets = WriteBudgets({"Orders": TableLimits(5)}, store)
    assert budgets.of("Visits", lambda: None) is None
    assert stores == []
    assert budgets.of("Orders", lambda: None) is budgets.of("Orders", lambda: None) is not None
    assert stores == ["made"]
    budgets.end()
