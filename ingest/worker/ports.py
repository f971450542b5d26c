"""What the worker needs of the services around it, as Protocols: whoever runs it gives what fits; mypy checks it there.

They travel together, as one `Services`.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.dynamodb.item_writer import ItemWriter
from ingest.errors import IngestError
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.file import FileVersion
from ingest.items.mapping import Mapping as ItemMapping
from ingest.ledger.claims import BudgetEntry, Claimed, ClaimStatus, FileStatus, LeaseToken, Looked, Outcome, TableBudget
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import CarriedOver, Checkpoint, Entry, KeptFeed, SegmentPlan, WorkItem
from ingest.metrics.emf import Value
from ingest.reading.segments import Segment
from ingest.rejects.reject import DuplicateRow, Reject

Log = Callable[[str, dict[str, object]], None]


class Leases(Protocol):
    """Who works on what. All that needs a lease raises `LeaseLost` where another has it."""

    def note_newest(self, file: FileVersion, *, least_ms: int = 0) -> int | None:
        """Return the order value of a version (a new one, of at least `least_ms`); None if a newer one is known."""

    def prefetch(self, files: Sequence[FileVersion]) -> None:
        """Look up several files that will be begun soon."""

    def begin(
        self, file: FileVersion, *, feed: str, token: LeaseToken, settings: str = ""
    ) -> Claimed | ClaimStatus | None:
        """Note a version as the newest of its key, and `claim` it; None if a newer one is known."""

    def claim(
        self, work: WorkItem, *, feed: str, token: LeaseToken, settings: str = "", order_ms: int = 0
    ) -> Claimed | ClaimStatus:
        """Take the lease; return how far the work has come, or the status that does not allow it.

        `settings` is the fingerprint of those a new file is begun with, `order_ms` its order value; one that was begun
        keeps its own.
        """

    def renew(self, work: WorkItem, token: LeaseToken) -> None:
        """Hold a lease longer."""

    def take_turn(self, token: LeaseToken) -> Looked | None:
        """Run the reconciler, or go on, until `token.until_s`; return how far objects were looked for, None if another
        runs it."""

    def end_turn(self, token: LeaseToken, looked: Looked | None = None) -> None:
        """Let others run the reconciler; `looked` is how far objects were looked for now."""

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint) -> None:
        """Write how far the work is done, and hold the lease longer."""

    def save_plan(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan) -> None:
        """Write how far a file is split, and hold the lease longer."""

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        """Give the lease back."""


class Transitions(Protocol):
    """How entries begin and end. All that needs a lease raises `LeaseLost` where another has it."""

    def keep_feeds(self, deployed: Mapping[str, KeptFeed]) -> None:
        """Keep the feeds that are deployed, by name."""

    def add_segment(self, file: FileVersion, segment: Segment) -> None:
        """Write a segment's entry, unless it is there."""

    def split(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan, *, head_bytes: int) -> None:
        """Write that all segments are planned."""

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        """Write how a file ended whose lease is held."""

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        """Write that a segment ended, read to its end or given up, and count it for its file."""

    def end_by_segment(
        self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, outcome: Outcome
    ) -> Outcome | None:
        """End a file by one of its segments; return how it ended, with what it counts; None if it had ended."""

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> Outcome:
        """Write how a file ended whose lease is held and of which nothing was read but its header."""

    def end_early(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        """End a file, whoever works on it; return how it ended, with what it counts; None if it had ended."""

    def end_split(self, file: FileVersion, *, rejects: str) -> Outcome | None:
        """Close a file if all its segments have ended, or a newer one is known; None if neither, or it was closed."""

    def give_up(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        """End a file that no one could finish; return how it ended, with what it counts; None if it had ended."""

    def ignore(self, file: FileVersion, feed: str) -> bool:
        """Write that an object is not to be loaded; False if it was claimed before."""

    def keep_settings(self, kept: KeptFeed) -> object:
        """Keep settings that files are begun with, by their fingerprint."""

    def undo(self, file: FileVersion) -> bool:
        """Write that a file which has ended is undone; False if it has not ended."""

    def note_reported(self, file: FileVersion, feed: str, status: str) -> None:
        """Remember that the outcome of a file was reported."""

    def list_unreported(self, file: FileVersion, feed: str) -> None:
        """Let the reconciler find a file that has ended and could not be reported."""

    def note_resent(self, work: WorkItem, times: int) -> bool:
        """Remember that the message of stuck work is sent for the `times`th time again; False if a worker has it now,
        or another has noted that."""

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver) -> bool:
        """Write the entry of another attempt at a file; False if there is one already."""

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts) -> None:
        """Write the entry of a segment that an earlier attempt has loaded, unless it is there already."""


