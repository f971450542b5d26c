"""`ingest status`: shows files that are open or have ended; with FILE its versions, and the segments of one of them.

Other commands look up files with this module, too.
"""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from ingest.aws.clock import Clock
from ingest.cli.options import AsJson, OneFeed, StackFeedsPath, StackName, file_name, seconds_of
from ingest.cli.output import (
    FittingTable,
    TableColumn,
    duplicates_view,
    line_console,
    row_counts_sentence,
    without_file,
)
from ingest.cli.stack import DeployedStack, feeds_of
from ingest.cli.status_overview import (
    FileView,
    StatusLedger,
    StatusQuery,
    attempts_document,
    file_document,
    lease_text,
    look,
    overview_document,
    overview_lines,
    segments_text,
    share_text,
    skipped_text,
    status_text,
    time_text,
    view_of,
    waits_for,
)
from ingest.errors import FileMissing, SettingsFault
from ingest.file import FileVersion
from ingest.ledger.progress import segment_share
from ingest.ledger.work_item import Entry
from ingest.rejects.reject import Document

FILES = 20


def status(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="s3://bucket/key, or a key in the landing bucket.")
    ] = None,
    feed: OneFeed = None,
    state: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS", help="Only files with this status, such as LOADING or FAILED."),
    ] = None,
    day: Annotated[
        str | None,
        typer.Option("--day", metavar="YYYY-MM-DD", help="Files that ended on this day (UTC)."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=1, metavar="N", help="Maximum number of files (default: 20), or of segments with FILE."
        ),
    ] = None,
    watch: Annotated[
        str | None,
        typer.Option("--watch", metavar="[TIME]", help="Refresh every 2 s, or at this interval, such as 10s."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="NAME", help="With FILE: show the segments of this version (or eTag)."),
    ] = None,
    stack: StackName = None,
    feeds: StackFeedsPath = None,
    as_json: AsJson = False,
) -> None:
    """Show open files and files that ended today, or the details of one file.

    Open files are listed first, and the newest first in each group. FILE shows its versions, and the newest's segments.

    Examples:
        ingest status --watch 5s
        ingest status --feed orders --status FAILED --day 2026-11-22
        ingest status orders/2026-11-22.csv --json
    """
    if watch is not None and as_json:
        raise SettingsFault("--watch and --json cannot be combined.")
    every_s = None if watch is None else seconds_of(watch, "--watch")
    deployed, clock = DeployedStack(stack), Clock()
    if file is not None:
        _refuse("FILE and --{} cannot be combined.", feed=feed, status=state, day=day, watch=watch)
        history = find_history(deployed, file, version, now_s=clock.now_s())
        print_history(history, limit=limit, as_json=as_json)
        return
    _refuse("--{} needs FILE.", version=version)
    question = StatusQuery(feeds_of(deployed, feeds).known, feed=feed, status=state, day=day, limit=limit or FILES)
    if as_json:
        overview = look(deployed.ledger.queries, question, now_s=clock.now_s())
        print(json.dumps(overview_document(overview, deployed.name), ensure_ascii=False))
    elif every_s is None:
        line_console(sys.stdout).print(_overview(deployed.ledger.queries, question, clock))
    else:
        keep_looking(lambda: _overview(deployed.ledger.queries, question, clock), every_s, clock)


def _overview(ledger: StatusLedger, question: StatusQuery, clock: Clock) -> Group:
    return overview_lines(look(ledger, question, now_s=clock.now_s()), is_filtered=question.is_filtered)


