"""The ledger, both ways: whatever uses the fixture `ledger` holds for the table and for the one in memory."""

from collections.abc import Iterator

import pytest

from ingest.ledger.store import TableLedger
from tests.support.clients import ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledgers import AnyLedger
from tests.support.memory_ledger import MemoryLedger


@pytest.fixture(params=["table", "memory"])
def ledger(request: pytest.FixtureRequest) -> Iterator[AnyLedger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with mock_aws():
        yield TableLedger(table=ledger_table(), clock=ScriptedClock())
