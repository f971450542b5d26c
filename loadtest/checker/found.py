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
    """The expected outcome of one file, and the statuses it may end in. No other file has the keys of its items.

    A later segment's rows replace those of an earlier one without being counted as superseded.
    """

    key: str
    table: str
    statuses: frozenset[str] = ONLY_COMPLETE  # how it may end; "": it never gets a ledger entry
    etag: str = ""  # of this version of the object, where it has several
    recipe: Recipe | None = None  # of a file that may end incomplete: some of its rows may be in the table

    @classmethod
    def of(cls, key: str, table: str, outcome: KnownOutcome, **more: Any) -> Self:
        """Return what is expected of a generated file; `more` are attributes that the generator does not know."""
        return cls(key=key, table=table, **{one.name: getattr(outcome, one.name) for one in fields(outcome)}, **more)

    @property
    def name(self) -> str:
        """The file's unique name: its key, and its eTag where the object has several versions."""
        return f"{self.key} {self.etag}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFound:
    """What a table holds, and what is known about the puts that led there."""

    items: int
    checksum: int  # of all of them, by `loadtest.workload.checksum`
    overwritten: int | None = None  # puts that changed the content of an existing item. None: puts were not observed
    refused: Sequence[str] = ()  # a sentence for each kind of request that DynamoDB would have rejected
    hashes: U64 | None = field(default=None, compare=False, repr=False)  # for files that may end incomplete


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was found after a run."""

    tables: Mapping[str, TableFound]  # by the table's name in the feed
    entries: Sequence[Entry]  # of the files in the ledger
    rejects: Mapping[str, Counter[str]]  # rows by reason, by the file's name (`Expected.name`)
    ledger: Sequence[Entry] = ()  # the whole ledger, if only this run used it: no entry may be unfinished
    queue_depth: int = 0  # messages that are still in the queue
    dead_letters: Sequence[str] = ()  # bodies of messages in the dead-letter queue
    poison: frozenset[str] = frozenset()  # bodies that must be dead letters
    events: Sequence[Mapping[str, Any]] = ()  # details of the events that report how files ended
    troubles: Sequence[str] = ()  # a sentence for each other failure, such as crashed workers


_SEGMENT_ENDS = (Status.DONE, Status.STOPPED)
_LEFT_BEHIND = (Status.PENDING, Status.WAITING)  # statuses that remain for segments of a failed or superseded file


def unfinished(ledger: Sequence[Entry]) -> Iterator[str]:
    """Yield a sentence for each entry that is still in progress, or waits for a worker."""
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
    """Return object and version of a file's or segment's entry; the version of a HEAD entry is empty."""
    return entry[LedgerKeys.PARTITION_KEY], entry[LedgerKeys.SORT_KEY].partition("#")[2].partition("#")[0]
