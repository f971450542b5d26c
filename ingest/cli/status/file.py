"""`ingest status FILE`: the history of a file's versions, and the segments of one of them."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from ingest.cli.output import Column, FittingTable, books_sentence, line_console
from ingest.cli.stack import DeployedStack
from ingest.cli.status.choose import choose, find_versions
from ingest.cli.status.query import FileView, view_of
from ingest.cli.status.view import (
    attempts_document,
    file_document,
    lease_text,
    segments_text,
    share_text,
    status_text,
    time_text,
)
from ingest.ledger.entry import Record
from ingest.ledger.progress import segment_share

_COLUMNS = (
    Column("first byte"),
    Column("end", may_go=4),
    Column("line", may_go=3),
    Column("status", "word"),
    Column("done"),
    Column("rows", may_go=1),
    Column("rejects", may_go=2),
    Column("attempts", may_go=5),
    Column("lease", "word"),
    Column("error", "words"),
)


@dataclass(frozen=True, slots=True)
class History:
    """All versions of a file, the oldest first, and the segments of the chosen one."""

    versions: tuple[FileView, ...]
    chosen: FileView
    segments: tuple[Record, ...]
    now_s: float


def find_history(stack: DeployedStack, name: str, version: str | None, *, now_s: float) -> History:
    """Return what the ledger holds about a file: s3://bucket/key, or a key in the landing bucket.

    Raises:
        FileMissing: nothing.
        SettingsFault: the URL has no key, or there is no such version.
    """
    records = find_versions(stack, name)
    versions = tuple(view_of(stack.ledger, record, None, now_s=now_s) for record in records)
    chosen = versions[records.index(choose(records, version))]
    return History(versions, chosen, tuple(stack.ledger.segments(chosen.record.work.file)), now_s)


def print_history(history: History, *, limit: int | None, as_json: bool) -> None:
    """Print the versions, and the segments of the chosen one, up to a limit."""
    if as_json:
        print(json.dumps(_document(history, limit), ensure_ascii=False))
        return
    console = line_console(sys.stdout)
    console.print(history.chosen.record.work.file.url, soft_wrap=True)
    for view in history.versions:
        console.print("\n".join(_lines(view, history.now_s)), soft_wrap=True)
    if history.segments:
        console.print(_segment_table(history, limit))
        if limit is not None and limit < len(history.segments):
            console.print(f"There are {len(history.segments)} segments; --limit says how many are shown.")


def _document(history: History, limit: int | None) -> dict[str, Any]:
    chosen = history.chosen.record.work.file
    return {
        "file": chosen.url,
        "versions": [file_document(view, now_s=history.now_s) for view in history.versions],
        "segments_of": chosen.version,
        "segments": [_segment_document(segment, history.now_s) for segment in history.segments[:limit]],
        "is_cut": len(history.segments[:limit]) < len(history.segments),
    }


def _segment_document(record: Record, now_s: float) -> dict[str, Any]:
    segment = record.work.segment
    assert segment is not None
    return {
        "first_byte": segment.start.byte,
        "end_byte": segment.end_byte,
        "first_line": segment.start.line,
        "status": record.status,
        "progress": round(segment_share(record), 4),
        "checkpoint_byte": segment.start.byte + record.books.bytes_read,
        **record.books.counts(),
        **attempts_document(record, now_s=now_s),
    }


def _lines(view: FileView, now_s: float) -> list[str]:
    """Return what is to say of a version, one line each; what is not known is left out."""
    record, file = view.record, view.record.work.file
    size = "" if file.size_bytes is None else f", {file.size_bytes:,} bytes"
    ended = "" if record.ended_s is None else f", ended {time_text(record.ended_s)}"
    seconds = "" if record.seconds is None else f", {record.seconds:,.1f} s"
    told = {
        "done": ", ".join(filter(None, (share_text(view.progress.share), _in_segments(record)))),
        "seen": f"first {time_text(record.first_seen_s)}{ended}{seconds}, {_attempts(record)}",
        "lease": lease_text(record, now_s=now_s),
        "books": books_sentence(view.progress.books),
        "rejects": record.rejects,
        "error": record.error,
    }
    head = f"\nversion {file.version}{size}, feed {record.feed}: {record.status}"
    return [head, *(f"  {name:<9}{text}".rstrip() for name, text in told.items() if text)]


def _in_segments(record: Record) -> str:
    return f"{segments_text(record)} segments" if record.segments else ""


def _attempts(record: Record) -> str:
    resent = f", sent again by the reconciler {record.resent} time(s)" if record.resent else ""
    return f"{record.attempts} attempt(s){resent}"


def _segment_table(history: History, limit: int | None) -> FittingTable:
    rows = [_segment_cells(record, history.now_s) for record in history.segments[:limit]]
    return FittingTable(_COLUMNS, rows, f"segments of version {history.chosen.record.work.file.version}")


def _segment_cells(record: Record, now_s: float) -> dict[str, str | Text]:
    segment = record.work.segment
    assert segment is not None
    return {
        "first byte": f"{segment.start.byte:,}",
        "end": f"{segment.end_byte:,}",
        "line": f"{segment.start.line:,}",
        "status": status_text(record),
        "done": share_text(segment_share(record)),
        "rows": f"{record.books.rows_read:,}",
        "rejects": f"{record.books.rows_rejected:,}",
        "attempts": str(record.attempts),
        "lease": lease_text(record, now_s=now_s),
        "error": record.error or "",
    }
