"""What the pipeline and the intake need of the world. The edges fit structurally; mypy checks it in the roots."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Protocol

from ingest.errors import IngestError
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, FileStatus, LeaseToken, Outcome
from ingest.ledger.entry import Entry
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import CarriedOver, Checkpoint, Plan, WorkItem
from ingest.metrics.emf import Value
from ingest.reading.segments import Segment
from ingest.rejects.reject import Reject


class RejectSink(Protocol):
    """Keeps rejects."""

    def begin(self, head: bytes, csv: Csv) -> None:
        """Take what stands before the rows, ahead of any reject."""

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects, in file order."""

    def flush(self) -> None:
        """Return when all rejects so far are durable."""

    def close(self) -> None:
        """Return when all rejects are durable; none will follow."""


class Objects(Protocol):
    """Where files are."""

    def find(self, file: FileVersion) -> FileVersion:
        """Return the file with size and eTag."""

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        """Yield bytes of exactly this version; `ahead` is how many ranges are read at the same time."""


class LeaseKeeper(Protocol):
    """Where leases are kept."""

    def renew(self, work: WorkItem, token: LeaseToken) -> None:
        """Hold a lease longer."""

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint, *, now_s: float) -> None:
        """Write how far the work is done, and hold the lease longer."""

    def save_plan(self, file: FileVersion, token: LeaseToken, plan: Plan, *, now_s: float) -> None:
        """Write how far a file is split, and hold the lease longer."""


class Ledger(LeaseKeeper, Protocol):
    """What is known of files and segments. All that needs a lease raises `LeaseLost` where another has it."""

    def note_newest(self, file: FileVersion, *, now_s: float) -> bool:
        """Return False if a newer version of the key is known."""

    def claim(self, work: WorkItem, *, feed: str, token: LeaseToken, now_s: float) -> Claimed | ClaimStatus:
        """Take the lease; return how far the work has come, or what stands against it."""

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        """Give the lease back."""

    def file_status(self, file: FileVersion) -> FileStatus:
        """Return what is known of a file at large."""

    def add_segment(self, file: FileVersion, segment: Segment, *, now_s: float) -> None:
        """Write a segment's record, unless it is there."""

    def split(self, file: FileVersion, token: LeaseToken, plan: Plan, *, head_bytes: int, now_s: float) -> None:
        """Say that all segments are planned."""

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome, *, now_s: float) -> None:
        """Write how a file ended whose lease is held."""

    def end_segment(
        self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool, now_s: float
    ) -> None:
        """Write that a segment ended, read to its end or given up."""

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome, *, now_s: float) -> None:
        """Write how a file ended whose lease is held and of which nothing was read but its head."""

    def end_early(self, file: FileVersion, outcome: Outcome, *, now_s: float) -> bool:
        """Write that a file that is split ended before all its segments did; False if it had ended."""

    def end_split(self, file: FileVersion, *, rejects: str, now_s: float) -> Outcome | None:
        """Close a file if all its segments have ended, or a newer one is known; None if neither, or it was closed."""

    def unreported(self, file: FileVersion) -> Outcome | None:
        """Return how a file ended whose outcome was not told."""

    def reported(self, file: FileVersion, feed: str, status: str, *, now_s: float) -> None:
        """Remember that it was told."""


class Listing(Protocol):
    """What the ledger holds."""

    def open_files(self, feed: str) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not told yet."""

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the records of a file's segments."""

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is a record of an object, told by its eTag."""

    def note_resent(self, work: WorkItem, *, now_s: float) -> bool:
        """Remember that the message of stuck work is sent again; False if somebody has it now."""

    def give_up(self, file: FileVersion, outcome: Outcome, *, now_s: float) -> bool:
        """Write that a file that nobody could finish has failed; False if it had ended."""


class Retries(Protocol):
    """Where attempts begin that an operator asked for."""

    def entry(self, work: WorkItem) -> Entry | None:
        """Return the record of a file or segment, if there is one."""

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        """Return how far a file that is not split was loaded."""

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver, now_s: float) -> bool:
        """Write the record of another attempt at a file; False if there is one already."""

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts, *, now_s: float) -> None:
        """Write the record of a segment that an earlier attempt has loaded, unless it is there already."""


class ObjectListing(Protocol):
    """What lies in a bucket."""

    def under(self, bucket: str, prefix: str) -> Iterator[tuple[FileVersion, float]]:
        """Yield the objects under a prefix, each with when it was changed (epoch seconds)."""


class FileRejects(RejectSink, Protocol):
    """The rejects of one file."""

    @property
    def url(self) -> str:
        """Where they are, if there are any."""


class Queue(Protocol):
    """The queue messages come from."""

    def send(self, bodies: Iterable[str], *, hops: int = 0, stalls: int = 0, delay_s: int = 0) -> None:
        """Put messages in the queue."""


class QueueDepth(Queue, Protocol):
    """A queue that tells how full it is."""

    def waiting(self) -> int:
        """Return about how many messages wait to be delivered."""


class DeadLetters(Protocol):
    """Where messages go that nobody understands."""

    def dead_letter(self, body: str, *, code: str, reason: str) -> None:
        """Keep a message with the reason."""


class MetricSink(Protocol):
    """Where counts go."""

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Publish values of one feed."""


class EventSink(Protocol):
    """Where the outcomes of files are told."""

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        """Tell how a file ended."""


class WorkerClock(Protocol):
    """What the intake needs of a clock."""

    def now_s(self) -> float:
        """Return epoch seconds."""

    def monotonic_s(self) -> float:
        """Return seconds that never jump."""
