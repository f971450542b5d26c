"""Which files `ingest status` shows: asked of the ledger by feed, status and day, no more of them than are shown."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from heapq import merge
from itertools import chain, islice
from typing import Protocol

from ingest.aws.clock import iso
from ingest.contract import FINAL_STATUSES, Status
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feeds
from ingest.file import FileVersion
from ingest.ledger.progress import Progress, file_progress, may_be_compressed
from ingest.ledger.states import is_open
from ingest.ledger.work_item import Entry
from ingest.worker.report import NO_FEED

OPEN_STATUSES = (Status.LOADING, Status.WAITING, Status.SPLIT)


class StatusLedger(Protocol):
    """What is asked of the ledger."""

    def open_files(self, feed: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not told yet."""

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended so on a day."""

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the records of a file's segments in their order."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file and how far it has come."""

    entry: Entry
    progress: Progress


@dataclass(frozen=True, slots=True)
class Overview:
    """Files at one moment; `is_cut` if there are more of them."""

    files: tuple[FileView, ...]
    is_cut: bool
    now_s: float


@dataclass(frozen=True)
class Question:
    """Which files are asked for. Without a day: the open ones, and those that ended today.

    Raises:
        SettingsFault: there is no such feed, status or day, or the two do not go together.
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
            raise SettingsFault(f"--status {self.status!r} is wrong: accepted are {', '.join(known)}.")
        if self.day is not None and not is_day(self.day):
            raise SettingsFault(f"--day {self.day!r} is wrong: accepted is a date as 2026-11-22.")
        if self.day is not None and self.status in OPEN_STATUSES:
            raise SettingsFault(f"--day and --status {self.status} exclude each other: such files have not ended.")

    def _names(self) -> tuple[str, ...]:
        if self.feed is None:
            return (*self.feeds.feeds, NO_FEED)
        if self.feed != NO_FEED:
            self.feeds.named(self.feed)
        return (self.feed,)

    @property
    def wants_open(self) -> bool:
        """Whether open files are asked for."""
        return self.day is None and self.status not in FINAL_STATUSES

    @property
    def final_statuses(self) -> tuple[str, ...]:
        """The ends that are asked for."""
        return FINAL_STATUSES if self.status is None else tuple({self.status} & set(FINAL_STATUSES))


def look(ledger: StatusLedger, question: Question, *, now_s: float) -> Overview:
    """Return the files that are asked for: open ones first, then those that ended, the newest first."""
    found = list(islice(_entries(ledger, question, now_s), question.limit + 1))
    shown = found[: question.limit]
    views = tuple(view_of(ledger, entry, question.feeds, now_s=now_s) for entry in shown)
    return Overview(views, is_cut=len(found) > len(shown), now_s=now_s)


def view_of(ledger: StatusLedger, entry: Entry, feeds: Feeds | None, *, now_s: float) -> FileView:
    """Return a file with how far it has come; the segments of an open one are asked for."""
    is_split = is_open(entry.status) and entry.segments > 0
    segments = list(ledger.segments(entry.work.file)) if is_split else []
    feed = feeds.feeds.get(entry.feed) if feeds else None
    compressed = may_be_compressed(entry.work.file.key, feed.csv if feed else None)
    return FileView(entry, file_progress(entry, segments, now_s=now_s, compressed=compressed and not is_split))


def _entries(ledger: StatusLedger, question: Question, now_s: float) -> Iterator[Entry]:
    day = question.day or iso(now_s)[:10]
    opened = _newest(ledger.open_files(name, newest_first=True) for name in question.names if question.wants_open)
    ended = _newest(
        ledger.ended_files(name, status, day, newest_first=True)
        for name in question.names
        for status in question.final_statuses
    )
    return chain((entry for entry in opened if question.status in (None, entry.status)), ended)


def _newest(sources: Iterable[Iterator[Entry]]) -> Iterator[Entry]:
    """Merge records that come newest first; each source is read no further than needed."""
    return merge(*sources, key=lambda r: r.first_seen_s or 0.0 if r.ended_s is None else r.ended_s, reverse=True)


def is_day(text: str) -> bool:
    """Return whether a text is a day as 2026-11-22."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
