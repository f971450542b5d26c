"""What `ingest history` prints: counts by day and feed, or each file; as a table, as CSV, or as JSON."""

import csv
import json
import sys
from collections.abc import Iterable
from typing import Any

from ingest.commands.status_view import time_text, told_text
from ingest.commands.tables import Cell, Column, FittingTable
from ingest.commands.view import line_console
from ingest.core.books import Books
from ingest.core.days import DayCount, total
from ingest.core.notification import FileVersion
from ingest.core.records import Record
from ingest.core.work import Work

NOTHING = "Nothing ended on the days that were asked for."
_FIGURES = ("rows read", "written", "rejected", "superseded", "bytes")
_BOOKS = (Column("rows read"), Column("written", may_go=1), Column("rejected"), Column("superseded", may_go=2))
_COUNT_COLUMNS = (
    Column("day", "word"),
    Column("feed", "word"),
    Column("files"),
    Column("failed"),
    *_BOOKS,
    Column("bytes", may_go=3),
)
_FILE_COLUMNS = (
    Column("ended", "word"),
    Column("feed", "word", may_go=3),
    Column("file", "key"),
    Column("status", "words"),
    *_BOOKS,
    Column("bytes", may_go=5),
    Column("seconds", may_go=4),
)


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
    if not counts:
        line_console(sys.stdout).print(NOTHING)
        return
    rows = [_count_cells(count) for count in [*counts, total(counts)]]
    line_console(sys.stdout).print(FittingTable(_COUNT_COLUMNS, rows))


def _count_cells(count: DayCount) -> dict[str, Cell]:
    figures = {"files": f"{count.files:,}", "failed": f"{count.failed:,}", **_books_cells(count.books)}
    return {"day": count.day, "feed": count.feed, **figures}


def _print_file_table(ended: list[tuple[str, Record]]) -> None:
    if not ended:
        line_console(sys.stdout).print(NOTHING)
        return
    line_console(sys.stdout).print(FittingTable(_FILE_COLUMNS, [_file_cells(record) for _, record in ended]))


def _file_cells(record: Record) -> dict[str, Cell]:
    return {
        "ended": time_text(record.ended_s) or "",
        "feed": record.feed,
        "file": record.work.file.key,
        "status": told_text(record),
        **_books_cells(record.books),
        "seconds": "" if record.seconds is None else f"{record.seconds:,.1f}",
    }


def _books_cells(books: Books) -> dict[str, str]:
    return dict(zip(_FIGURES, (f"{figure:,}" for figure in books.counts().values()), strict=True))
