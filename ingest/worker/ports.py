"""The services that the worker uses, as Protocols. Whoever starts the worker passes objects that fit; mypy checks that.

They are passed together, as one `Services`.
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
    """Who works on what. Every method that needs a lease raises `LeaseLost` if another worker holds it."""

    def note_newest(self, file: FileVersion, *, least_ms: int = 0) -> int | None:
        """Return a version's order value (with `least_ms`, a new one); None if a newer version is known."""

    def prefetch(self, files: Sequence[FileVersion]) -> None:
        """Look up several files that will be begun soon."""

    def begin(
        self, file: FileVersion, *, feed: str, token: LeaseToken, settings: str = ""
    ) -> Claimed | ClaimStatus | None:
        """Note a version as the newest of its key and `claim` it; return None if a newer version is known."""

    def claim(
        self, work: WorkItem, *, feed: str, token: LeaseToken, settings: str = "", order_ms: int = 0
    ) -> Claimed | ClaimStatus:
        """Take the lease; return how far the work has come, or the status that does not allow the claim.

        `settings` is the fingerprint of the settings for a new file, `order_ms` its order value; a file that was begun
        keeps its own.
        """

    def renew(self, work: WorkItem, token: LeaseToken) -> None:
        """Extend a lease."""

    def take_turn(self, token: LeaseToken) -> Looked | None:
        """Take or renew the lease on the reconciler, until `token.until_s`; return how far objects have been looked
        for, None if another worker holds it."""

    def end_turn(self, token: LeaseToken, looked: Looked | None = None) -> None:
        """Release the lease on the reconciler; `looked` is how far objects have been looked for now."""

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint) -> None:
        """Write a checkpoint and extend the lease."""

    def save_plan(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan) -> None:
        """Write how far a file is split and extend the lease."""

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        """Release the lease, with the checkpoint and the reason why the work is not finished."""


class Transitions(Protocol):
    """How entries begin and end. Every method that needs a lease raises `LeaseLost` if another worker holds it."""

    def keep_feeds(self, deployed: Mapping[str, KeptFeed]) -> None:
        """Write the deployed feeds, by name."""

    def add_segment(self, file: FileVersion, segment: Segment) -> None:
        """Write a segment's entry unless there is one."""

    def split(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan, *, head_bytes: int) -> None:
        """Write that all segments are planned."""

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        """Write how a file ended whose lease we hold."""

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        """Write that a segment ended, read to its end or given up, and add its counts to the file's."""

    def end_by_segment(
        self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, outcome: Outcome
    ) -> Outcome | None:
        """End a file because of one of its segments; return its outcome and counts; None if it had ended already."""

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> Outcome:
        """Write how a file ended whose lease we hold and of which only the header was read."""

    def end_early(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        """End a file, whoever holds its lease; return its outcome and counts; None if it had ended already."""

    def end_split(self, file: FileVersion, *, rejects: str) -> Outcome | None:
        """Close a file if all its segments have ended or a newer version is known; return None if it was not closed."""

    def give_up(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        """End a file that no worker could finish; return its outcome and counts; None if it had ended already."""

    def ignore(self, file: FileVersion, feed: str) -> bool:
        """Write that an object is not to be loaded; return False if it was claimed before."""

    def keep_settings(self, kept: KeptFeed) -> object:
        """Write settings with which files are begun, by their fingerprint."""

    def undo(self, file: FileVersion) -> bool:
        """Write that a file which has ended is undone; return False if it has not ended."""

    def note_reported(self, file: FileVersion, feed: str, status: str) -> None:
        """Write that the outcome of a file was reported."""

    def list_unreported(self, file: FileVersion, feed: str) -> None:
        """List a file that has ended but could not be reported, so that the reconciler finds it."""

    def note_resent(self, work: WorkItem, times: int) -> bool:
        """Write that the message of stuck work is resent for the `times`th time; return False if a worker holds the
        work now, or another process wrote this first."""

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver) -> bool:
        """Write the entry of another attempt at a file; return False if there is one already."""

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts) -> None:
        """Write the entry of a segment that an earlier attempt has loaded, unless there is one already."""


