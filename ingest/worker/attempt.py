"""Work that was claimed, and what one worker's attempt at it has come to."""

from dataclasses import dataclass

from ingest.errors import ServiceFault
from ingest.ledger.claims import Claimed
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Checkpoint, WorkItem
from ingest.worker.lease import Lease
from ingest.worker.load import Load
from ingest.worker.ports import FileRejects
from ingest.worker.report import ProgressReporter
from ingest.worker.split import Split


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is ours for now: its feed's name, how far it has come, the lease, and how often its message came."""

    work: WorkItem
    feed: str
    claimed: Claimed
    lease: Lease
    delivery: int = 1

    @property
    def row_counts(self) -> RowCounts:
        """What others have counted before."""
        return self.claimed.checkpoint.row_counts if self.claimed.checkpoint else RowCounts()


class UnfinishedError(Exception):
    """The work is put back at its checkpoint; `fault` says why, `made_progress` whether the checkpoint has moved."""

    def __init__(self, fault: ServiceFault, *, made_progress: bool) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.made_progress = made_progress


@dataclass(slots=True)
class Attempt:
    """A task under way, and what it has come to."""

    task: Task
    rejects: FileRejects
    account: ProgressReporter
    split: Split | None = None
    is_split: bool = False
    load: Load | None = None

    @property
    def row_counts(self) -> RowCounts | None:
        """What was loaded; None if nothing was begun."""
        return self.load.row_counts if self.load else None

    @property
    def checkpoint(self) -> Checkpoint | None:
        """How far it has come; None if nothing was begun."""
        return self.load.checkpoint if self.load else None

    @property
    def has_moved(self) -> bool:
        """Whether it has come further than others before."""
        return bool((self.split and self.split.has_moved) or (self.load and self.load.has_moved))
