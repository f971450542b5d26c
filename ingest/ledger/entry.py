"""What the ledger says of files and segments: for the reconciler, and for whoever asks for their status."""

from dataclasses import dataclass

from ingest.contract import Status
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.states import is_open
from ingest.ledger.work_item import WorkItem


@dataclass(frozen=True, slots=True)
class Entry:
    """The entry of one file or segment. Times are epoch seconds; `moved_s` is when it was claimed or made progress.

    `started_s` is when its worker claimed it; `seconds` is how long a file took from `first_seen_s` to its end.
    `segments` counts those planned, `segments_done` those that have ended. `resent` is how often the reconciler has
    sent its message since it made progress last, and `attempts_when_resent` how often it had been tried by then.
    """

    work: WorkItem
    status: str
    feed: str = ""
    row_counts: RowCounts = NOTHING
    segments: int = 0
    segments_done: int = 0
    attempts: int = 0
    resent: int = 0
    attempts_when_resent: int = 0
    first_seen_s: float | None = None
    started_s: float | None = None
    moved_s: float = 0.0
    ended_s: float | None = None
    seconds: float | None = None
    lease_until_s: float = 0.0
    rejects: str | None = None
    error: str | None = None
    error_code: str | None = None

    def is_stuck(self, now_s: float, stuck_s: float) -> bool:
        """Return whether no one works on it, and no one has for a while, though it is not finished."""
        is_unfinished = is_open(self.status) and self.status not in (Status.DONE, Status.STOPPED, Status.SPLIT)
        return is_unfinished and self.lease_until_s <= now_s and now_s - self.moved_s >= stuck_s
