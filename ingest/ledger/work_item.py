"""The unit of work (a file or one of its segments), how far it has come, and its entry in the ledger.

The tables of steps define the states of files and segments, and who may change them. The ledger's conditions and
docs/ledger.md are made from these tables.
"""

import json
import zlib
from dataclasses import dataclass
from typing import Literal

from ingest.contract import DUPLICATE, FINAL_STATUSES, SKIPPED, LedgerKeys, Status
from ingest.errors import Cancelled, GivenUp, WaitingForBudget
from ingest.file import FileVersion
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.reading.blocks import Position
from ingest.reading.segments import Segment

NEW = ""  # not in the ledger yet


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state.

    `lease`: it must be free (never taken, released, or expired), or held by the caller, or does not matter.
    """

    sources: tuple[str, ...]
    target: str
    lease: Literal["free", "held", "any"] = "held"


_OPEN = (Status.LOADING, Status.WAITING, Status.SPLIT)
LOADED = (Status.COMPLETE, Status.FAILED, Status.SUPERSEDED, Status.UNBALANCED)  # its load has ended, perhaps early

FILE_STEPS = {
    "retry": Step((NEW,), Status.WAITING, "any"),
    "ignore": Step((NEW,), Status.IGNORED, "any"),
    "claim": Step((NEW, Status.LOADING, Status.WAITING, Status.IGNORED), Status.LOADING, "free"),
    "write out": Step((NEW, Status.IGNORED), Status.LOADING, "any"),
    "save": Step((Status.LOADING,), Status.LOADING),
    "put back": Step((Status.LOADING,), Status.WAITING),
    "split": Step((Status.LOADING,), Status.SPLIT),
    "complete": Step((Status.LOADING,), Status.COMPLETE),
    "complete, by its last segment": Step((Status.SPLIT,), Status.COMPLETE, "any"),
    "miscount": Step((Status.LOADING,), Status.UNBALANCED),
    "miscount, by its last segment": Step((Status.SPLIT,), Status.UNBALANCED, "any"),
    "fail": Step((Status.LOADING,), Status.FAILED),
    "fail, by a segment": Step(_OPEN, Status.FAILED, "any"),
    "give up": Step((Status.LOADING, Status.WAITING, Status.SPLIT), Status.FAILED, "any"),
    "supersede": Step((Status.LOADING,), Status.SUPERSEDED),
    "supersede, by a segment": Step(_OPEN, Status.SUPERSEDED, "any"),
    "undo": Step(LOADED, Status.UNDONE, "any"),
}


SEGMENT_STEPS = {
    "plan": Step((NEW,), Status.PENDING, "any"),
    "carry over": Step((NEW,), Status.DONE, "any"),
    "claim": Step((Status.PENDING, Status.LOADING, Status.WAITING), Status.LOADING, "free"),
    "save": Step((Status.LOADING,), Status.LOADING),
    "put back": Step((Status.LOADING,), Status.WAITING),
    "finish": Step((Status.LOADING,), Status.DONE),
    "stop": Step((Status.LOADING,), Status.STOPPED),
}


def is_open(status: str) -> bool:
    """Return whether a file in this state may still change.

    >>> is_open("SPLIT"), is_open("FAILED")
    (True, False)
    """
    return status not in FINAL_STATUSES


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A file, or a segment of one: the unit of message, lease, retry and checkpoint."""

    file: FileVersion
    segment: Segment | None = None

    @property
    def sort_key(self) -> str:
        """The sort key of its entry in the ledger.

        >>> WorkItem(FileVersion("b", "k", etag="e"), Segment(Position(70, 3), 99)).sort_key
        'SEG#~e#000000000000070'
        """
        if self.segment is None:
            return LedgerKeys.FILE_PREFIX + self.file.version
        return f"{LedgerKeys.SEGMENT_PREFIX}{self.file.version}#{self.segment.start.byte:015d}"

    @property
    def name(self) -> str:
        """Its name in messages and logs."""
        if self.segment is None:
            return self.file.url
        return f"bytes {self.segment.start.byte}-{self.segment.end_byte - 1} of {self.file.url}"


