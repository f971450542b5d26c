"""The checker can fail: each of these wrong ingesters is caught within the schedules that CI tries."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import Phase, find, settings

from ingest.aws.clock import digits, iso
from ingest.contract import Status
from ingest.errors import IngestError, InternalFault
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, FileStatus, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import CarriedOver, Checkpoint, KeptFeed, WorkItem, is_open
from ingest.worker.batch import BatchHandler, Record
from ingest.worker.dispatch import Past
from tests.model.scheduler import Kind
from tests.model.services import OwnRejects
from tests.model.simulation import Kinds, ModelRun
from tests.model.test_found import with_a_deadly_file, with_a_found_one_that_waited, with_two_versions_at_once
from tests.model.test_model import ACTS, acts, model_runs, run
from tests.support.fakes import FakeTable
from tests.support.memory_ledger import MemoryEntry, MemoryLedger, share_of

MOST = 2000  # schedules until each must have been caught


class AddsTwice(MemoryLedger):
    """Adds a segment's row counts again when its end is written again."""

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        entry = self._of(work)
        entry.status, entry.lease = Status.LOADING, token.value
        super().end_segment(work, token, row_counts, is_whole=is_whole)


class CountsWhatComesTooLate(MemoryLedger):
    """Adds a segment's row counts to a file that has ended."""

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        super().end_segment(work, token, row_counts, is_whole=is_whole)
        file = self._of(WorkItem(work.file))
        if not is_open(file.status):
            file.row_counts = file.row_counts.plus(row_counts)


class ClosesTwice(MemoryLedger):
    """Closes a file without the condition that it is still open."""

    def end_split(self, file: FileVersion, *, rejects: str) -> Outcome | None:
        entry = self._of(WorkItem(file))
        closes, self.meanwhile = self.meanwhile, lambda: None
        was = replace(entry, ended=dict(entry.ended))
        closes()
        for name in ("status", "ended", "row_counts", "segments_done"):
            setattr(entry, name, getattr(was, name))
        return super().end_split(file, rejects=rejects)


class ReadsOneCountEntry(MemoryLedger):
    """Closes a file by how many segments have ended, and adds up one count entry of several."""

    def _close(
        self, entry: MemoryEntry, outcome: Outcome, now_s: float, counted: list[MemoryEntry] | None = None
    ) -> Outcome:
        first = [segment for segment in counted or () if share_of(segment.work) == 0]
        return super()._close(entry, outcome, now_s, first if counted else counted)


class PutsBackWhatOthersHold(MemoryLedger):
    """Does not look whose lease it gives back."""

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        entry = self._of(work)
        super().put_back(work, replace(token, **_parts(entry.lease)), checkpoint, error)


class ForgetsToClose(MemoryLedger):
    """Never finds that all segments have ended."""

    def end_split(self, file: FileVersion, *, rejects: str) -> None:
        return None


class ForgetsSettings(MemoryLedger):
    """Does not know what a file was begun with: whoever goes on takes what is deployed."""

    def claim(self, work: WorkItem, **named: Any) -> Claimed | ClaimStatus:
        claimed = super().claim(work, **named)
        return replace(claimed, settings="") if isinstance(claimed, Claimed) else claimed

    def file_status(self, file: FileVersion) -> FileStatus:
        return replace(super().file_status(file), settings="")


class KnowsContentsOnly(MemoryLedger):
    """Takes contents that come back for those it has loaded before."""

    def is_reported(self, file: FileVersion) -> bool:
        return any(entry.work.file.url == file.url and entry.work.file.etag == file.etag for entry in self.files())


class TrustsWorkersClocks(MemoryLedger):
    """Takes what was found for as new as the moment in which a worker took it up."""

    def _note(self, file: FileVersion, now_s: float) -> None:
        super()._note(file, now_s)
        if not file.sequencer:
            self.found[file.url] = (file.etag, iso(now_s), digits(now_s))


class ForgetsFeeds(MemoryLedger):
    """Knows no feed but those of today: open files of others are not found."""

    def feeds(self) -> dict[str, KeptFeed]:
        return {}


