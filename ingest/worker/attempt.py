"""Work that was claimed, the settings it goes on with, one worker's attempt at it, and a value for each way to end it.

A file ends as it was begun (docs/decisions/0019): its settings are those of its first claim, by whomever it is loaded.
A large file is split: it is streamed once, and a message for each segment is sent meanwhile.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cached_property

from ingest.errors import IngestError, NoFeed, ServiceFault, SettingsFault
from ingest.feeds.feed import Feed, Feeds
from ingest.feeds.parse import meaning_of, read_section, section_of
from ingest.feeds.tables import limits_text
from ingest.file import MOST_RETRIES, FileVersion
from ingest.items.mapping import map_columns
from ingest.ledger.claims import Claimed
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import Checkpoint, KeptFeed, SegmentPlan, WorkItem
from ingest.queue.messages import body_of
from ingest.reading.blocks import block_bytes
from ingest.reading.reader import open_file
from ingest.reading.segments import Segment
from ingest.worker.lease import Lease
from ingest.worker.load import Load, Sizes
from ingest.worker.ports import FileRejects, Ledger, WorkerServices
from ingest.worker.report import ProgressReporter


@dataclass(frozen=True)
class LoadSettings:
    """All that decides where a file is cut, and what its rows mean. A file larger than `segment_bytes` is split."""

    feed: Feed
    sizes: Sizes
    segment_bytes: int

    @cached_property
    def fingerprint(self) -> str:
        """A name that no other settings have which cut a file elsewhere, or make something else of its rows."""
        return hashlib.sha256(self._text(meaning_of(self.feed)).encode()).hexdigest()[:16]

    def kept(self) -> KeptFeed:
        """Return the settings as the ledger keeps them."""
        return KeptFeed(self.fingerprint, self._text(section_of(self.feed)))

    def _text(self, section: str) -> str:
        sizes = {**asdict(self.sizes), "segment": self.segment_bytes}
        return json.dumps({**sizes, "feed": json.loads(section)}, separators=(",", ":"))

    @staticmethod
    def read(text: str) -> "LoadSettings":
        """Return settings that were kept.

        Raises:
            SettingsFault: this version of the ingester does not know such settings.
        """
        fields = json.loads(text)
        feed, segment_bytes = read_section(json.dumps(fields.pop("feed"))), fields.pop("segment")
        try:
            return LoadSettings(feed, Sizes(**fields), segment_bytes)
        except TypeError as error:
            raise SettingsFault(f"The settings kept in the ledger cannot be read: {error}.") from error


class DeployedSettings:
    """The settings of feeds.toml and of the stack, and, from the ledger, those that files were begun with before."""

    def __init__(self, feeds: Feeds, ledger: Ledger, *, sizes: Sizes, segment_bytes: int) -> None:
        self.feeds = feeds
        self._ledger = ledger
        self._is_kept = False
        self._rules = sizes.rules
        self._known: dict[str, LoadSettings | None] = {}
        self._today = {
            name: LoadSettings(feed, replace(sizes, block=sizes.block or block_bytes(feed.csv)), segment_bytes)
            for name, feed in feeds.feeds.items()
        }

    def keep(self) -> None:
        """Keep them in the ledger, before the first file is begun with them."""
        if not self._is_kept:
            self._ledger.transitions.keep_feeds({name: settings.kept() for name, settings in self._today.items()})
            tables, limits = {feed.table for feed in self.feeds.feeds.values()}, self.feeds.tables
            kept = {table: limits_text(limits[table]) if table in limits else None for table in sorted(tables)}
            self._ledger.budgets.keep_limits(kept)
            self._is_kept = True

    def of_key(self, key: str) -> tuple[str, LoadSettings]:
        """Return the name of an object's feed, and its settings as they are deployed.

        Raises:
            NoFeed: no feed takes the key.
        """
        name, _ = self.feeds.for_key(key)
        return name, self._today[name]

    def to_go_on(self, key: str, begun_with: str, *, is_begun: bool) -> LoadSettings | None:
        """Return the settings to go on with, for a file of that key; None if it is to be begun anew.

        `begun_with` is the fingerprint it has, if any; `is_begun`: something of it is done.

        Raises:
            NoFeed: no feed takes the key, and none did when it was begun.
        """
        try:
            _, today = self.of_key(key)
        except NoFeed:
            if settings := self._find(begun_with):
                return settings
            raise
        if begun_with in ("", today.fingerprint):
            return today
        return self._find(begun_with) if is_begun else None

    def _find(self, fingerprint: str) -> LoadSettings | None:
        """Return settings that were kept, if this version of the ingester can follow them."""
        if fingerprint not in self._known:
            self._known[fingerprint] = self._read(self._ledger.queries.settings(fingerprint) if fingerprint else None)
        return self._known[fingerprint]

    def _read(self, text: str | None) -> LoadSettings | None:
        try:
            settings = LoadSettings.read(text) if text else None
        except SettingsFault:
            return None
        return settings if settings and settings.sizes.rules == self._rules else None


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is ours for now: its feed's name, how far it has come, the lease, and how often its message came.

    `begun_with` is the fingerprint of the settings its file was begun with, if there is one, and `begun_s` when its
    file was first seen; `order_ms` is its order value. `function_s` is how long a function has.
    """

    work: WorkItem
    feed: str
    claimed: Claimed
    lease: Lease
    delivery: int = 1
    begun_with: str = ""
    begun_s: float = 0.0
    order_ms: int = 0
    function_s: float = 900.0

    @property
    def is_begun(self) -> bool:
        """Whether something of its file is done that would have to be done again: rows, or segments."""
        return bool(self.work.segment or self.claimed.plan or self.row_counts.rows_read)

    @property
    def row_counts(self) -> RowCounts:
        """What others have counted before."""
        return self.claimed.checkpoint.row_counts if self.claimed.checkpoint else NOTHING


