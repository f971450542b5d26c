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

CHANGED = {"event_time": "1970-01-01T00:01:00Z", "changed": "19700101000100"}
FOUND = FileVersion("landing", "orders/1.csv", etag="e1", **CHANGED)
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


@pytest.mark.parametrize("found_s", [300, 500], ids=["by a clock that is ahead", "after its message had waited"])
def test_a_reported_version_is_known_although_an_older_one_was_found_later(ledger: Any, found_s: int) -> None:
    """It was found once more, and loaded again as a version of its own."""
    newer = replace(REPORTED, etag="e2", sequencer="0B", event_time="1970-01-01T00:04:00Z", changed=None)
    steps = {found_s: lambda own: own.leases.note_newest(FOUND), 400: lambda own: load(own, newer)}
    for now_s in sorted(steps):
        assert steps[now_s](at(ledger, now_s))
    assert ledger.queries.knows(replace(newer, sequencer=None, changed="19700101000400"))


def test_contents_are_not_known_that_came_back_after_others_were_found(ledger: Any) -> None:
    """Their age may be that of their upload's begin, and before the first was reported."""
    assert load(at(ledger, 100), replace(REPORTED, etag="e0", event_time="1970-01-01T00:00:57Z"))
    assert at(ledger, 200).leases.note_newest(FOUND)
    assert not ledger.queries.knows(replace(FOUND, etag="e0", event_time="1970-01-01T00:00:50Z"))


def load(ledger: Any, file: FileVersion) -> bool:
    """Begin a file; return whether it is the newest version."""
    is_newest: bool = ledger.leases.note_newest(file)
    ledger.leases.claim(WorkItem(file), feed="orders", token=LeaseToken("m", 1, 600.0))
    return is_newest