class ForgetsWhatWasBegun(MemoryLedger):
    """Begins a file in a HEAD where another was begun, which has no entry of its own yet."""

    def _keep_begun(self, file: FileVersion) -> None:
        pass


class BeginsWithoutLooking(MemoryLedger):
    """Begins a file in its HEAD without the condition that no one else has begun anything there meanwhile."""

    def _is_as_it_was(self, file: FileVersion, head: tuple[object, ...]) -> bool:
        return True


class BeginsAgain(MemoryLedger):
    """Begins a file in its HEAD as if no one had begun it before."""

    def _may_have_entry(self, file: FileVersion) -> bool:
        return False


class TrustsTheDead(MemoryLedger):
    """Takes an object for known whose worker has died, and which is not listed as open."""

    def _is_abandoned(self, entry: MemoryEntry) -> bool:
        return False


class ForgetsDeaths(MemoryLedger):
    """Does not know that workers have died at some work."""

    def claim(self, work: WorkItem, **named: Any) -> Claimed | ClaimStatus:
        claimed = super().claim(work, **named)
        return replace(claimed, deaths=0) if isinstance(claimed, Claimed) else claimed


class TakesAsTheyCome(BatchHandler):
    """Takes the messages of a batch in any order, each with all others behind it."""

    def _in_order(self, records: list[Record], deadline_s: float) -> list[tuple[Record, Past]]:
        return [(record, Past()) for record in records]


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


class MixesRowsUp(MemoryLedger):
    """Says of the rows behind a checkpoint that one more is written than is."""

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint) -> None:
        done = checkpoint.written.done.replace(b"\1\0", b"\1\1", 1)
        super().save(work, token, replace(checkpoint, written=replace(checkpoint.written, done=done)))


class OrdersByTheClaim(MemoryLedger):
    """Gives each attempt at a file the time of its claim for an order value."""

    def note_newest(self, file: FileVersion, *, least_ms: int = 0) -> int | None:
        order_ms = super().note_newest(file, least_ms=least_ms)
        return None if order_ms is None else round(self.clock.now_s() * 1000)

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver) -> bool:
        return super().retry(file, feed=feed, begun=replace(begun, order_ms=None))


class UndoesLate(MemoryLedger):
    """Makes a file UNDONE when something of it is deleted."""

    def undo(self, file: FileVersion) -> bool:
        return True

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint) -> None:
        super().save(work, token, checkpoint)
        self._undo_others(work.file)

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        super().end_file(file, token, outcome)
        self._undo_others(file)

    def _undo_others(self, file: FileVersion) -> None:
        for entry in self.files() if file.undo else []:
            if entry.work.file.file_id == file.file_id and not entry.work.file.undo:
                super().undo(entry.work.file)


class LoadsWhatIsUndone(MemoryLedger):
    """Lets a message load a file again that is undone."""

    def claim(self, work: WorkItem, **named: Any) -> Claimed | ClaimStatus:
        entry = self._of(work)
        if entry.status == Status.UNDONE:
            entry.status = Status.WAITING
        return super().claim(work, **named)


class DeletesWhatIsThere(FakeTable):
    """Deletes an item whatever file it names."""

    def _names_same_file(self, theirs: Any, ours: Any) -> bool:
        return True


