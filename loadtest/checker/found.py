"""What is expected of each file, and what was found after a run: tables, ledger, rejects, queues, events. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self

from ingest.contract import FINAL_STATUSES, LedgerKeys, Status
from loadtest.workload.checksum import U64, KnownOutcome
from loadtest.workload.recipe import Recipe

ONLY_COMPLETE = frozenset({Status.COMPLETE})
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected(KnownOutcome):
    """What must become of one file: its outcome, and how it may end. No other file has the keys of its items.

    A later segment's rows replace those of an earlier one without being counted as superseded.
    """

    key: str
    table: str
    statuses: frozenset[str] = ONLY_COMPLETE  # how it may end; "" is: the ledger never hears of it
    etag: str = ""  # of this version of the object, where there are several
    recipe: Recipe | None = None  # where it may end without being complete: some of its rows may be in the table

    @classmethod
    def of(cls, key: str, table: str, outcome: KnownOutcome, **more: Any) -> Self:
        """Return what must become of a file that was generated; `more` are attributes that the generator lacks."""
        return cls(key=key, table=table, **{one.name: getattr(outcome, one.name) for one in fields(outcome)}, **more)

    @property
    def name(self) -> str:
        """The file's name among all others: its key, and its eTag where there are several versions."""
        return f"{self.key} {self.etag}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFound:
    """What a table holds, and how it came there as far as that was seen."""

    items: int
    checksum: int  # of all of them, by `loadtest.workload.checksum`
    overwritten: int | None = None  # puts of other content under a key that the table held. None: no one saw the puts
    refused: Sequence[str] = ()  # what DynamoDB would not have taken, if anything: a sentence each
    hashes: U64 | None = field(default=None, compare=False, repr=False)  # where a file may leave some of its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is left after a run."""

    tables: Mapping[str, TableFound]  # by the name the feed gives them
    entries: Sequence[Entry]  # of the files in the ledger
    rejects: Mapping[str, Counter[str]]  # how many rows for which reason, by the file's name (`Expected.name`)
    ledger: Sequence[Entry] = ()  # all of it, where it is the run's own: no entry may be unfinished
    queue_depth: int = 0  # messages that are still in the queue
    dead_letters: Sequence[str] = ()  # bodies of messages in the dead-letter queue
    poison: frozenset[str] = frozenset()  # those that must be there
    events: Sequence[Mapping[str, Any]] = ()  # details of those that say how files ended
    troubles: Sequence[str] = ()  # what else went wrong, such as workers that crashed: a sentence each


_SEGMENT_ENDS = (Status.DONE, Status.STOPPED)
_LEFT_BEHIND = (Status.PENDING, Status.WAITING)  # by a file that failed or was superseded


def unfinished(ledger: Sequence[Entry]) -> Iterator[str]:
    """Yield a sentence for each entry that someone still works on, or that waits for someone."""
    given_up = {_version(entry) for entry in ledger if entry.get("status") in (Status.FAILED, Status.SUPERSEDED)}
    for entry in ledger:
        status = entry.get("status")
        is_left = status in _LEFT_BEHIND and _version(entry) in given_up
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


def _version(entry: Entry) -> tuple[str, str]:
    """Return which version of which object the entry of a file or segment is about; of the HEAD, none."""
    return entry[LedgerKeys.PARTITION_KEY], entry[LedgerKeys.SORT_KEY].partition("#")[2].partition("#")[0]
