"""Which files `ingest status` shows: queried from the ledger by feed, status and day, no more than are shown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from heapq import merge
from itertools import chain, islice
from typing import Protocol

from ingest.aws.clock import iso
from ingest.contract import FINAL_STATUSES, NO_FEED, Status
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feeds
from ingest.file import FileVersion
from ingest.ledger.progress import Progress, file_progress, may_be_compressed
from ingest.ledger.work_item import Entry, is_open

OPEN_STATUSES = (Status.LOADING, Status.WAITING, Status.SPLIT)


class StatusLedger(Protocol):
    """The ledger's queries that are used here."""

    def open_files(self, feed: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not reported yet."""

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended with a status on a day."""

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the entries of a file's segments in their order."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file, its progress, and how many of its parts, itself included, wait for the write budget of their table."""

    entry: Entry
    progress: Progress
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """Files at one moment; `is_cut` if there are more than these."""

    files: tuple[FileView, ...]
    is_cut: bool
    now_s: float


@dataclass(frozen=True)
class StatusQuery:
    """Which files to show. Without a day: the open ones, and those that ended today.

    Raises:
        SettingsFault: the feed, status or day does not exist, or the two cannot be combined.
    """

    feeds: Feeds
    feed: str | None = None
    status: str | None = None
    day: str | None = None
    limit: int = 20
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", self._names())
        known = (*OPEN_STATUSES, *FINAL_STATUSES)
        if self.status not in (None, *known):
            raise SettingsFault(f"--status {self.status!r} is not valid; accepted are {', '.join(known)}.")
        if self.day is not None and not is_day(self.day):
            raise SettingsFault(f"--day {self.day!r} is not a valid date; write it as 2026-11-22.")
        if self.day is not None and self.status in OPEN_STATUSES:
            raise SettingsFault(f"--day and --status {self.status} cannot be combined: such files have not ended.")

    def _names(self) -> tuple[str, ...]:
        if self.feed is None:
            return (*self.feeds.feeds, NO_FEED)
        if self.feed != NO_FEED:
            self.feeds.named(self.feed)
        return (self.feed,)

    @property
    def is_filtered(self) -> bool:
        """Whether only some of the files that are open or ended today are to be shown, or those of another day."""
        return (self.feed, self.status, self.day) != (None, None, None)

    @property
    def wants_open(self) -> bool:
        """Whether to show open files."""
        return self.day is None and self.status not in FINAL_STATUSES

    @property
    def final_statuses(self) -> tuple[str, ...]:
        """The final statuses to show."""
        return FINAL_STATUSES if self.status is None else tuple({self.status} & set(FINAL_STATUSES))


def look(ledger: StatusLedger, question: StatusQuery, *, now_s: float) -> Overview:
    """Return the files to show: open ones first, then those that ended, the newest first in each."""
    found = list(islice(_entries(ledger, question, now_s), question.limit + 1))
    shown = found[: question.limit]
    views = tuple(view_of(ledger, entry, question.feeds, now_s=now_s) for entry in shown)
    return Overview(views, is_cut=len(found) > len(shown), now_s=now_s)


def view_of(ledger: StatusLedger, entry: Entry, feeds: Feeds | None, *, now_s: float) -> FileView:
    """Return a file with its progress; an open one's segments are queried for it."""
    is_split = is_open(entry.status) and entry.segments > 0
    segments = list(ledger.segments(entry.work.file)) if is_split else []
    feed = feeds.feeds.get(entry.feed) if feeds else None
    compressed = may_be_compressed(entry.work.file.key, feed.csv if feed else None)
    progress = file_progress(entry, segments, now_s=now_s, compressed=compressed and not is_split)
    return FileView(entry, progress, parked=sum(part.is_parked for part in (entry, *segments)))


def _entries(ledger: StatusLedger, question: StatusQuery, now_s: float) -> Iterator[Entry]:
    day = question.day or iso(now_s)[:10]
    opened = _newest(ledger.open_files(name, newest_first=True) for name in question.names if question.wants_open)
    ended = _newest(
        ledger.ended_files(name, status, day, newest_first=True)
        for name in question.names
        for status in question.final_statuses
    )
    return chain((entry for entry in opened if question.status in (None, entry.status)), ended)


def _newest(sources: Iterable[Iterator[Entry]]) -> Iterator[Entry]:
    """Merge entries that come newest first; each source is read no further than needed."""
    return merge(*sources, key=lambda e: e.first_seen_s or 0.0 if e.ended_s is None else e.ended_s, reverse=True)


def is_day(text: str) -> bool:
    """Return whether a text is a date as 2026-11-22."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
