"""Values and decisions about claims, outcomes and the order of versions. Uses neither a clock nor a table.

The order of versions, of one key or of several, matters where `newest = "file"`. A version has one order value, in
milliseconds since 1970: fixed at its first claim, and read from its entry by each attempt, segment and retry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.aws.clock import digits, epoch_s
from ingest.contract import Status
from ingest.errors import IngestError
from ingest.file import FileVersion
from ingest.ledger.row_counts import NOTHING, RowCounts, all_rows_rejected
from ingest.ledger.work_item import Checkpoint, SegmentPlan, is_open

CHANGED_MARGIN_S = 2.0  # S3 gives an object's age in whole seconds, and the time of an event by another clock


@dataclass(frozen=True, slots=True)
class LeaseToken:
    """The right to work on a file or segment until `until_s` (epoch seconds), given to one delivery of one message.

    `worker` distinguishes two workers that received the same delivery, which a queue may cause.
    """

    message_id: str
    delivery: int
    until_s: float
    worker: str = ""

    @property
    def value(self) -> str:
        """The lease's name in the ledger. It is unique to a worker and a delivery of the message."""
        return f"{self.message_id}/{self.delivery}/{self.worker}"


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """A worker's claim on a table's write budget: its number of writes, the write units per second it wants, its place.

    `place` is higher than those the worker found when it joined: if only few workers can write, the lowest places do.
    For display only: the units per second used, and the time of the write (epoch seconds, by the worker's own clock).
    """

    n: int
    want_per_s: float
    place: int = 0
    used_per_s: float = 0.0
    written_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class TableBudget:
    """The limits of a table as last deployed (JSON; None if there are none), and all workers' entries."""

    limits: str | None
    entries: Mapping[str, BudgetEntry]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A successful claim, and how far earlier workers have come. `first_seen_s` is the time of the first claim.

    A file's claim has its feed's name, the fingerprint of the settings with which it was begun, and its order value; a
    segment uses those of its file. `deaths` is how many workers in a row claimed it before and were killed: they
    neither saved progress nor put it back.
    """

    first_seen_s: float
    checkpoint: Checkpoint | None = None
    plan: SegmentPlan | None = None
    feed: str = ""
    settings: str = ""
    deaths: int = 0
    order_ms: int = 0


@dataclass(frozen=True, slots=True)
class ClaimStatus:
    """The ledger's state of work that could not be claimed: its status, the token that holds or held the lease, a
    file's feed."""

    status: str
    holder: str = ""
    lease_until_s: float = 0.0
    feed: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """How far the reconciler has looked for changed objects: up to `until_s`, and at a whole day at `all_s` (epoch)."""

    until_s: float = 0.0
    all_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The work is done, or the message that holds its lease will finish it: nothing to do."""


@dataclass(frozen=True, slots=True)
class Busy:
    """An earlier delivery of the same message holds the lease: try again when the lease has expired."""


def judge_claim(known: ClaimStatus, token: LeaseToken) -> Duplicate | Busy:
    """Return what a refused claim means.

    A lease of another message is not waited for: if its worker dies, that message comes back and its work continues.

    >>> judge_claim(ClaimStatus("LOADING", "m1/1/w"), LeaseToken("m1", 2, 0.0))
    Busy()
    >>> judge_claim(ClaimStatus("LOADING", "m2/1/w"), LeaseToken("m1", 2, 0.0))
    Duplicate()
    """
    if known.status in (Status.LOADING, Status.WAITING) and known.holder.rsplit("/", 2)[0] == token.message_id:
        return Busy()
    return Duplicate()


@dataclass(frozen=True, slots=True)
class FileStatus:
    """The ledger's state of a file: its status, whether it is the newest version of its key, its row counts.

    The row counts of a split file are those of its segments that have ended. `settings` is the fingerprint of the
    settings with which it was begun, "" if that is not known.
    """

    status: str
    is_newest: bool
    row_counts: RowCounts = NOTHING
    feed: str = ""
    settings: str = ""
    first_seen_s: float | None = None
    order_ms: int = 0

    @property
    def should_continue(self) -> bool:
        """Whether the file should still be loaded."""
        return self.is_newest and is_open(self.status)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of a key that was notified and begun, with the time; and what was last found in the bucket.

    `found_changed` is when the found object was changed (digits only), by S3's clock like the time of a notification.
    The worker's clock is not used: it may be wrong, and the worker may begin long after the listing.
    """

    reported: FileVersion | None = None
    reported_s: float = 0.0
    found_etag: str = ""
    found_changed: str = ""

    def is_of(self, file: FileVersion) -> bool:
        """Return whether an object found in the bucket is the newest version notified, by eTag and time of change.

        Contents may come back: A, B, A. The last A is not the first if B was notified or found in between, or if the
        object was changed after the notification of the first.
        """
        if self.reported is None or not file.etag or self.reported.etag != file.etag:
            return False
        if self.found_etag != file.etag and self.found_changed > digits(self.reported_s + CHANGED_MARGIN_S):
            return False
        if file.changed:  # a retry has this, too, but no event time
            return file.changed <= digits(self.reported_s + CHANGED_MARGIN_S)
        changed_s = epoch_s(file.event_time)
        return changed_s is None or self.reported_s >= changed_s - CHANGED_MARGIN_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file or segment ended. `seconds` passed since its first claim; `rejects` is the URL of its rejects.

    `checkpoint` is where another attempt at an unfinished file can continue; `row_counts` may be ahead of it.
    """

    status: str
    row_counts: RowCounts
    seconds: float
    rejects: str | None = None
    error: IngestError | None = None
    checkpoint: Checkpoint | None = None


def final_status(row_counts: RowCounts, *, object_bytes: int, bytes_seen: int | None = None) -> str:
    """Return the status of a file that was read to its end: each byte of its object must have been read.

    `bytes_seen` is the number of bytes read, where the row counts do not have it, as for a compressed file.

    >>> final_status(RowCounts(rows_read=2, rows_written=1, bytes_read=9), object_bytes=9)
    'UNBALANCED'
    >>> final_status(RowCounts(bytes_read=9), object_bytes=10)
    'UNBALANCED'
    """
    is_whole = object_bytes == (row_counts.bytes_read if bytes_seen is None else bytes_seen)
    return Status.COMPLETE if row_counts.is_balanced and is_whole else Status.UNBALANCED


def split_outcome(row_counts: RowCounts, *, is_newest: bool, object_bytes: int) -> tuple[str, IngestError | None]:
    """Return the status and error of a split file whose segments have all ended, or of which a newer version is known.

    If the first segment has few rows, only this check can find that all rows are rejects.

    >>> split_outcome(RowCounts(rows_read=11, rows_rejected=11), is_newest=True, object_bytes=0)[0]
    'FAILED'
    """
    status = final_status(row_counts, object_bytes=object_bytes) if is_newest else Status.SUPERSEDED
    if status == Status.COMPLETE and row_counts.has_only_rejects(at_end=True):
        return Status.FAILED, all_rows_rejected(row_counts, at_end=True)
    return status, None


ORDER_DIGITS = 17  # fixed width, so that order values compare as text


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What is known of the order of an object's versions; a value is None if it is not known.

    `order_ms` is the order value of `version`, the newest notified; `found_ms` is that of the object last found in the
    bucket, which was changed at `found_changed` (digits, by S3's clock like the times of events).
    """

    version: str = ""
    order_ms: int | None = None
    found_ms: int | None = None
    found_changed: str = ""


