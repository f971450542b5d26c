"""What the command line shows: rows, books, rejects, progress, and one sentence for each fault."""

import csv
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ingest.core.books import Books
from ingest.core.faults import Refusal
from ingest.core.items import Items
from ingest.core.rejects import Reject
from ingest.core.spelling import dynamodb_json, text_rows
from ingest.dialect import Csv
from ingest.edges.files import RejectFile

MOST_COLUMNS = 2000  # more than an object key and its figures
RAW_SHOWN = 500  # bytes of a raw record or characters of a value; `load` keeps all of it in the rejects file


class PreviewWriter:
    """Prints items instead of writing them, up to a limit; None is no limit."""

    def __init__(self, stream: TextIO, *, form: str, limit: int | None) -> None:
        self._stream = stream
        self._form = form
        self._left = limit
        self._begun = False

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self._left == 0

    def write(self, items: Items) -> list[Refusal]:
        """Print the items, as far as the limit allows."""
        if self._left is not None:
            items = items.slice(0, min(self._left, len(items)))
            self._left -= len(items)
        if self._form == "jsonl":
            self._stream.writelines(line + "\n" for line in dynamodb_json(items))
        else:
            rows = csv.writer(self._stream, lineterminator="\n")
            if not self._begun:
                rows.writerow([attribute.name for attribute in items.attributes])
            rows.writerows(text_rows(items))
        self._begun = True
        return []

    def finish(self) -> None:
        """Hand on what is buffered."""
        self._stream.flush()


class RejectTally:
    """Counts rejects by reason and keeps the first few."""

    def __init__(self, *, keep: int) -> None:
        self.reasons: Counter[str] = Counter()
        self.first: list[Reject] = []
        self._keep = keep

    def begin(self, head: bytes, csv: Csv) -> None:
        """Nothing is needed of the head."""

    def add(self, rejects: list[Reject]) -> None:
        """Take a block's rejects."""
        self.reasons.update(reject.reason for reject in rejects)
        self.first += rejects[: self._keep - len(self.first)]

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held back."""


def print_check(file: str, books: Books, tally: RejectTally, *, as_json: bool, stream: TextIO) -> None:
    """Print what a file holds: counts, reasons, first rejects."""
    if as_json:
        document = {"file": file, **_counts(books), "reasons": dict(tally.reasons), "rejects": _documents(tally.first)}
        print(json.dumps(document, ensure_ascii=False), file=stream)
        return
    console = console_on(stream)
    console.print(books_sentence(books, "would be written"), soft_wrap=True)
    if tally.first:
        console.print(_reject_table(tally))


def print_load(books: Books, seconds: float, rejects: RejectFile, *, as_json: bool) -> None:
    """Print the books of a load."""
    where = str(rejects.path) if books.rows_rejected else None
    if as_json:
        print(json.dumps({**_counts(books), "seconds": round(seconds, 3), "rejects": where}))
        return
    console = console_on(sys.stdout)
    console.print(books_sentence(books), soft_wrap=True)
    console.print(f"{books.bytes_read:,} bytes in {seconds:.1f} s, {books.rows_read / max(seconds, 1e-9):,.0f} rows/s.")
    if where:
        told = (
            f"The rejected rows are in {where} with line and reason, and in {rejects.csv_path} to mend and load again."
        )
        console.print(told, soft_wrap=True, markup=False)


def fail(code: str, sentence: str, exit_code: int, *, as_json: bool) -> int:
    """Print one sentence on stderr, or an error object on stdout; return the exit code."""
    if as_json:
        print(json.dumps({"error": {"code": code, "message": sentence}}, ensure_ascii=False))
    else:
        print(f"ingest: {sentence}", file=sys.stderr)
    return exit_code


@contextmanager
def progress(what: str | None, size_bytes: int) -> Iterator[Callable[[Books], None]]:
    """Show a bar on stderr while a file is read, if that is a terminal; yield what moves it."""
    if what is None or not sys.stderr.isatty():
        yield lambda books: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=size_bytes, rows=0, rate=0.0)

        def advance(books: Books) -> None:
            rate = books.rows_read / max(bar.tasks[task].elapsed or 0.0, 1e-9)
            bar.update(task, completed=min(books.bytes_read, size_bytes), rows=books.rows_read, rate=rate)

        yield advance


def console_on(stream: TextIO) -> Console:
    """Return a console that prints text as it is: a column may be called "[bold]"."""
    return Console(file=stream, highlight=False, markup=False, emoji=False)


def line_console(stream: TextIO) -> Console:
    """Return a console on which a row of a table is one line where nobody has said how wide it may be: in a pipe."""
    is_free = not stream.isatty() and "COLUMNS" not in os.environ
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=MOST_COLUMNS if is_free else None)


def books_sentence(books: Books, written: str = "written") -> str:
    """Return the books as one sentence."""
    balance = "the books balance" if books.balance else "THE BOOKS DO NOT BALANCE"
    return (
        f"{books.rows_read:,} rows read = {books.rows_written:,} {written} + {books.rows_rejected:,} rejected "
        f"+ {books.rows_superseded:,} superseded; {balance}."
    )


def _counts(books: Books) -> dict[str, int]:
    counts = asdict(books)
    counts["bytes"] = counts.pop("bytes_read")
    return counts


def _documents(rejects: list[Reject]) -> list[dict[str, Any]]:
    documents = [asdict(reject) for reject in rejects]
    for document in documents:
        document["raw"] = document["raw"][:RAW_SHOWN].decode("utf-8", "backslashreplace")
        document["value"] = document["value"] and document["value"][:RAW_SHOWN]
    return documents


def _reject_table(tally: RejectTally) -> Table:
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common())
    table = Table("line", "column", "reason", "what is wrong", title=f"rejected: {reasons}", title_justify="left")
    for reject in tally.first:
        table.add_row(str(reject.line), reject.column or "", reject.reason, reject.message)
    return table
