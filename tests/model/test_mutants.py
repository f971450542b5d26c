"""The checker can fail: each of these wrong ingesters is caught within the schedules that CI tries."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, find, settings

from ingest.contract import Status
from ingest.errors import IngestError
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint, WorkItem
from tests.model.services import OwnRejects
from tests.model.simulation import Kinds, ModelRun
from tests.model.test_model import model_runs, run
from tests.support.memory_ledger import MemoryLedger

MOST = 2000  # schedules until each must have been caught


class AddsTwice(MemoryLedger):
    """Adds a segment's row counts again when its end is written again."""

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        entry = self._of(work)
        entry.status, entry.lease = Status.LOADING, token.value
        super().end_segment(work, token, row_counts, is_whole=is_whole)


class PutsBackWhatOthersHold(MemoryLedger):
    """Does not look whose lease it gives back."""

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        entry = self._of(work)
        super().put_back(work, replace(token, **_parts(entry.lease)), checkpoint, error)


class ForgetsToClose(MemoryLedger):
    """Never finds that all segments have ended."""

    def end_split(self, file: FileVersion, *, rejects: str) -> None:
        return None


class IsFlushedLate(OwnRejects):
    """Puts rejects only at the end: a checkpoint is saved before them."""

    def flush(self) -> None:
        pass

    def close(self) -> None:
        super().flush()


class IsNamedByTime(OwnRejects):
    """Gives each part a name of its own: what is loaded again is there twice."""

    def flush(self) -> None:
        if self._held:
            self._parts[self._held[0] + 1000 * len(self._parts)] = self._held
            self._held = []
        super().flush()


MUTANTS = {
    "adds a segment twice": Kinds(ledger=AddsTwice),
    "puts back what others hold": Kinds(ledger=PutsBackWhatOthersHold),
    "never closes": Kinds(ledger=ForgetsToClose),
    "saves a checkpoint before its rejects": Kinds(rejects=IsFlushedLate),
    "keeps rejects twice": Kinds(rejects=IsNamedByTime),
}


def _parts(token: str) -> dict[str, Any]:
    message_id, delivery, worker = token.split("/")
    return {"message_id": message_id, "delivery": int(delivery), "worker": worker}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_ingester_is_caught(name: str) -> None:
    find(
        model_runs(MUTANTS[name]),
        is_wrong,
        settings=settings(max_examples=MOST, phases=[Phase.generate], database=None, derandomize=True),
    )


def is_wrong(simulation: ModelRun) -> bool:
    """Return whether running a simulation shows that something is wrong."""
    try:
        run(simulation)
    except AssertionError:
        return True
    return False
