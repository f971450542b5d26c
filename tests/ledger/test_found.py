"""An object found in the bucket and its own notification: whichever comes first is loaded, the other is old."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from ingest.aws.clock import Clock
from ingest.contract import LedgerKeys
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import WorkItem
from tests.support.clients import mock_aws, table
from tests.support.memory_ledger import MemoryLedger, at

FOUND = FileVersion("landing", "orders/1.csv", etag="e1", event_time="1970-01-01T00:01:00Z")
REPORTED = replace(FOUND, sequencer="0A")


@pytest.fixture(params=["table", "memory"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with mock_aws():
        yield TableLedger(table=table("Ledger", LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY), clock=Clock())


def test_a_found_object_is_old_when_its_notification_came_while_its_message_waited(ledger: Any) -> None:
    assert at(ledger, 100).leases.note_newest(REPORTED)
    at(ledger, 100).leases.claim(WorkItem(REPORTED), feed="orders", token=LeaseToken("m", 1, 160.0))
    assert not at(ledger, 200).leases.note_newest(FOUND)


def test_a_found_object_goes_on_when_whoever_took_its_notification_died_before_claiming_it(ledger: Any) -> None:
    assert at(ledger, 100).leases.note_newest(REPORTED)
    assert at(ledger, 200).leases.note_newest(FOUND)
    assert not at(ledger, 300).leases.note_newest(REPORTED)


def test_a_notification_is_old_when_its_object_was_found_and_the_found_one_goes_on(ledger: Any) -> None:
    assert at(ledger, 200).leases.note_newest(FOUND)
    assert not at(ledger, 300).leases.note_newest(REPORTED)
    assert at(ledger, 400).leases.note_newest(FOUND)


def test_a_found_object_is_not_old_when_another_version_was_reported_of_before(ledger: Any) -> None:
    assert at(ledger, 100).leases.note_newest(replace(REPORTED, etag="e0"))
    assert at(ledger, 200).leases.note_newest(FOUND)