def next_attempt(file: FileVersion, is_free: Callable[[FileVersion], bool]) -> FileVersion:
    """Return the next attempt at a file whose name is free: a retry that broke off may have left something under it.

    It is not late: no one waits since the event.

    Raises:
        SettingsFault: there are no names any more.
    """
    for number in range((file.retry or 0) + 1, MOST_RETRIES + 1):
        new = replace(file, retry=number, event_time=None)
        if is_free(new):
            return new
    raise SettingsFault(f"{file.url} was retried {MOST_RETRIES} times; drop it again instead.")


class UnfinishedError(Exception):
    """The work is put back at its checkpoint; `fault` says why, `made_progress` whether the checkpoint has moved."""

    def __init__(self, fault: ServiceFault, *, made_progress: bool) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.made_progress = made_progress


@dataclass(frozen=True, slots=True)
class Loaded:
    """The file or segment was read to its end. `bytes_seen` is as for `final_status`."""

    row_counts: RowCounts
    object_bytes: int
    bytes_seen: int | None = None


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


RANGES_AHEAD = 4  # scanning is faster than one connection to S3


class Splitter:
    """Splits one file, from its beginning or from where another has come. `has_moved`: it has come further.
    `name` is the feed's.

    `row_counts` is what the file's entry counts by it: the header, which is in no segment, when all are planned.
    """

    def __init__(
        self,
        file: FileVersion,
        feed: Feed,
        claimed: Claimed,
        lease: Lease,
        services: WorkerServices,
        *,
        name: str,
        segment_bytes: int,
        block_bytes: int | None,
    ) -> None:
        self.has_moved = False
        self.row_counts = NOTHING
        self._file = file
        self._feed = feed
        self._name = name
        self._plan = claimed.plan
        self._lease = lease
        self._objects = services.objects
        self._transitions = services.ledger.transitions
        self._queue = services.queue
        self._check_table = services.check_table
        self._segment_bytes = segment_bytes
        self._block_bytes = block_bytes

    def run(self) -> bool:
        """Split the file to its end; return False if one worker must read all of it (`is_splittable`).

        A segment's entry is written before its message is sent, and the plan after it: whatever is done twice after
        a crash is the same again.

        Raises:
            FileFault: the file will never load as it is.
            ServiceFault: trying later may help, also LeaseLost and OutOfTime.
        """
        with closing(open_file(self._read, self._feed, block_bytes=self._block_bytes)) as reader:
            if not reader.can_jump:
                return False
            self._check_table(self._feed, map_columns(self._feed, reader.columns))  # a wrong header or table ends it
            known = self._plan or SegmentPlan(reader.start)
            for segment in reader.segments(known.at, self._segment_bytes):
                known = self._add(segment, known)
        self._transitions.split(self._file, self._lease.token, known, head_bytes=reader.start.byte)
        self.row_counts = RowCounts(bytes_read=reader.start.byte)
        return True

    def _add(self, segment: Segment, known: SegmentPlan) -> SegmentPlan:
        """Make a segment known, and return the plan that has it."""
        self._transitions.add_segment(self._file, segment)
        self._queue.send([body_of(WorkItem(self._file, segment))], feed=self._name)
        known = SegmentPlan(segment.end, known.segments + 1)
        self._lease.save_plan(known)
        self.has_moved = True
        return known

    def _read(self, start: int, end: int | None) -> Iterator[bytes]:
        with closing(self._objects.portions(self._file, start, end, ahead=RANGES_AHEAD)) as portions:
            for portion in portions:
                self._lease.before_block()
                yield portion


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