MUTANTS = {
    "makes a file UNDONE when something is deleted": Kinds(ledger=UndoesLate),
    "loads what is undone": Kinds(ledger=LoadsWhatIsUndone),
    "gives a retry another place in the order": Kinds(ledger=OrdersByTheClaim),
    "counts a row as written that is not": Kinds(ledger=MixesRowsUp),
    "adds a segment twice": Kinds(ledger=AddsTwice),
    "counts what comes too late": Kinds(ledger=CountsWhatComesTooLate),
    "closes a file that is closed": Kinds(ledger=ClosesTwice),
    "takes a sum for all": Kinds(ledger=ReadsOneCountEntry),
    "forgets what was begun in a HEAD": Kinds(ledger=ForgetsWhatWasBegun),
    "begins again in a HEAD": Kinds(ledger=BeginsAgain),
    "trusts those who have died": Kinds(ledger=TrustsTheDead),
    "puts back what others hold": Kinds(ledger=PutsBackWhatOthersHold),
    "never closes": Kinds(ledger=ForgetsToClose),
    "goes on with what is deployed": Kinds(ledger=ForgetsSettings),
    "knows objects by their contents only": Kinds(ledger=KnowsContentsOnly),
    "looks after the feeds of today": Kinds(ledger=ForgetsFeeds),
    "saves a checkpoint before its rejects": Kinds(rejects=IsFlushedLate),
    "keeps rejects twice": Kinds(rejects=IsNamedByTime),
}
# Mutants that few of all schedules show, and schedules of which many do.
SHOWN_BY = {
    "makes a file UNDONE when something is deleted": acts([Kind.UNDO]),
    "loads what is undone": acts([Kind.UNDO, Kind.NOTIFY]),
    "counts a row as written that is not": acts([Kind.PASS]),
    "closes a file that is closed": acts([Kind.GIVE_UP, Kind.SWITCH]),
    "puts back what others hold": acts([Kind.SWITCH]),
    "looks after the feeds of today": acts([Kind.DEPLOY, Kind.KILL]),
    "saves a checkpoint before its rejects": acts([Kind.PASS, Kind.KILL]),
}
# Where the search begins, if not at 1: with these, each was caught within five schedules when they were chosen.
SEEDS = {
    "counts a row as written that is not": 59,
    "counts what comes too late": 7,
    "closes a file that is closed": 24,
    "forgets what was begun in a HEAD": 48,
    "trusts those who have died": 11,
    "keeps rejects twice": 2,
    "looks after the feeds of today": 16,
    "saves a checkpoint before its rejects": 12,
}


def _parts(token: str) -> dict[str, Any]:
    message_id, delivery, worker = token.split("/")
    return {"message_id": message_id, "delivery": int(delivery), "worker": worker}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_ingester_is_caught(name: str) -> None:
    find(
        model_runs(MUTANTS[name], SHOWN_BY.get(name, ACTS)),
        is_wrong,
        settings=settings(max_examples=MOST, phases=[Phase.generate], database=None),
        random=Random(SEEDS.get(name, 1)),
    )


@pytest.mark.parametrize(
    ("kinds", "most_received"),
    [
        (Kinds(ledger=ForgetsDeaths), 5),
        (Kinds(batches=TakesAsTheyCome), 2),
        (Kinds(ledger=ForgetsDeaths, batches=TakesAsTheyCome), 5),
    ],
    ids=["tries what kills again and again", "takes messages as they come", "both"],
)
def test_an_ingester_that_lets_messages_die_with_another_is_caught(kinds: Kinds, most_received: int) -> None:
    assert is_wrong(with_a_deadly_file(kinds, most_received=most_received))


def test_a_table_that_takes_older_rows_is_caught_where_files_are_ordered() -> None:
    def is_caught(simulation: ModelRun) -> bool:
        simulation.table.version = None
        return is_wrong(simulation)

    few = settings(max_examples=MOST, phases=[Phase.generate], database=None, derandomize=True)
    find(model_runs(is_ordered=True), is_caught, settings=few)


def test_an_undo_that_deletes_what_other_files_have_written_is_caught() -> None:
    few = settings(max_examples=MOST, phases=[Phase.generate], database=None, derandomize=True)
    kinds = Kinds(table=DeletesWhatIsThere)
    find(model_runs(kinds, acts([Kind.UNDO]), is_ordered=True), is_wrong, settings=few)


def test_an_ingester_that_loads_a_reported_version_again_is_caught() -> None:
    assert is_wrong(with_a_found_one_that_waited(Kinds(ledger=TrustsWorkersClocks)))


def test_an_ingester_that_begins_without_looking_is_caught() -> None:
    kinds = Kinds(ledger=BeginsWithoutLooking)
    assert any(is_wrong(with_two_versions_at_once(first, second, kinds)) for first in range(12) for second in range(12))


def is_wrong(simulation: ModelRun) -> bool:
    """Return whether running a simulation shows that something is wrong."""
    try:
        run(simulation)
    except (AssertionError, InternalFault):  # the second: what the product itself calls a bug
        return True
    return False
