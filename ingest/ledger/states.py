"""What a file and a segment may become, and who may make it so. The ledger and docs/ledger.md are made of it."""

from dataclasses import dataclass
from typing import Literal

from ingest.contract import FINAL_STATUSES, Status

NEW = ""  # not in the ledger yet


@dataclass(frozen=True, slots=True)
class Step:
    """A change of state.

    `lease`: it must be free (never taken, given back, or run out), be held by who asks, or does not matter.
    """

    sources: tuple[str, ...]
    target: str
    lease: Literal["free", "held", "any"] = "held"


_OPEN = (Status.LOADING, Status.WAITING, Status.SPLIT)

FILE_STEPS = {
    "retry": Step((NEW,), Status.WAITING, "any"),
    "claim": Step((NEW, Status.LOADING, Status.WAITING), Status.LOADING, "free"),
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