class Queries(Protocol):
    """Reads of the ledger."""

    def file_status(self, file: FileVersion) -> FileStatus:
        """Return the status of a file, and whether it is the newest version."""

    def unreported(self, file: FileVersion) -> Outcome | None:
        """Return the outcome of a file if it has not been reported; otherwise None."""

    def settings(self, fingerprint: str) -> str | None:
        """Return the text of settings that the ledger keeps, by fingerprint."""

    def feeds(self) -> Mapping[str, KeptFeed]:
        """Return all feeds that were ever deployed, by name."""

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        """Return how far a file that is not split was loaded."""

    def entry(self, work: WorkItem) -> Entry | None:
        """Return the entry of a file or segment, if there is one."""

    def open_files(self, feed: str) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome has not been reported."""

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended with a status on a day (YYYY-MM-DD, UTC)."""

    def versions(self, bucket: str, key: str) -> Iterator[Entry]:
        """Yield the entries of all versions of an object, oldest first."""

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the entries of a file's segments."""

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is an entry of an object in its present version."""

    def unknown(self, files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        """Yield the objects that the ledger does not know, looked up in batches. If it knows an object by a version
        whose worker has died and which is not listed as open, yield that version."""


class Budgets(Protocol):
    """Write budgets of tables, and the workers that share them."""

    def put_worker(self, table: str, name: str, entry: BudgetEntry) -> None:
        """Write a worker's entry."""

    def read_budget(self, table: str) -> TableBudget:
        """Return the limits of a table and all workers' entries."""

    def delete_worker(self, table: str, name: str, *, n: int | None = None) -> None:
        """Delete a worker's entry; with `n`, only if it still has that `n`."""

    def keep_limits(self, deployed: Mapping[str, str | None]) -> None:
        """Write the deployed limits of tables."""


class Ledger(Protocol):
    """The ledger: what is known of files and segments."""

    @property
    def leases(self) -> Leases:
        """Who works on what."""

    @property
    def transitions(self) -> Transitions:
        """How entries begin and end."""

    @property
    def queries(self) -> Queries:
        """Reads of the ledger."""

    @property
    def budgets(self) -> Budgets:
        """Write budgets of tables."""


class RejectSink(Protocol):
    """Writes rejects, and the first duplicates beside them."""

    def begin(self, head: bytes, csv: Csv) -> None:
        """Take the bytes before the rows, before any reject is added."""

    def add(self, rejects: list[Reject]) -> None:
        """Add a block's rejects, in file order."""

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        """Add a block's duplicates, in file order: at most `KEPT_DUPLICATES` of a file or segment."""

    def flush(self) -> None:
        """Make all rejects and duplicates so far durable before returning."""

    def close(self) -> None:
        """Make all rejects and duplicates durable before returning; no more may be added."""


class FileRejects(RejectSink, Protocol):
    """The rejects of one file."""

    @property
    def url(self) -> str:
        """The URL of the rejects, if there are any."""


class Objects(Protocol):
    """Reads files."""

    def find(self, file: FileVersion) -> FileVersion:
        """Return the file with its size and eTag."""

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        """Yield the bytes of exactly this version; `ahead` is the number of ranges read concurrently."""


class ObjectListing(Protocol):
    """Lists the objects of a bucket."""

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[tuple[FileVersion, float]]:
        """Yield the objects under a prefix by key, from the first key after `after`, each with the time of its last
        change (epoch seconds)."""

    def is_readable(self, file: FileVersion) -> bool:
        """Return whether an object that was archived can be read now."""


class Queue(Protocol):
    """The queue that delivers the messages."""

    def send(
        self, bodies: Iterable[str], *, feed: str | None, hops: int = 0, stalls: int = 0, delay_s: int = 0
    ) -> None:
        """Send messages of a feed; `feed` is None if it is not known."""

    def waiting(self) -> int:
        """Return the approximate number of messages that wait to be delivered."""


class DeadLetters(Protocol):
    """The dead-letter queue."""

    def dead_letter(self, body: str, *, code: str, reason: str) -> None:
        """Send a message to the dead-letter queue, with the reason."""


class MetricSink(Protocol):
    """Publishes metrics."""

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        """Publish values of one feed."""


class EventSink(Protocol):
    """Sends events about the outcomes of files."""

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        """Send the event that a file ended."""


class WorkerClock(Protocol):
    """The time functions that the worker uses."""

    def now_s(self) -> float:
        """Return epoch seconds."""

    def monotonic_s(self) -> float:
        """Return seconds of a monotonic clock."""

    def chance(self) -> float:
        """Return a random number in [0, 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services for looking after files and reporting on them, which the operator's commands use, too.

    `rejects_url` returns the URL of a file's rejects, whether it has any or not.
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
    """The further services of the function: objects to read, tables to write, rejects, dead letters.

    `check_table` raises if a feed's table would refuse the items of a mapping; it is called before the first write.
    """

    objects: Objects
    writer_for: Callable[[Feed], ItemWriter]
    check_table: Callable[[Feed, ItemMapping], None]
    rejects_for: Callable[[FileVersion], FileRejects]
    dead_letters: DeadLetters
