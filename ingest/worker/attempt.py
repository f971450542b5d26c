"""Work that was claimed, one worker's attempt at it, and how that ended: a value for each way an attempt can end."""

from dataclasses import dataclass

from ingest.errors import IngestError, ServiceFault
from ingest.ledger.claims import Claimed
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import Checkpoint, WorkItem
from ingest.worker.lease import Lease
from ingest.worker.load import Load
from ingest.worker.ports import FileRejects
from ingest.worker.report import ProgressReporter
from ingest.worker.split import Splitter


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
        return self.claimed.checkpoint.row_counts if self.claimed.checkpoint else NOTHING


class UnfinishedError(Exception):
    """The work is put back at its checkpoint; `fault` says why, `made_progress` whether the checkpoint has moved."""

    def __init__(self, fault: ServiceFault, *, made_progress: bool) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.made_progress = made_progress


@dataclass(frozen=True, slots=True)
class Loaded:
    """The file or segment was read to its end."""

    row_counts: RowCounts


@dataclass(frozen=True, slots=True)
class Split:
    """The segments of the file are planned, and their messages sent: the last of them to end closes the file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The file ends with an error before any row of it was loaded as a whole."""

    error: IngestError


@dataclass(frozen=True, slots=True)
class Stopped:
    """The file ends with an error that came while it, or this segment of it, was loaded.

    Another attempt may go on at the checkpoint, if there is one.
    """

    error: IngestError
    row_counts: RowCounts
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A service failed, or time ran out: the work goes on later at the checkpoint, or where it was if there is none."""

    fault: ServiceFault
    checkpoint: Checkpoint | None
    made_progress: bool


Ending = Loaded | Split | Refused | Stopped | Failed


@dataclass(slots=True)
class Attempt:
    """A task under way; `splitter` and `load` are there when they have begun."""

    task: Task
    rejects: FileRejects
    progress: ProgressReporter
    splitter: Splitter | None = None
    load: Load | None = None

    def stopped(self, error: IngestError) -> Refused | Stopped:
        """Return how it ends by an error of the file."""
        if self.load:
            return Stopped(error, self.load.row_counts, self.load.checkpoint)
        if self.task.work.segment:
            return Stopped(error, self.task.row_counts, None)
        return Refused(error)

    def failed(self, fault: ServiceFault) -> Failed:
        """Return how it ends by an error that may pass."""
        has_moved = bool((self.splitter and self.splitter.has_moved) or (self.load and self.load.has_moved))
        return Failed(fault, self.load.checkpoint if self.load else None, has_moved)
