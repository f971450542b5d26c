"""What files were begun with: settings are kept for good, and a file that was begun keeps its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.ledger.claims import Claimed, ClaimStatus
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import CarriedOver, KeptFeed
from loadtest.harness.dynamodb_proxy import LedgerCosts
from tests.support.clients import ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledger_costs import counting
from tests.support.ledgers import CHECKPOINT, FILE, LEASE, OTHER, WORK, AnyLedger
from tests.support.memory_ledger import at

ONE, TWO = KeptFeed("f1", '{"n":1}'), KeptFeed("f2", '{"n":2}')


@pytest.fixture
def table_ledger() -> Iterator[TableLedger]:
    with mock_aws():
        yield TableLedger(table=ledger_table(), clock=ScriptedClock())


@pytest.fixture
def costs(table_ledger: TableLedger) -> Iterator[LedgerCosts]:
    """What the table is charged for, request by request."""
    with counting(table_ledger.table.dynamodb) as counted:
        yield counted.writes


def claim(ledger: AnyLedger, settings: str, *, feed: str = "orders", now_s: float = 100.5, token: Any = LEASE) -> Any:
    return at(ledger, now_s).leases.claim(WORK, feed=feed, token=token, settings=settings)


def test_a_file_is_claimed_with_settings_and_keeps_them(ledger: AnyLedger) -> None:
    assert claim(ledger, "f1") == Claimed(100.5, feed="orders", settings="f1")
    assert claim(ledger, "f2", feed="renamed", now_s=300.0, token=OTHER) == Claimed(
        100.5, feed="orders", settings="f1", deaths=1
    )
    status = ledger.queries.file_status(FILE)
    assert (status.feed, status.settings, status.first_seen_s) == ("orders", "f1", 100.5)
    entry = ledger.queries.entry(WORK)
    assert entry is not None
    assert (entry.settings, entry.attempts) == ("f1", 2)


def test_a_feed_that_is_only_renamed_takes_its_files_along(ledger: AnyLedger) -> None:
    claim(ledger, "f1")
    assert claim(ledger, "f1", feed="renamed", now_s=300.0, token=OTHER).feed == "renamed"
    assert [entry.work for entry in ledger.queries.open_files("renamed")] == [WORK]
    assert list(ledger.queries.open_files("orders")) == []


def test_a_lease_that_is_held_is_not_taken_with_other_settings_either(ledger: AnyLedger) -> None:
    claim(ledger, "f1")
    assert claim(ledger, "f2", now_s=150.0, token=OTHER) == ClaimStatus("LOADING", "m1/1/w1", 160.5, "orders")


def test_a_file_of_an_older_version_of_the_ingester_gets_settings_when_it_is_claimed(ledger: AnyLedger) -> None:
    claim(ledger, "")
    assert claim(ledger, "f1", now_s=300.0, token=OTHER).settings == "f1"


def test_a_retry_from_the_checkpoint_has_the_settings_of_the_attempt_before(ledger: AnyLedger) -> None:
    begun = CarriedOver(checkpoint=CHECKPOINT, settings="f1")
    assert at(ledger, 90.0).transitions.retry(FILE, feed="orders", begun=begun)
    assert claim(ledger, "f2") == Claimed(90.0, CHECKPOINT, feed="orders", settings="f1")


def test_feeds_are_kept_and_those_of_old_are_known(ledger: AnyLedger) -> None:
    assert ledger.queries.feeds() == {}
    ledger.transitions.keep_feeds({"orders": ONE, "others": TWO})
    assert ledger.queries.feeds() == {"orders": ONE, "others": TWO}
    ledger.transitions.keep_feeds({"orders": TWO})
    assert ledger.queries.feeds() == {"orders": TWO, "others": KeptFeed("f2", '{"n":2}', is_deployed=False)}
    assert [ledger.queries.settings(name) for name in ("f1", "f2", "f3")] == ['{"n":1}', '{"n":2}', None]
    ledger.transitions.keep_feeds({"others": TWO})
    assert ledger.queries.feeds()["others"].is_deployed


def test_a_change_of_a_limit_alone_is_kept_too(ledger: AnyLedger) -> None:
    ledger.transitions.keep_feeds({"orders": ONE})
    changed = KeptFeed("f1", '{"n":1,"limit":3}')
    ledger.transitions.keep_feeds({"orders": changed})
    assert ledger.queries.feeds() == {"orders": changed}
    assert ledger.queries.settings("f1") == '{"n":1}'


def test_keeping_what_is_kept_writes_nothing(table_ledger: TableLedger, costs: LedgerCosts) -> None:
    table_ledger.transitions.keep_feeds({"orders": ONE, "others": TWO})
    assert costs.total == 4
    table_ledger.transitions.keep_feeds({"orders": ONE, "others": TWO})
    assert costs.total == 4