class Queries(Protocol):
    """What the ledger holds."""

    def file_status(self, file: FileVersion) -> FileStatus:
        """Return the status of a file, and whether it is the newest version."""

    def unreported(self, file: FileVersion) -> Outcome | None:
        """Return how a file ended whose outcome was not reported."""

    def settings(self, fingerprint: str) -> str | None:
        """Return the text of settings that were kept."""

    def feeds(self) -> Mapping[str, KeptFeed]:
        """Return all feeds that were ever deployed, by name."""

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        """Return how far a file that is not split was loaded."""

    def entry(self, work: WorkItem) -> Entry | None:
        """Return the entry of a file or segment, if there is one."""

    def open_files(self, feed: str) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not reported yet."""

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended so on a day (YYYY-MM-DD, UTC)."""

    def versions(self, bucket: str, key: str) -> Iterator[Entry]:
        """Yield the entries of all versions of an object, oldest first."""

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the entries of a file's segments."""

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is an entry of an object as it lies in the bucket now."""

    def unknown(self, files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        """Yield those objects that are not known, asked for in batches; and of those whose worker has died, and which
        are not listed as open, the version that is known."""


class Budgets(Protocol):
    """What may be written to tables, and who writes."""

    def put_worker(self, table: str, name: str, entry: BudgetEntry) -> None:
        """Write a worker's entry."""

    def read_budget(self, table: str) -> TableBudget:
        """Return the limits of a table, and all entries."""

    def delete_worker(self, table: str, name: str, *, n: int | None = None) -> None:
        """Delete an entry, or nothing if it has changed since it had this `n`."""

    def keep_limits(self, deployed: Mapping[str, str | None]) -> None:
        """Keep the limits of tables as they are deployed."""


class Ledger(Protocol):
    """What is known of files and segments."""

    @property
    def leases(self) -> Leases:
        """Who works on what."""

    @property
    def transitions(self) -> Transitions:
        """How entries begin and end."""

    @property
    def queries(self) -> Queries:
        """What it holds."""

    @property
    def budgets(self) -> Budgets:
        """What may be written to tables."""


class RejectSink(Protocol):
    """Keeps rejects, and the first duplicates beside them."""

    def begin(self, head: bytes, csv: Csv) -> None:
        """Take what stands before the rows, ahead of any reject."""

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects, in file order."""

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        """Take a block's duplicates, in file order: no more than `KEPT_DUPLICATES` of a file or segment."""

    def flush(self) -> None:
        """Return when all rejects and duplicates so far are durable."""

    def close(self) -> None:
        """Return when all rejects and duplicates are durable; none will follow."""


class FileRejects(RejectSink, Protocol):
    """The rejects of one file."""

    @property
    def url(self) -> str:
        """Where they are, if there are any."""


class Objects(Protocol):
    """Where files are."""

    def find(self, file: FileVersion) -> FileVersion:
        """Return the file with size and eTag."""

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        """Yield bytes of exactly this version; `ahead` is how many ranges are read at the same time."""


class ObjectListing(Protocol):
    """What lies in a bucket."""

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[tuple[FileVersion, float]]:
        """Yield the objects under a prefix by key, from the first behind `after`, and when each was changed (epoch
        seconds)."""

    def is_readable(self, file: FileVersion) -> bool:
        """Return whether an object that was archived can be read by now."""


class Queue(Protocol):
    """The queue messages come from."""

    def send(
        self, bodies: Iterable[str], *, feed: str | None, hops: int = 0, stalls: int = 0, delay_s: int = 0
    ) -> None:
        """Put messages of a feed in the queue; None where it is not known."""

    def waiting(self) -> int:
        """Return about how many messages wait to be delivered."""


class DeadLetters(Protocol):
    """Where messages go that no one understands."""

    def dead_letter(self, body: str, *, code: str, reason: str) -> None:
        """Keep a message with the reason."""


class MetricSink(Protocol):
    """Where counts go."""

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Publish values of one feed."""


class EventSink(Protocol):
    """Where the outcomes of files are reported."""

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        """Send the event that a file ended."""


class WorkerClock(Protocol):
    """What the worker needs of a clock."""

    def now_s(self) -> float:
        """Return epoch seconds."""

    def monotonic_s(self) -> float:
        """Return seconds that never jump."""

    def chance(self) -> float:
        """Return a random number in [0, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What is used by all that looks after files and reports on them, the operator's commands included.

    `rejects_url` says where a file's rejects are, if it has any.
    """

    ledger: Ledger
    listing: ObjectListing
    queue: Queue
    rejects_url: Callable[[FileVersion], str]
    metrics: MetricSink
    events: EventSink
    clock: WorkerClock
    log: Log


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerServices(Services):
    """What the function has beside those: files to read, tables to write to, places for what cannot be used.

    `check_table` raises what a feed's table would say to the items that a mapping makes, before the first is sent.
    """

    objects: Objects
    writer_for: Callable[[Feed], ItemWriter]
    check_table: Callable[[Feed, ItemMapping], None]
    rejects_for: Callable[[FileVersion], FileRejects]
    dead_letters: DeadLetters
