"""The files that `ingest status` shows: queried from the ledger by feed, status and day, no more than are shown.

Also their output: a table, or one JSON document.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from heapq import merge
from itertools import chain, islice
from typing import Any, Protocol

from rich.console import Group
from rich.text import Text

from ingest.aws.clock import iso
from ingest.cli.output import FittingTable, TableColumn
from ingest.contract import FINAL_STATUSES, NO_FEED, Status
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feeds
from ingest.file import FileVersion
from ingest.ledger.progress import Progress, file_progress, may_be_compressed
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.work_item import Entry, is_open

OPEN_STATUSES = (Status.LOADING, Status.WAITING, Status.SPLIT)


class StatusLedger(Protocol):
    """The ledger's queries that are used here."""

    def open_files(self, feed: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome has not been reported yet."""

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
    """Files at one moment; `is_cut`: there are more files than these."""

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
        """Whether to show only some of the files that are open or ended today, or those of another day."""
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
    """Return a file with its progress; for an open file this queries its segments."""
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


NOTHING = "No files are open and none finished today (UTC). `ingest history --files` shows more days."
NOTHING_LIKE_IT = "No files match. `ingest history --files` shows more days."
_COLUMNS = (
    TableColumn("file", "key"),
    TableColumn("status", "words"),
    TableColumn("done"),
    TableColumn("segments", may_go=1),
    TableColumn("rows/s", may_go=2),
    TableColumn("rows"),
    TableColumn("rejects"),
    TableColumn("skipped", may_go=3),
    TableColumn("age"),
)
_COLOURS = {Status.COMPLETE: "green", Status.FAILED: "red", Status.UNBALANCED: "red", Status.WAITING: "yellow"}
_COLOURS |= {Status.IGNORED: "dim", Status.UNDONE: "dim"}


def overview_document(overview: Overview, stack: str) -> dict[str, Any]:
    """Return the JSON document; `truncated` says that there are more files."""
    files = [file_document(view, now_s=overview.now_s) for view in overview.files]
    return {"stack": stack, "at": iso(overview.now_s), "files": files, "truncated": overview.is_cut}


def file_document(view: FileView, *, now_s: float) -> dict[str, Any]:
    """Return what is known of a file. Times are ISO 8601, UTC; what is not known is null."""
    entry, progress, file = view.entry, view.progress, view.entry.work.file
    is_planned = entry.status in (Status.SPLIT, Status.COMPLETE, Status.UNBALANCED)
    segments = {"planned": entry.segments, "done": entry.segments_done, "all_planned": is_planned}
    return {
        "file": file.url,
        "version": file.version,
        "version_id": file.version_id,
        "etag": file.etag,
        "size_bytes": file.size_bytes,
        "feed": entry.feed,
        "status": entry.status,
        "undo": bool(file.undo),
        "progress": None if progress.share is None else round(progress.share, 4),
        "segments": segments if entry.segments else None,
        "rows_per_s": None if progress.rows_per_s is None else round(progress.rows_per_s, 1),
        **progress.row_counts.document(),
        "age_s": None if progress.age_s is None else round(progress.age_s, 3),
        "first_seen": time_text(entry.first_seen_s),
        "ended": time_text(entry.ended_s),
        "seconds": entry.seconds,
        "rejects_at": entry.rejects,
        "table_may_hold_more": entry.may_hold_more,
        "warning": progress.row_counts.warning(),
        **attempts_document(entry, now_s=now_s),
    }


def attempts_document(entry: Entry, *, now_s: float) -> dict[str, Any]:
    """Return the lease of a file or segment, its attempts, and its last error."""
    lease = None
    if entry.status == Status.LOADING and entry.started_s is not None:
        lease = {"held_s": round(now_s - entry.started_s, 3), "left_s": round(entry.lease_until_s - now_s, 3)}
    return {
        "attempts": entry.attempts,
        "resent": entry.resent,
        "last_progress": time_text(entry.moved_s),
        "lease": lease,
        "error": {"code": entry.error_code, "message": entry.error} if entry.error else None,
    }


def overview_lines(overview: Overview, *, is_filtered: bool = False) -> Group:
    """Return a table of the files, and a note if there are more."""
    if not overview.files:
        return Group(Text(NOTHING_LIKE_IT if is_filtered else NOTHING))
    more = [Text(f"Only the first {len(overview.files)} are shown; see --limit, --feed, --status and --day.")]
    table = FittingTable(_COLUMNS, [_cells(view) for view in overview.files])
    return Group(table, *(more if overview.is_cut else ()))


def _cells(view: FileView) -> dict[str, str | Text]:
    entry, progress = view.entry, view.progress
    return {
        "file": entry.work.file.key,
        "status": status_and_error(entry),
        "done": share_text(progress.share),
        "segments": segments_text(entry),
        "rows/s": "" if progress.rows_per_s is None else f"{progress.rows_per_s:,.0f}",
        "rows": f"{progress.row_counts.rows_read:,}",
        "rejects": f"{progress.row_counts.rows_rejected:,}",
        "skipped": skipped_text(progress.row_counts),
        "age": age_text(progress.age_s),
    }


def status_text(entry: Entry) -> Text:
    """Return a status in its colour; an undo is marked as such."""
    name = f"undo {entry.status}" if entry.work.file.undo else entry.status
    return Text(name, style=_COLOURS.get(entry.status, ""))


def status_and_error(entry: Entry) -> Text:
    """Return a status with the code of the file's error or warning, if any; or what the file waits for."""
    if waits := waits_for(entry):
        return Text(waits, style=_COLOURS[Status.WAITING])
    code = entry.error_code or (entry.row_counts.warning() or {}).get("code")
    return status_text(entry).append(f" {code}" if code else "")


def waits_for(entry: Entry) -> str:
    """Return what a file or segment waits for; an empty text if it does not wait."""
    return "waiting for the write budget" if entry.is_parked else ""


def share_text(share: float | None) -> str:
    """Return a share in per cent; 100 % only if everything is done.

    >>> share_text(0.99999), share_text(1.0), share_text(None)
    ('99.9 %', '100 %', '')
    """
    if share is None:
        return ""
    return "100 %" if share >= 1 else f"{int(share * 1000) / 10:.1f} %"


def skipped_text(row_counts: RowCounts) -> str:
    """Return how many rows were skipped; an empty text if none was."""
    return f"{row_counts.rows_skipped:,}" if row_counts.rows_skipped else ""


def segments_text(entry: Entry) -> str:
    """Return the number of segments done and in all; with "…" while more are being planned."""
    return f"{entry.segments_done}/{entry.segments}{'…' * _is_planning(entry)}" if entry.segments else ""


def age_text(seconds: float | None) -> str:
    """Return a duration in its two largest units.

    >>> age_text(7.9), age_text(3725), age_text(200_000)
    ('7 s', '1 h 2 min', '2 d 7 h')
    """
    if seconds is None:
        return ""
    whole = int(seconds)
    for size, unit, next_size, next_unit in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {unit} {whole % size // next_size} {next_unit}"
    return f"{whole} s"


def lease_text(entry: Entry, *, now_s: float) -> str:
    """Return how long the lease has been held, and when it expires without another heartbeat."""
    if entry.status != Status.LOADING or entry.started_s is None:
        return ""
    left_s = entry.lease_until_s - now_s
    if left_s < 0:
        return f"expired {age_text(-left_s)} ago"
    return f"held for {age_text(now_s - entry.started_s)}, {age_text(left_s)} left"


def time_text(epoch_s: float | None) -> str | None:
    """Return a time as ISO 8601, UTC."""
    return iso(epoch_s) if epoch_s else None


def _is_planning(entry: Entry) -> bool:
    return is_open(entry.status) and entry.status != Status.SPLIT
