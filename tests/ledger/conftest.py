"""The ledger, both ways: whatever uses the fixture `ledger` holds for the table, as the function reaches it, and for
the one in memory."""

from collections.abc import Iterator

import pytest

from ingest.dynamodb.updates import TableUpdates
from ingest.ledger.store import TableLedger
from tests.support.clients import MotoExchange, ledger_table, mock_aws
from tests.support.fakes import ScriptedClock
from tests.support.ledgers import AnyLedger
from tests.support.memory_ledger import MemoryLedger


@pytest.fixture(params=["table", "memory"])
def ledger(request: pytest.FixtureRequest) -> Iterator[AnyLedger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    with mock_aws():
        rows = ledger_table()
        updates = TableUpdates(rows, MotoExchange)  # type: ignore[arg-type]
        yield TableLedger(table=rows, clock=ScriptedClock(), update_item=updates.update_item)
