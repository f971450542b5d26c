"""The ledger, both ways: whatever uses the fixture `ledger` holds for the table and for the one in memory."""

from collections.abc import Iterator

import pytest

from ingest.ledger.store import LedgerTable
from tests.support.clients import mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledgers import Both, ledger_table
from tests.support.memory_ledger import MemoryLedger


@pytest.fixture(params=["table", "memory"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Both]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with mock_aws():
        yield LedgerTable(table=ledger_table(), clock=ScriptedClock())
