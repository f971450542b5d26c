"""Whose file is it, and how did it end? Values and one decision; knows no clock and no table."""

from dataclasses import dataclass

from ingest.contract import FINAL_STATUSES, Status
from ingest.core.books import Books
from ingest.errors import IngestError


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to load a file until `until_s` (epoch seconds). One delivery of one message holds it."""

    message_id: str
    delivery: int
    until_s: float

    @property
    def token(self) -> str:
        """The lease's name in the ledger; a later delivery of the same message has another."""
        return f"{self.message_id}/{self.delivery}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the ledger says of a file that could not be claimed: its status and the token that holds or held it."""

    status: str
    holder: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The file is done, or the message that holds its lease will bring it to an end: nothing to do."""


@dataclass(frozen=True, slots=True)
class Busy:
    """An earlier delivery of this very message still holds the lease: come back when it has run out."""


def judge_claim(standing: Standing, lease: Lease) -> Duplicate | Busy:
    """Return what a refused claim means.

    Another message's lease is never waited for: if its holder dies, that message comes back and carries on.

    >>> judge_claim(Standing("LOADING", "m1/1"), Lease("m1", 2, 0.0))
    Busy()
    >>> judge_claim(Standing("LOADING", "m2/1"), Lease("m1", 2, 0.0))
    Duplicate()
    """
    if standing.status not in FINAL_STATUSES and standing.holder.rpartition("/")[0] == lease.message_id:
        return Busy()
    return Duplicate()


@dataclass(frozen=True, slots=True)
class Closing:
    """How one attempt at a file ended. `seconds` is how long it took, `rejects` where its rejects are."""

    status: str
    books: Books
    seconds: float
    rejects: str | None = None
    error: IngestError | None = None


def final_status(books: Books) -> str:
    """Return the status of a file that was read to its end.

    >>> final_status(Books(rows_read=2, rows_written=1))
    'UNBALANCED'
    """
    return Status.COMPLETE if books.balance else Status.UNBALANCED
