"""What `ingest history` prints: counts by day and feed, or each file; as a table, as CSV, or as JSON."""

import csv
import json
import sys
from collections.abc import Iterable
from typing import Any

from ingest.commands.status_view import plain_table, status_text, time_text
from ingest.commands.view import line_console
from ingest.core.days import DayCount, total
from ingest.core.notification import FileVersion
from ingest.core.records import Record
from ingest.core.work import Work

NOTHING = "Nothing ended on the days that were asked for."
_FIGURES = ("rows read", "written", "rejected", "superseded", "bytes")


def print_counts(counts: list[DayCount], form: str) -> None:
    """Print counts, and their sum."""
    if form == "csv":
        _print_csv(map(_count_document, counts), _count_document(DayCount("", "")))
    elif form == "json":
        print(json.dumps({"days": [_with_statuses(count) for count in counts], "total": _with_statuses(total(counts))}))
    else:
        _print_count_table(counts)


def print_files(ended: Iterable[tuple[str, Record]], form: str) -> None:
    """Print files one by one; a table is printed when all are known, for its columns."""
    documents = (_file_document(day, record) for day, record in ended)
    if form == "csv":
        _print_csv(documents, _file_document("", Record(Work(FileVersion("", "")), "")))
    elif form == "json":
        print('{"files": [', end="")
        for number, document in enumerate(documents):
            print(",\n" if number else "\n", json.dumps(document, ensure_ascii=False), sep="", end="")
        print("]}")
    else:
        _print_file_table(list(ended))


def _count_document(count: DayCount) -> dict[str, Any]:
    return {"day": count.day, "feed": count.feed, "files": count.files, "failed": count.failed, **count.books.counts()}


def _with_statuses(count: DayCount) -> dict[str, Any]:
    return _count_document(count) | {"statuses": dict(count.statuses)}


def _file_document(day: str, record: Record) -> dict[str, Any]:
    return {
        "day": day,
        "feed": record.feed,
        "file": record.work.file.url,
        "version": record.work.file.version,
        "status": record.status,
        **record.books.counts(),
        "seconds": record.seconds,
        "ended": time_text(record.ended_s),
        "error_code": record.error_code,
        "error": record.error,
    }


def _print_csv(documents: Iterable[dict[str, Any]], like: dict[str, Any]) -> None:
    """Print documents under the names of one that has the same fields."""
    rows = csv.DictWriter(sys.stdout, list(like), lineterminator="\n")
    rows.writeheader()
    rows.writerows(documents)


def _print_count_table(counts: list[DayCount]) -> None:
    console = line_console(sys.stdout)
    if not counts:
        console.print(NOTHING)
        return
    table = plain_table()
    for name in ("day", "feed", "files", "failed", *_FIGURES):
        table.add_column(name, justify="left" if name in ("day", "feed") else "right", no_wrap=True)
    for count in [*counts, total(counts)]:
        figures = (count.files, count.failed, *count.books.counts().values())
        table.add_row(count.day, count.feed, *(f"{figure:,}" for figure in figures))
    console.print(table)


def _print_file_table(ended: list[tuple[str, Record]]) -> None:
    console = line_console(sys.stdout)
    if not ended:
        console.print(NOTHING)
        return
    table = plain_table()
    for name in ("ended", "feed", "file", "status", *_FIGURES, "seconds", "error"):
        is_figure = name in (*_FIGURES, "seconds")
        is_wide = name in ("file", "error")
        table.add_column(name, justify="right" if is_figure else "left", no_wrap=not is_wide, overflow="fold")
    for _, record in ended:
        figures = (f"{figure:,}" for figure in record.books.counts().values())
        seconds = "" if record.seconds is None else f"{record.seconds:,.1f}"
        begin = (time_text(record.ended_s) or "", record.feed, record.work.file.key, status_text(record))
        table.add_row(*begin, *figures, seconds, record.error_code or "")
    console.print(table)
