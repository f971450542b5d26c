"""Whose work is it, and how did it end? Values and decisions; knows no clock and no table."""

from dataclasses import dataclass

from ingest.contract import Status
from ingest.errors import IngestError
from ingest.ledger.row_counts import NOTHING, Books
from ingest.ledger.states import is_open
from ingest.ledger.work_item import Checkpoint, Plan


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a file or segment until `until_s` (epoch seconds), given to one delivery of one message.

    `worker` tells two workers apart that were handed the same delivery, as a queue may do.
    """

    message_id: str
    delivery: int
    until_s: float
    worker: str = ""

    @property
    def token(self) -> str:
        """The lease's name in the ledger: it holds for one worker, and for no later delivery of the message."""
        return f"{self.message_id}/{self.delivery}/{self.worker}"


@dataclass(frozen=True, slots=True)
class Claimed:
    """Work that is now ours, and how far others have come. `first_seen_s` is when it was claimed first."""

    first_seen_s: float
    checkpoint: Checkpoint | None = None
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of work that could not be claimed: its status, the token that holds or held it."""

    status: str
    holder: str = ""
    lease_until_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The work is done, or the message that holds its lease will bring it to an end: nothing to do."""


@dataclass(frozen=True, slots=True)
class Busy:
    """An earlier delivery of this very message still holds the lease: come back when it has run out."""


def judge_claim(standing: Standing, lease: Lease) -> Duplicate | Busy:
    """Return what a refused claim means.

    Another message's lease is never waited for: if its holder dies, that message comes back and carries on.

    >>> judge_claim(Standing("LOADING", "m1/1/w"), Lease("m1", 2, 0.0))
    Busy()
    >>> judge_claim(Standing("LOADING", "m2/1/w"), Lease("m1", 2, 0.0))
    Duplicate()
    """
    if standing.status in (Status.LOADING, Status.WAITING) and standing.holder.rsplit("/", 2)[0] == lease.message_id:
        return Busy()
    return Duplicate()


@dataclass(frozen=True, slots=True)
class FileStanding:
    """What the ledger says of a file at large: its status, whether it is the newest version of its key, its books.

    The books of a file that is split count the segments that have ended.
    """

    status: str
    is_newest: bool
    books: Books = NOTHING

    @property
    def is_wanted(self) -> bool:
        """Whether it is still to be loaded."""
        return self.is_newest and is_open(self.status)


@dataclass(frozen=True, slots=True)
class Closing:
    """How a file or segment ended. `seconds` passed since it was first claimed; `rejects` is where its rejects are.

    `checkpoint` is where another attempt may go on at a file that was not read to its end: `books` may be ahead of it.
    """

    status: str
    books: Books
    seconds: float
    rejects: str | None = None
    error: IngestError | None = None
    checkpoint: Checkpoint | None = None


def final_status(books: Books, *, all_bytes: int | None = None) -> str:
    """Return the status of a file that was read to its end; `all_bytes`, if known, is how many it must have.

    >>> final_status(Books(rows_read=2, rows_written=1))
    'UNBALANCED'
    """
    is_whole = all_bytes is None or books.bytes_read == all_bytes
    return Status.COMPLETE if books.balance and is_whole else Status.UNBALANCED