@dataclass(frozen=True, slots=True)
class WrittenItems:
    """Which items after a checkpoint are done, by number: a load counts the items that it passes to its writer, from 0.

    Done means written, or `refused` by the table (number, message and reason), or skipped. All items before `complete`
    are done, and none of those was skipped. Each item from there on has a byte in `done`: 0 not done, 1 done, 2 and
    more the reason why it was skipped (`SKIPPED_WHYS`). The same bytes of a file give the same numbers to every worker.
    """

    complete: int = 0
    done: bytes = b""
    refused: tuple[tuple[int, str, str], ...] = ()

    def packed(self) -> bytes:
        """Return it as the ledger stores it: a few hundred bytes, at most some 5 KB if the items were interleaved.

        >>> WrittenItems.unpacked(WrittenItems(3, b"101").packed())
        WrittenItems(complete=3, done=b'101', refused=())
        """
        known = json.dumps({"complete": self.complete, "refused": self.refused})
        return zlib.compress(known.encode() + b"\n" + self.done) if self != NO_ITEMS else b""

    @staticmethod
    def unpacked(packed: bytes) -> "WrittenItems":
        """Return the value that was packed."""
        if not packed:
            return NO_ITEMS
        known, _, done = zlib.decompress(packed).partition(b"\n")
        fields = json.loads(known)
        return WrittenItems(fields["complete"], done, tuple(tuple(refusal) for refusal in fields["refused"]))


SKIPPED_WHYS = (*SKIPPED, DUPLICATE)  # in the order of their numbers in `WrittenItems.done`
NO_ITEMS = WrittenItems()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far the rows are done: all rows before `at` are durable and counted in `row_counts`.

    `window` is where the rows begin with which later keys are compared (`ingest.worker.load`). `written` has the items
    after `at` that need not be resent, if a slow table took long for a block; their rows are not counted.
    """

    at: Position
    window: Position
    row_counts: RowCounts
    written: WrittenItems = NO_ITEMS


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """How far a file is split: the next segment begins at `at`, after `segments` segments."""

    at: Position
    segments: int = 0


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What an attempt at a file takes over from the one before: a checkpoint, or planned segments, some of them done.

    `row_counts` are those of the segments that are done; `settings` is the fingerprint of the settings with which it
    continues; `order_ms` is the file's order value.
    """

    checkpoint: Checkpoint | None = None
    plan: SegmentPlan | None = None
    segments_done: int = 0
    row_counts: RowCounts = NOTHING
    settings: str = ""
    order_ms: int | None = None


NOTHING_CARRIED_OVER = CarriedOver()


@dataclass(frozen=True, slots=True)
class KeptFeed:
    """A feed in the ledger: its latest settings (fingerprint and text), and whether it is still deployed."""

    settings: str
    text: str
    is_deployed: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of one file or segment. Times are epoch seconds; `moved_s` is the time of its claim or latest progress.

    `settings` is the fingerprint of the settings with which a file was begun. `started_s` is the time of its worker's
    claim; `seconds` is the time from `first_seen_s` to the file's end. `segments` counts those planned, `segments_done`
    those that ended. `resent` is how often the reconciler has sent its message since its latest progress, and
    `attempts_when_resent` how many attempts it had then. `claims_in_a_row` counts claims since its last checkpoint, or
    since it was put back. `order_ms` is a file's order value (`ingest.ledger.claims`).
    """

    work: WorkItem
    status: str
    feed: str = ""
    settings: str = ""
    row_counts: RowCounts = NOTHING
    segments: int = 0
    segments_done: int = 0
    attempts: int = 0
    resent: int = 0
    attempts_when_resent: int = 0
    claims_in_a_row: int = 0
    first_seen_s: float | None = None
    started_s: float | None = None
    moved_s: float = 0.0
    ended_s: float | None = None
    seconds: float | None = None
    lease_until_s: float = 0.0
    rejects: str | None = None
    error: str | None = None
    error_code: str | None = None
    order_ms: int | None = None

    @property
    def is_parked(self) -> bool:
        """Whether it waits because too many workers share the write budget of its table."""
        return self.status == Status.WAITING and self.error_code == WaitingForBudget.code

    @property
    def is_cut_off(self) -> bool:
        """Whether it was ended by someone other than its worker, which notices when it renews its lease."""
        is_ended = self.status == Status.SUPERSEDED or self.error_code in (GivenUp.code, Cancelled.code)
        return is_ended and self.attempts > 0

    @property
    def may_hold_more(self) -> bool:
        """Whether it was ended early, so that the table may have rows of it that are not counted.

        False if its first bytes showed that it cannot be loaded.
        """
        if self.status not in (Status.FAILED, Status.SUPERSEDED) or not self.attempts or self.work.file.undo:
            return False
        return self.is_cut_off or bool(self.row_counts.rows_read or self.segments) or self.attempts > 1

    def is_stuck(self, now_s: float, stuck_s: float) -> bool:
        """Return whether it is unfinished, no worker holds it, and it made no progress for `stuck_s` seconds."""
        is_unfinished = is_open(self.status) and self.status not in (Status.DONE, Status.STOPPED, Status.SPLIT)
        return is_unfinished and self.lease_until_s <= now_s and now_s - self.moved_s >= stuck_s
