"""Write budgets in the ledger: limits as they are deployed, and an entry for each worker that writes."""

from collections.abc import Iterator
from math import inf

import pytest

from ingest.ledger.claims import BudgetEntry, TableBudget
from ingest.ledger.store import TableLedger
from tests.support.clients import ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledgers import FILE, AnyLedger, claim

ONE, ALL = BudgetEntry(1, 12.5, 3), BudgetEntry(7, inf)
NOTHING = TableBudget(None, {})


def test_a_table_that_no_one_writes_to_has_no_entries(ledger: AnyLedger) -> None:
    assert ledger.budgets.read_budget("Orders") == NOTHING


def test_each_worker_has_its_entry_and_tables_are_apart(ledger: AnyLedger) -> None:
    ledger.budgets.put_worker("Orders", "w1", ONE)
    ledger.budgets.put_worker("Orders", "w2", ALL)
    ledger.budgets.put_worker("Visits", "w1", ALL)
    assert ledger.budgets.read_budget("Orders") == TableBudget(None, {"w1": ONE, "w2": ALL})
    ledger.budgets.put_worker("Orders", "w1", BudgetEntry(2, inf, 3))
    assert ledger.budgets.read_budget("Orders").entries["w1"] == BudgetEntry(2, inf, 3)


def test_a_deleted_entry_is_gone_and_deleting_it_again_does_nothing(ledger: AnyLedger) -> None:
    ledger.budgets.put_worker("Orders", "w1", ONE)
    for _ in range(2):
        ledger.budgets.delete_worker("Orders", "w1")
        assert ledger.budgets.read_budget("Orders") == NOTHING


def test_an_entry_that_was_written_meanwhile_is_not_deleted_for_a_dead_workers(ledger: AnyLedger) -> None:
    ledger.budgets.put_worker("Orders", "w1", BudgetEntry(8, 5.0))
    ledger.budgets.delete_worker("Orders", "w1", n=7)
    assert ledger.budgets.read_budget("Orders").entries == {"w1": BudgetEntry(8, 5.0)}
    ledger.budgets.delete_worker("Orders", "w1", n=8)
    ledger.budgets.delete_worker("Orders", "w1", n=8)
    assert ledger.budgets.read_budget("Orders").entries == {}


def test_limits_are_those_that_were_deployed_last(ledger: AnyLedger) -> None:
    ledger.budgets.keep_limits({"Orders": "{1}", "Visits": None})
    ledger.budgets.put_worker("Orders", "w1", ONE)
    assert ledger.budgets.read_budget("Orders") == TableBudget("{1}", {"w1": ONE})
    assert ledger.budgets.read_budget("Visits") == NOTHING
    assert ledger.budgets.limits(["Orders", "Visits", "Others"]) == {"Orders": "{1}"}
    ledger.budgets.keep_limits({"Orders": "{2}", "Visits": "{3}"})
    assert ledger.budgets.limits(["Orders", "Visits"]) == {"Orders": "{2}", "Visits": "{3}"}
    ledger.budgets.keep_limits({"Orders": None, "Visits": "{3}"})
    assert ledger.budgets.read_budget("Orders") == TableBudget(None, {"w1": ONE})
    assert ledger.budgets.limits(["Orders", "Visits"]) == {"Visits": "{3}"}


def test_an_entry_is_not_that_of_a_file(ledger: AnyLedger) -> None:
    ledger.budgets.put_worker("Orders", "w1", ONE)
    claim(ledger)
    assert [entry.work.file for entry in ledger.queries.open_files("orders")] == [FILE]


@pytest.fixture
def table_ledger() -> Iterator[TableLedger]:
    with mock_aws():
        yield TableLedger(table=ledger_table(), clock=ScriptedClock(1000.5))


def test_dynamodb_deletes_what_no_worker_has(table_ledger: TableLedger) -> None:
    table_ledger.budgets.put_worker("Orders", "w1", ONE)
    item = table_ledger.table.dynamodb.get_item(Key={"pk": "BUDGET#Orders", "sk": "WORKER#w1"})["Item"]
    assert item["expires"] == 1000 + 86_400 + 1


def test_what_is_deployed_already_is_not_written_again(table_ledger: TableLedger) -> None:
    table_ledger.budgets.keep_limits({"Orders": "{1}", "Visits": None})
    written: list[str] = []
    table_ledger.table.dynamodb.meta.client.meta.events.register(
        "before-call.dynamodb", lambda model, **_: written.append(model.name)
    )
    table_ledger.budgets.keep_limits({"Orders": "{1}", "Visits": None})
    assert written == ["BatchGetItem"]
