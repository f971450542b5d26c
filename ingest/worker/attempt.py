"""Claimed work, the settings that apply to it, one worker's attempt at it, and a value for each way an attempt can end.

A file keeps the settings of its first claim, whichever worker loads it (docs/decisions/0019). A large file is split:
one worker streams it once, and sends a message for each segment meanwhile.
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
    """Everything that decides where a file is cut and what its rows mean. Files over `segment_bytes` are split."""

    feed: Feed
    sizes: Sizes
    segment_bytes: int

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the settings. Settings that cut files or interpret rows differently have different hashes."""
        return hashlib.sha256(self._text(meaning_of(self.feed)).encode()).hexdigest()[:16]

    def kept(self) -> KeptFeed:
        """Return the settings in the form that the ledger keeps."""
        return KeptFeed(self.fingerprint, self._text(section_of(self.feed)))

    def _text(self, section: str) -> str:
        sizes = {**asdict(self.sizes), "segment": self.segment_bytes}
        return json.dumps({**sizes, "feed": json.loads(section)}, separators=(",", ":"))

    @staticmethod
    def read(text: str) -> "LoadSettings":
        """Return settings from the text that the ledger keeps.

        Raises:
            SettingsFault: this version of the ingester cannot read them.
        """
        fields = json.loads(text)
        feed, segment_bytes = read_section(json.dumps(fields.pop("feed"))), fields.pop("segment")
        try:
            return LoadSettings(feed, Sizes(**fields), segment_bytes)
        except TypeError as error:
            raise SettingsFault(f"The settings kept in the ledger cannot be read: {error}.") from error


class DeployedSettings:
    """The settings deployed now (feeds.toml and stack), and from the ledger those with which files were begun."""

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
        """Write the deployed settings to the ledger, before the first file is begun with them."""
        if not self._is_kept:
            self._ledger.transitions.keep_feeds({name: settings.kept() for name, settings in self._today.items()})
            tables, limits = {feed.table for feed in self.feeds.feeds.values()}, self.feeds.tables
            kept = {table: limits_text(limits[table]) if table in limits else None for table in sorted(tables)}
            self._ledger.budgets.keep_limits(kept)
            self._is_kept = True

    def of_key(self, key: str) -> tuple[str, LoadSettings]:
        """Return the name of an object's feed, and the feed's deployed settings.

        Raises:
            NoFeed: no feed takes the key.
        """
        name, _ = self.feeds.for_key(key)
        return name, self._today[name]

    def to_go_on(self, key: str, begun_with: str, *, is_begun: bool) -> LoadSettings | None:
        """Return the settings with which a file continues; None if it must be begun anew.

        `begun_with` is the fingerprint of its settings or ""; `is_begun`: part of the file is loaded or split.

        Raises:
            NoFeed: no feed takes the key now, and none did when the file was begun.
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
        """Return earlier settings from the ledger; None if this version of the ingester cannot apply them."""
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
    """Work whose lease we hold, its feed's name, how far it has come, the lease, and its message's delivery count.

    `begun_with` is the fingerprint of the settings with which its file was begun, if any; `begun_s` is when its file
    was first seen; `order_ms` is its order value. `function_s` is the function's timeout in seconds.
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
        """Whether part of its file is done (rows or segments), which a new start would do again."""
        return bool(self.work.segment or self.claimed.plan or self.row_counts.rows_read)

    @property
    def row_counts(self) -> RowCounts:
        """The row counts of earlier workers, at the checkpoint."""
        return self.claimed.checkpoint.row_counts if self.claimed.checkpoint else NOTHING


def next_attempt(file: FileVersion, is_free: Callable[[FileVersion], bool]) -> FileVersion:
    """Return the next attempt at a file whose name is free: a retry that broke off may have left entries under one.

    It has no event time: it does not count in the latency since the S3 event.

    Raises:
        SettingsFault: all names are used.
    """
    for number in range((file.retry or 0) + 1, MOST_RETRIES + 1):
        new = replace(file, retry=number, event_time=None)
        if is_free(new):
            return new
    raise SettingsFault(f"{file.url} was retried {MOST_RETRIES} times; drop it again instead.")


class UnfinishedError(Exception):
    """The work was put back at its checkpoint; `fault` is the reason. `made_progress`: the checkpoint has moved."""

    def __init__(self, fault: ServiceFault, *, made_progress: bool) -> None:
        super().__init__(str(fault))
        self.fault = fault
        self.made_progress = made_progress


@dataclass(frozen=True, slots=True)
class Loaded:
    """The file or segment was read to its end. `bytes_seen` is as in `final_status`."""

    row_counts: RowCounts
    object_bytes: int
    bytes_seen: int | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """All segments of the file are planned and their messages sent; the last segment to end closes the file."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The file ends with an error while it was opened or split: no load of the whole file had begun."""

    error: IngestError


@dataclass(frozen=True, slots=True)
class Stopped:
    """The file ends with an error that occurred while the file, or this segment of it, was loaded.

    Another attempt may continue at the checkpoint, if there is one.
    """

    error: IngestError
    row_counts: RowCounts
    checkpoint: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A service failed or time ran out: the work continues later at the checkpoint; if None, at the ledger's."""

    fault: ServiceFault
    checkpoint: Checkpoint | None
    made_progress: bool


Ending = Loaded | Split | Refused | Stopped | Failed


RANGES_AHEAD = 4  # one connection to S3 is slower than the scan


class Splitter:
    """Splits one file, from its beginning or from an earlier worker's plan. `has_moved`: it has planned more segments.
    `name` is the feed's.

    `row_counts` is what it adds to the file's counts at the end: the bytes of the header, which is in no segment.
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
        """Split the file to its end; return False if one worker must read it all (it cannot be read from the middle).

        A segment's entry is written before its message is sent, and the plan after that: repeating a step after a crash
        has no further effect.

        Raises:
            FileFault: the file will never load as it is.
            ServiceFault: trying later may help, also LeaseLost and OutOfTime.
        """
        with closing(open_file(self._read, self._feed, block_bytes=self._block_bytes)) as reader:
            if not reader.can_jump:
                return False
            self._check_table(self._feed, map_columns(self._feed, reader.columns))  # a wrong header or table raises
            known = self._plan or SegmentPlan(reader.start)
            for segment in reader.segments(known.at, self._segment_bytes):
                known = self._add(segment, known)
        self._transitions.split(self._file, self._lease.token, known, head_bytes=reader.start.byte)
        self.row_counts = RowCounts(bytes_read=reader.start.byte)
        return True

    def _add(self, segment: Segment, known: SegmentPlan) -> SegmentPlan:
        """Write a segment's entry, send its message, and return the plan that includes it."""
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
    """A worker's attempt at a task. `splitter` and `load` are None until they are created."""

    task: Task
    rejects: FileRejects
    progress: ProgressReporter
    splitter: Splitter | None = None
    load: Load | None = None

    def stopped(self, error: IngestError) -> Refused | Stopped:
        """Return how the attempt ends after an error of the file."""
        if self.load:
            return Stopped(error, self.load.row_counts, self.load.checkpoint)
        if self.task.work.segment:
            return Stopped(error, self.task.row_counts, None)
        return Refused(error)

    def failed(self, fault: ServiceFault) -> Failed:
        """Return how the attempt ends after an error that may pass."""
        has_moved = bool((self.splitter and self.splitter.has_moved) or (self.load and self.load.has_moved))
        return Failed(fault, self.load.checkpoint if self.load else None, has_moved)
