"""Work that was claimed, and what one worker's attempt at it has come to."""

from dataclasses import dataclass

from ingest.errors import ServiceFault
from ingest.ledger.claims import Claimed
from ingest.ledger.row_counts import Books
from ingest.ledger.work_item import Checkpoint, Work
from ingest.worker.lease import Hold
from ingest.worker.load import Load
from ingest.worker.ports import FileRejects
from ingest.worker.report import Account
from ingest.worker.split import Split


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is ours for now: its feed's name, how far it has come, the lease, and how often its message came."""

    work: Work
    feed: str
    claimed: Claimed
    hold: Hold
    delivery: int = 1

    @property
    def books(self) -> Books:
        """What others have counted before."""
        return self.claimed.checkpoint.books if self.claimed.checkpoint else Books()


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
    account: Account
    split: Split | None = None
    is_split: bool = False
    load: Load | None = None

    @property
    def books(self) -> Books | None:
        """What was loaded; None if nothing was begun."""
        return self.load.books if self.load else None

    @property
    def checkpoint(self) -> Checkpoint | None:
        """How far it has come; None if nothing was begun."""
        return self.load.checkpoint if self.load else None

    @property
    def has_moved(self) -> bool:
        """Whether it has come further than others before."""
        return bool((self.split and self.split.has_moved) or (self.load and self.load.has_moved))
