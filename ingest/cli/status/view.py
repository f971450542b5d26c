"""What `ingest status` prints of files: one JSON document, or a table."""

from typing import Any

from rich.console import Group
from rich.text import Text

from ingest.cli.output import Column, FittingTable
from ingest.cli.status.query import FileView, Overview
from ingest.contract import Status
from ingest.ledger.entry import Record
from ingest.ledger.states import is_open
from ingest.ledger.table import iso

NOTHING = (
    "No file is such: neither open, nor ended on the day that was asked for, which is today (UTC) without --day. "
    "`ingest history --files` shows more days."
)
_COLUMNS = (
    Column("file", "key"),
    Column("status", "words"),
    Column("done"),
    Column("segments", may_go=1),
    Column("rows/s", may_go=2),
    Column("rows"),
    Column("rejects"),
    Column("age"),
)
_COLOURS = {Status.COMPLETE: "green", Status.FAILED: "red", Status.UNBALANCED: "red", Status.WAITING: "yellow"}


def overview_document(overview: Overview, stack: str) -> dict[str, Any]:
    """Return all of it for machines; `is_cut` says that there are more files."""
    files = [file_document(view, now_s=overview.now_s) for view in overview.files]
    return {"stack": stack, "at": iso(overview.now_s), "files": files, "is_cut": overview.is_cut}


def file_document(view: FileView, *, now_s: float) -> dict[str, Any]:
    """Return what is known of a file. Times are ISO 8601, UTC; what is not known is null."""
    record, progress, file = view.record, view.progress, view.record.work.file
    is_planned = record.status in (Status.SPLIT, Status.COMPLETE, Status.UNBALANCED)
    segments = {"planned": record.segments, "done": record.segments_done, "all_planned": is_planned}
    return {
        "file": file.url,
        "version": file.version,
        "version_id": file.version_id,
        "etag": file.etag,
        "size_bytes": file.size_bytes,
        "feed": record.feed,
        "status": record.status,
        "progress": None if progress.share is None else round(progress.share, 4),
        "segments": segments if record.segments else None,
        "rows_per_s": None if progress.rows_per_s is None else round(progress.rows_per_s, 1),
        **progress.books.counts(),
        "age_s": None if progress.age_s is None else round(progress.age_s, 3),
        "first_seen": time_text(record.first_seen_s),
        "ended": time_text(record.ended_s),
        "seconds": record.seconds,
        "rejects": record.rejects,
        **attempts_document(record, now_s=now_s),
    }


def attempts_document(record: Record, *, now_s: float) -> dict[str, Any]:
    """Return who works on a file or segment, how often that was tried, and what stood against it last."""
    lease = None
    if record.status == Status.LOADING and record.started_s is not None:
        lease = {"held_s": round(now_s - record.started_s, 3), "left_s": round(record.lease_until_s - now_s, 3)}
    return {
        "attempts": record.attempts,
        "resent": record.resent,
        "last_progress": time_text(record.moved_s),
        "lease": lease,
        "error": {"code": record.error_code, "message": record.error} if record.error else None,
    }


def overview_lines(overview: Overview) -> Group:
    """Return a table of the files, and what else there is to say."""
    if not overview.files:
        return Group(Text(NOTHING))
    more = [Text(f"There are more than these {len(overview.files)}; see --limit, --feed, --status and --day.")]
    table = FittingTable(_COLUMNS, [_cells(view) for view in overview.files])
    return Group(table, *(more if overview.is_cut else ()))


def _cells(view: FileView) -> dict[str, str | Text]:
    record, progress = view.record, view.progress
    return {
        "file": record.work.file.key,
        "status": told_text(record),
        "done": share_text(progress.share),
        "segments": segments_text(record),
        "rows/s": "" if progress.rows_per_s is None else f"{progress.rows_per_s:,.0f}",
        "rows": f"{progress.books.rows_read:,}",
        "rejects": f"{progress.books.rows_rejected:,}",
        "age": age_text(progress.age_s),
    }


def status_text(record: Record) -> Text:
    """Return a status in its colour."""
    return Text(record.status, style=_COLOURS.get(record.status, ""))


def told_text(record: Record) -> Text:
    """Return a status with the code of what stands against the file, if anything does."""
    return status_text(record).append(f" {record.error_code}" if record.error_code else "")


def share_text(share: float | None) -> str:
    """Return a share as per cent; 100 % only when all is done.

    >>> share_text(0.99999), share_text(1.0), share_text(None)
    ('99.9 %', '100 %', '')
    """
    if share is None:
        return ""
    return "100 %" if share >= 1 else f"{int(share * 1000) / 10:.1f} %"


def segments_text(record: Record) -> str:
    """Return how many segments are done, of how many; "…" while more are being found."""
    return f"{record.segments_done}/{record.segments}{'…' * _is_planning(record)}" if record.segments else ""


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


def lease_text(record: Record, *, now_s: float) -> str:
    """Return how long a worker has had the lease, and how long it holds if no more is heard of the worker."""
    if record.status != Status.LOADING or record.started_s is None:
        return ""
    left_s = record.lease_until_s - now_s
    if left_s < 0:
        return f"ran out {age_text(-left_s)} ago"
    return f"held for {age_text(now_s - record.started_s)}, {age_text(left_s)} left"


def time_text(epoch_s: float | None) -> str | None:
    """Return a time as ISO 8601, UTC."""
    return iso(epoch_s) if epoch_s else None


def _is_planning(record: Record) -> bool:
    return is_open(record.status) and record.status != Status.SPLIT