def next_order_ms(file: FileVersion, known: KnownOrder, now_s: float, *, least_ms: int = 0) -> int:
    """Return the order value of a version that is not older than those known: its own if it already has one.

    A new value is the time of the S3 event, or of the change of an object found in the bucket, or now; but later than
    the values of the versions before it. `least_ms` gives a known version a new value, at least that.

    >>> a, b = (FileVersion("b", "k", sequencer=s, event_time="1970-01-01T00:00:05Z") for s in ("0A", "0B"))
    >>> next_order_ms(a, KnownOrder(), 9.0), next_order_ms(b, KnownOrder(a.version, 5000), 9.0)
    (5000, 5001)
    """
    is_known = bool(file.sequencer) and known.version.partition("+")[0] == file.first_version
    if is_known and known.order_ms is not None and not least_ms:
        return known.order_ms
    time_ms = max(time_of(file, now_s), least_ms)
    before = [known.order_ms, known.found_ms if _is_after_found(file, time_ms, known) else None]
    return max(time_ms, *(order_ms + 1 for order_ms in before if order_ms is not None), 0)


def time_of(file: FileVersion, otherwise_s: float) -> int:
    """Return the time of a version in milliseconds since 1970; `otherwise_s` (epoch seconds) if it is not known."""
    written_s = epoch_s(file.event_time)
    return round((otherwise_s if written_s is None else written_s) * 1000)


def oldest_ms(file: FileVersion, otherwise_s: float) -> int:
    """Return an order value below any time in milliseconds; such values keep the order of the versions' times.

    >>> oldest_ms(FileVersion("b", "k", event_time="2026-11-22T00:00:00Z"), 0.0)
    1795305600
    """
    return time_of(file, otherwise_s) // 1000


def order_text(order_ms: int) -> str:
    """Return an order value in the form that items have.

    >>> order_text(1_795_342_272_345)
    '00001795342272345'
    """
    return f"{order_ms:0{ORDER_DIGITS}d}"


def _is_after_found(file: FileVersion, time_ms: int, known: KnownOrder) -> bool:
    """Return whether a version is newer than the one last found: found itself, or not dated before that one."""
    return not file.sequencer or digits(time_ms / 1000) >= known.found_changed
