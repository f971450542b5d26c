"""Whose work is it, how did it end, and which version is newer? Values and decisions; knows no clock and no table.

Which of two versions, of one key or of two, is newer is asked where `newest = "file"` wants it. A version has one order
value, in milliseconds since 1970: fixed when it is claimed first, and read from its entry by each attempt, segment and
retry.
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

    `worker` distinguishes two workers that were handed the same delivery, as a queue may do.
    """

    message_id: str
    delivery: int
    until_s: float
    worker: str = ""

    @property
    def value(self) -> str:
        """The lease's name in the ledger: it holds for one worker, and for no later delivery of the message."""
        return f"{self.message_id}/{self.delivery}/{self.worker}"


@dataclass(frozen=True, slots=True)
class BudgetEntry:
    """What a worker claims of a table's write budget: how often it was written, the units a second it wants, its place.

    `place` is higher than those it found when it joined: where few can write, they are those that came first. For who
    looks on: the units a second it has used, and when it was written (epoch) by the worker's own clock.
    """

    n: int
    want_per_s: float
    place: int = 0
    used_per_s: float = 0.0
    written_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class TableBudget:
    """The limits of a table as they were deployed last (JSON; None if there are none), and all workers' entries."""

    limits: str | None
    entries: Mapping[str, BudgetEntry]


@dataclass(frozen=True, slots=True)
class Claimed:
    """Work that is now ours, and how far others have come. `first_seen_s` is when it was claimed first.

    Of a file also its feed's name, the fingerprint of the settings it was begun with, and its order value
    (`ingest.ledger.claims`); a segment has its file's.
    `deaths` is how many workers in a row have claimed it before without a sign of life: they were killed.
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
    """What the ledger says of work that could not be claimed: its status, the token that holds or held it, a file's
    feed."""

    status: str
    holder: str = ""
    lease_until_s: float = 0.0
    feed: str = ""


@dataclass(frozen=True, slots=True)
class Looked:
    """How far the reconciler has looked for objects: up to which change (epoch seconds), and when at a whole day."""

    until_s: float = 0.0
    all_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The work is done, or the message that holds its lease will bring it to an end: nothing to do."""


@dataclass(frozen=True, slots=True)
class Busy:
    """An earlier delivery of this very message still holds the lease: come back when it has run out."""


def judge_claim(known: ClaimStatus, token: LeaseToken) -> Duplicate | Busy:
    """Return what a refused claim means.

    Another message's lease is never waited for: if its holder dies, that message comes back and carries on.

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
    """What the ledger says of a file: its status, whether it is the newest version of its key, its row counts.

    The row counts of a file that is split count the segments that have ended. `settings` is the fingerprint of those it
    was begun with, "" if that is not known.
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
        """Whether it is still to be loaded."""
        return self.is_newest and is_open(self.status)


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of a key that was reported and begun, and when; and what was found in the bucket last.

    `found_changed` is when that was changed (digits only), by S3's clock as the time of a report is: what is found may
    be taken up long after it was listed, by a worker whose clock is wrong.
    """

    reported: FileVersion | None = None
    reported_s: float = 0.0
    found_etag: str = ""
    found_changed: str = ""

    def is_of(self, file: FileVersion) -> bool:
        """Return whether an object found in the bucket is the newest version reported, by its eTag and its age.

        Contents may come back: A, B, A. The last A is not the first one if B was reported or found in between, or if
        the object was changed after that was reported.
        """
        if self.reported is None or not file.etag or self.reported.etag != file.etag:
            return False
        if self.found_etag != file.etag and self.found_changed > digits(self.reported_s + CHANGED_MARGIN_S):
            return False
        if file.changed:  # also of a retry, which has no time of an event
            return file.changed <= digits(self.reported_s + CHANGED_MARGIN_S)
        changed_s = epoch_s(file.event_time)
        return changed_s is None or self.reported_s >= changed_s - CHANGED_MARGIN_S


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file or segment ended. `seconds` passed since it was first claimed; `rejects` is where its rejects are.

    `checkpoint` is where another attempt may go on at a file that was not read to its end: `row_counts` may be ahead.
    """

    status: str
    row_counts: RowCounts
    seconds: float
    rejects: str | None = None
    error: IngestError | None = None
    checkpoint: Checkpoint | None = None


def final_status(row_counts: RowCounts, *, object_bytes: int, bytes_seen: int | None = None) -> str:
    """Return the status of a file that was read to its end: each byte of its object must have been seen.

    `bytes_seen` is how many were, if not those of the row counts, as of a file that is compressed.

    >>> final_status(RowCounts(rows_read=2, rows_written=1, bytes_read=9), object_bytes=9)
    'UNBALANCED'
    >>> final_status(RowCounts(bytes_read=9), object_bytes=10)
    'UNBALANCED'
    """
    is_whole = object_bytes == (row_counts.bytes_read if bytes_seen is None else bytes_seen)
    return Status.COMPLETE if row_counts.is_balanced and is_whole else Status.UNBALANCED


def split_outcome(row_counts: RowCounts, *, is_newest: bool, object_bytes: int) -> tuple[str, IngestError | None]:
    """Return how a file ends whose segments have all ended, or of which a newer version is known, and its error.

    That all rows are rejects is known only now, where the first segment has few.

    >>> split_outcome(RowCounts(rows_read=11, rows_rejected=11), is_newest=True, object_bytes=0)[0]
    'FAILED'
    """
    status = final_status(row_counts, object_bytes=object_bytes) if is_newest else Status.SUPERSEDED
    if status == Status.COMPLETE and row_counts.has_only_rejects(at_end=True):
        return Status.FAILED, all_rows_rejected(row_counts, at_end=True)
    return status, None


ORDER_DIGITS = 17  # so that order values compare as text


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """What is known of the order of an object's versions, each value None if there is none.

    `order_ms` is that of `version`, the newest that was notified; `found_ms` that of the last one that was found in the
    bucket, which was changed at `found_changed` (digits, by S3's clock as the times of events are).
    """

    version: str = ""
    order_ms: int | None = None
    found_ms: int | None = None
    found_changed: str = ""


def next_order_ms(file: FileVersion, known: KnownOrder, now_s: float, *, least_ms: int = 0) -> int:
    """Return the order value of a version that is not older than those known: its own if it has one already.

    That is the time of the S3 event, or of the change of an object found in the bucket, or now; but later than the
    versions before it. `least_ms` gives a version that is known a new value, at least that.

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
    """Return when a version was written, in milliseconds, as far as is known; `otherwise_s` (epoch seconds) if not."""
    written_s = epoch_s(file.event_time)
    return round((otherwise_s if written_s is None else written_s) * 1000)


def oldest_ms(file: FileVersion, otherwise_s: float) -> int:
    """Return an order value older than any that a time gives, among which a version's own time decides.

    >>> oldest_ms(FileVersion("b", "k", event_time="2026-11-22T00:00:00Z"), 0.0)
    1795305600
    """
    return time_of(file, otherwise_s) // 1000


def order_text(order_ms: int) -> str:
    """Return an order value as items have it.

    >>> order_text(1_795_342_272_345)
    '00001795342272345'
    """
    return f"{order_ms:0{ORDER_DIGITS}d}"


def _is_after_found(file: FileVersion, time_ms: int, known: KnownOrder) -> bool:
    """Return whether a version is newer than the one that was found last: it lies in the bucket now, or came later."""
    return not file.sequencer or digits(time_ms / 1000) >= known.found_changed
