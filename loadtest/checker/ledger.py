"""What is unfinished in a ledger after a run: leases that are held, files and segments in no final state. Pure."""

from collections.abc import Iterator, Sequence

from ingest.contract import FINAL_STATUSES, LedgerKeys, Status
from loadtest.checker.found import Entry

_SEGMENT_ENDS = (Status.DONE, Status.STOPPED)
_LEFT_BEHIND = (Status.PENDING, Status.WAITING)  # by a file that failed or was superseded


def unfinished(ledger: Sequence[Entry]) -> Iterator[str]:
    """Yield a sentence for each entry that someone still works on, or that waits for someone."""
    given_up = {
        (entry[LedgerKeys.PARTITION_KEY], _version(entry))
        for entry in ledger
        if entry.get("status") in (Status.FAILED, Status.SUPERSEDED)
    }
    for entry in ledger:
        status = entry.get("status")
        is_left = status in _LEFT_BEHIND and (entry[LedgerKeys.PARTITION_KEY], _version(entry)) in given_up
        is_over = is_left or status in (*FINAL_STATUSES, *_SEGMENT_ENDS, None)
        if not is_over or float(entry.get("lease_until", 0)) > 0:
            lease = f"its lease runs to {entry.get('lease_until')}"
            yield f"{entry[LedgerKeys.PARTITION_KEY]} {entry[LedgerKeys.SORT_KEY]} is {status}, {lease}"


def is_file(entry: Entry) -> bool:
    """Return whether an entry is that of a file's version."""
    return str(entry[LedgerKeys.SORT_KEY]).startswith(LedgerKeys.FILE_PREFIX)


def is_segment(entry: Entry) -> bool:
    """Return whether an entry is that of a segment."""
    return str(entry[LedgerKeys.SORT_KEY]).startswith(LedgerKeys.SEGMENT_PREFIX)


def _version(entry: Entry) -> str:
    """Return which version of the object an entry is about."""
    name = str(entry[LedgerKeys.SORT_KEY])
    if is_segment(entry):
        return name.removeprefix(LedgerKeys.SEGMENT_PREFIX).rpartition("#")[0]
    return name.removeprefix(LedgerKeys.FILE_PREFIX)