class WatchClock(Protocol):
    """The clock of `--watch`."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


def keep_looking(view: Callable[[], Group], seconds: float, clock: WatchClock) -> None:
    """Show what `view` returns, and refresh it at an interval, until Ctrl-C."""
    with Live(console=line_console(sys.stdout), auto_refresh=False) as live:
        while True:
            live.update(view(), refresh=True)
            clock.sleep(seconds)


def _refuse(why: str, **options: object) -> None:
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise SettingsFault(why.format(given[0]))


ENDED_EARLY = "it was ended early: the table may hold more rows than are counted here"
_COLUMNS = (
    TableColumn("first byte"),
    TableColumn("end", may_go=5),
    TableColumn("line", may_go=4),
    TableColumn("status", "word"),
    TableColumn("done"),
    TableColumn("rows", may_go=1),
    TableColumn("rejects", may_go=2),
    TableColumn("skipped", may_go=3),
    TableColumn("attempts", may_go=6),
    TableColumn("lease", "word"),
    TableColumn("error", "words"),
)


def find_versions(stack: DeployedStack, name: str) -> list[Entry]:
    """Return the ledger entries of all versions of a file, in the order they were first seen.

    `name` is s3://bucket/key, or a key in the landing bucket.

    Raises:
        FileMissing: the ledger has no entry for the file.
        SettingsFault: the URL has no key.
    """
    bucket, key = place_of(stack, name)
    entries = sorted(stack.ledger.queries.versions(bucket, key), key=lambda entry: entry.first_seen_s or 0.0)
    if not entries:
        raise FileMissing(
            f"The ledger has no entry for s3://{bucket}/{key}. Check the key. If the object exists, its notification "
            "is still in the queue (see `ingest top`; the stack may be paused), or was lost: run `ingest reconcile`."
        )
    return entries


def choose(entries: Sequence[Entry], name: str | None) -> Entry:
    """Return the version with that name (or sequencer, version id or eTag); without a name, the one seen last.

    Raises:
        SettingsFault: the ledger lacks this version.
    """
    if name is None:
        return entries[-1]
    for entry in reversed(entries):
        if name.upper() in _names(entry.work.file):
            return entry
    known = ", ".join(entry.work.file.version for entry in entries)
    raise SettingsFault(f"--version {name!r} is not in the ledger; it has: {known}.")


def place_of(stack: DeployedStack, text: str) -> tuple[str, str]:
    """Return bucket and key of a file as commands take it.

    Raises:
        SettingsFault: it is not an S3 URL, or has no key.
    """
    name = file_name(text)
    if not name.startswith("s3://"):
        return stack.landing_bucket, name
    bucket, _, key = name.removeprefix("s3://").partition("/")
    if not bucket or not key:
        raise SettingsFault(f"{name} is not the URL of an S3 object; write s3://bucket/key.")
    return bucket, key


def _names(file: FileVersion) -> set[str]:
    names = (file.version, file.sequencer, file.version_id, file.etag)
    return {name.upper() for name in names if name}


@dataclass(frozen=True, slots=True)
class History:
    """All versions of a file, the oldest first; and the segments and first duplicates of the chosen version."""

    versions: tuple[FileView, ...]
    chosen: FileView
    segments: tuple[Entry, ...]
    duplicates: tuple[Document, ...]
    now_s: float


def find_history(stack: DeployedStack, name: str, version: str | None, *, now_s: float) -> History:
    """Return all that the ledger has about a file, given as s3://bucket/key or as a key in the landing bucket.

    Raises:
        FileMissing: the ledger has no entry for it.
        SettingsFault: the URL has no key, or the ledger lacks this version.
    """
    entries = find_versions(stack, name)
    versions = tuple(view_of(stack.ledger.queries, entry, None, now_s=now_s) for entry in entries)
    chosen = versions[entries.index(choose(entries, version))]
    file = chosen.entry.work.file
    segments = tuple(stack.ledger.queries.segments(file))
    has_duplicates = any(entry.row_counts.rows_superseded for entry in (chosen.entry, *segments))
    duplicates = stack.rejects.duplicates(file) if has_duplicates else ()
    return History(versions, chosen, segments, tuple(duplicates), now_s)


def print_history(history: History, *, limit: int | None, as_json: bool) -> None:
    """Print the versions, and the segments of the chosen one, up to a limit."""
    if as_json:
        print(json.dumps(_document(history, limit), ensure_ascii=False))
        return
    console = line_console(sys.stdout)
    console.print(history.chosen.entry.work.file.url, soft_wrap=True)
    for view in history.versions:
        console.print("\n".join(_lines(view, history.now_s)), soft_wrap=True)
    if history.segments:
        console.print(_segment_table(history, limit))
        if limit is not None and limit < len(history.segments):
            console.print(f"There are {len(history.segments)} segments; use --limit to show more.")
    if history.duplicates:
        console.print(duplicates_view(history.duplicates))


def _document(history: History, limit: int | None) -> dict[str, Any]:
    chosen = history.chosen.entry.work.file
    return {
        "file": chosen.url,
        "versions": [file_document(view, now_s=history.now_s) for view in history.versions],
        "segments_of": chosen.version,
        "segments": [_segment_document(segment, history.now_s) for segment in history.segments[:limit]],
        "truncated": len(history.segments[:limit]) < len(history.segments),
        "duplicates": [without_file(document) for document in history.duplicates],
    }


def _segment_document(entry: Entry, now_s: float) -> dict[str, Any]:
    segment = entry.work.segment
    assert segment is not None
    return {
        "first_byte": segment.start.byte,
        "end_byte": segment.end_byte,
        "first_line": segment.start.line,
        "status": entry.status,
        "progress": round(segment_share(entry), 4),
        "checkpoint_byte": segment.start.byte + entry.row_counts.bytes_read,
        **entry.row_counts.document(),
        **attempts_document(entry, now_s=now_s),
    }


def _lines(view: FileView, now_s: float) -> list[str]:
    """Return the lines about a version, without unknown values."""
    entry, file = view.entry, view.entry.work.file
    size = "" if file.size_bytes is None else f", {file.size_bytes:,} bytes"
    ended = "" if entry.ended_s is None else f", ended {time_text(entry.ended_s)}"
    seconds = "" if entry.seconds is None else f", {entry.seconds:,.1f} s"
    details = {
        "done": ", ".join(filter(None, (share_text(view.progress.share), _in_segments(entry)))),
        "seen": f"first {time_text(entry.first_seen_s)}{ended}{seconds}, {_attempts(entry)}",
        "lease": lease_text(entry, now_s=now_s),
        "waits": waits_for(view.entry) or _parked(view),
        "rows": row_counts_sentence(view.progress.row_counts, "deleted" if file.undo else "written"),
        "warning": (view.progress.row_counts.warning() or {}).get("message"),
        "rejects": entry.rejects,
        "error": entry.error,
        "note": ENDED_EARLY if entry.may_hold_more else None,
    }
    title = f"\nversion {file.version}{size}, feed {entry.feed}: {status_text(entry)}"
    return [title, *(f"  {name:<9}{text}".rstrip() for name, text in details.items() if text)]


def _in_segments(entry: Entry) -> str:
    return f"{segments_text(entry)} segments" if entry.segments else ""


def _parked(view: FileView) -> str:
    """Return how many segments wait for the write budget; an empty text if none does."""
    return f"{view.parked} segment(s) waiting for the write budget" if view.parked else ""


def _attempts(entry: Entry) -> str:
    resent = f", requeued by the reconciler {entry.resent} time(s)" if entry.resent else ""
    return f"{entry.attempts} attempt(s){resent}"


def _segment_table(history: History, limit: int | None) -> FittingTable:
    rows = [_segment_cells(entry, history.now_s) for entry in history.segments[:limit]]
    return FittingTable(_COLUMNS, rows, f"segments of version {history.chosen.entry.work.file.version}")


def _segment_cells(entry: Entry, now_s: float) -> dict[str, str | Text]:
    segment = entry.work.segment
    assert segment is not None
    return {
        "first byte": f"{segment.start.byte:,}",
        "end": f"{segment.end_byte:,}",
        "line": f"{segment.start.line:,}",
        "status": status_text(entry),
        "done": share_text(segment_share(entry)),
        "rows": f"{entry.row_counts.rows_read:,}",
        "rejects": f"{entry.row_counts.rows_rejected:,}",
        "skipped": skipped_text(entry.row_counts),
        "attempts": str(entry.attempts),
        "lease": lease_text(entry, now_s=now_s),
        "error": entry.error or "",
    }
