"""What commands print: row counts, rejects, progress bars, and tables that fit."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO, TypeAlias

from ingest.contract import WriteOperation
from ingest.errors import IngestError
from ingest.ledger.row_counts import RowCounts
from ingest.rejects.local_file import RejectFile, RejectTally
from ingest.rejects.reject import Document, DuplicateRow, Reject

if TYPE_CHECKING:  # imported only where output is drawn: JSON needs none of it
    from rich.console import Console, ConsoleOptions, Group, RenderableType
    from rich.table import Table
    from rich.text import Text

MOST_COLUMNS = 2000  # wider than an object key and its figures
RAW_SHOWN = 500  # bytes of a raw record or characters of a value; the rejects file of `load` has all of it
VALUE_SHOWN = 60  # characters of a value in a table


@dataclass(frozen=True, slots=True)
class About:
    """The subject of a result, as in documents; `file` is printed if a command has several."""

    file: str
    document: Mapping[str, Any]
    is_one_of_several: bool = False

    @property
    def title(self) -> str:
        """The beginning of the line of row counts."""
        return f"{self.file}: " if self.is_one_of_several else ""


def print_check(
    about: About,
    row_counts: RowCounts,
    operations: Mapping[str, int],
    tally: RejectTally,
    *,
    as_json: bool,
    stream: TextIO,
    fault: IngestError | None = None,
) -> None:
    """Print the result of reading a file: row counts, a warning, operations, the first rejects and duplicates.

    `fault`, if any, is only in the JSON document.
    """
    hidden = row_counts.rows_rejected - len(tally.first)
    if as_json:
        document = {
            **about.document,
            **row_counts.document(),
            "operations": dict(operations),
            "reasons": dict(tally.reasons),
            "rejects": _documents(tally.first),
            "truncated": hidden > 0,
            "duplicates": [duplicate.document() for duplicate in tally.duplicates],
            "warning": row_counts.warning(),
            "error": _error(fault),
        }
        print(json.dumps(document, ensure_ascii=False), file=stream)
        return
    console = console_on(stream)
    console.print(about.title + row_counts_sentence(row_counts, "would be written"), soft_wrap=True)
    if operations.keys() - {WriteOperation.PUT}:
        console.print(f"Operations: {', '.join(f'{count:,} {name}' for name, count in sorted(operations.items()))}.")
    if tally.first:
        console.print(_reject_table(tally))
    if hidden:
        console.print(f"{hidden:,} more rejected row(s) are not shown; see --limit.", soft_wrap=True)
    print_duplicates(tally.duplicates, row_counts, console)


def print_duplicates(duplicates: Sequence[DuplicateRow], row_counts: RowCounts | None, console: "Console") -> None:
    """Print a warning if there are many duplicates, and the first of them; no warning for a file that failed."""
    warning = row_counts.warning() if row_counts else None
    if warning:
        console.print(warning["message"], soft_wrap=True)
    if duplicates:
        console.print(duplicates_view([duplicate.document() for duplicate in duplicates]))


def duplicates_view(documents: Sequence[Document]) -> "Group":
    """Return a table of the first duplicates, with a column for each key attribute, and an explanation."""
    from rich.console import Group
    from rich.text import Text

    table = plain_table()
    for name in documents[0]["key"]:
        table.add_column(name, overflow="fold")
    for name in ("line", "replaced by line"):
        table.add_column(name, justify="right", no_wrap=True)
    for document in documents:
        lines = (str(document["replaced_line"]), str(document["line"]))
        table.add_row(*map(printable, document["key"].values()), *lines)
    return Group(Text("The first rows replaced by a later row with the same key:"), table)


def without_file(document: Document) -> Document:
    """Return a stored reject or duplicate without its file."""
    return {name: value for name, value in document.items() if name != "file"}


def print_load(
    about: About,
    row_counts: RowCounts,
    seconds: float,
    rejects: RejectFile,
    *,
    as_json: bool,
    fault: IngestError | None = None,
) -> None:
    """Print the row counts of a load, its duration, where the rejects are, and the first duplicates.

    If the load failed, also print the first rejects.
    """
    where = str(rejects.path) if row_counts.rows_rejected else None
    if as_json:
        more = {
            "duplicates": [duplicate.document() for duplicate in rejects.duplicates],
            "duplicates_at": str(rejects.duplicates_path) if rejects.duplicates else None,
            "warning": row_counts.warning(),
            "reasons": dict(rejects.reasons),
            "error": _error(fault),
        }
        counts = {**row_counts.document(), "seconds": round(seconds, 3)}
        print(json.dumps({**about.document, **counts, "rejects_at": where, **more}, ensure_ascii=False))
        return
    console = console_on(sys.stdout)
    console.print(about.title + row_counts_sentence(row_counts), soft_wrap=True)
    console.print(
        f"{row_counts.bytes_read:,} bytes in {seconds:.1f} s, {row_counts.rows_read / max(seconds, 1e-9):,.0f} rows/s."
    )
    if fault:
        console.print(_reject_table(rejects))
    if where:
        sentence = f"Rejected rows: {where} has line and reason; fix and reload {rejects.csv_path}."
        console.print(sentence, soft_wrap=True, markup=False)
    print_duplicates(rejects.duplicates, row_counts, console)


@contextmanager
def progress(what: str | None, size_bytes: int) -> Iterator[Callable[[RowCounts], None]]:
    """Show a progress bar while a file is read, if stderr is a terminal; yield the function that advances it.

    `size_bytes` is 0 if unknown.
    """
    if what is None or not sys.stderr.isatty():
        yield lambda row_counts: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TextColumn("{task.fields[rate]:,.0f} rows/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=size_bytes or None, rows=0, rate=0.0)

        def advance(row_counts: RowCounts) -> None:
            rate = row_counts.rows_read / max(bar.tasks[task].elapsed or 0.0, 1e-9)
            done = min(row_counts.bytes_read, size_bytes or row_counts.bytes_read)
            bar.update(task, completed=done, rows=row_counts.rows_read, rate=rate)

        yield advance


def _console(stream: TextIO, width: int | None = None) -> "Console":
    from rich.console import Console

    class Piped(Console):
        """A console that lets the command handle a reader that has ended."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return Piped(file=stream, highlight=False, markup=False, emoji=False, width=width)


def console_on(stream: TextIO) -> "Console":
    """Return a console that prints text as it is: a column may be called "[bold]"."""
    return _console(stream)


def line_console(stream: TextIO) -> "Console":
    """Return a console that wraps at the terminal's width; in a pipe, each row of a table is one line."""
    is_free = not stream.isatty() and "COLUMNS" not in os.environ
    return _console(stream, MOST_COLUMNS if is_free else None)


def row_counts_sentence(row_counts: RowCounts, written: str = "written") -> str:
    """Return the row counts as one sentence."""
    result = "row counts reconcile" if row_counts.is_balanced else "ROW COUNTS DO NOT RECONCILE"
    return (
        f"{row_counts.rows_read:,} rows read = {row_counts.rows_written:,} {written} + "
        f"{row_counts.rows_rejected:,} rejected + {row_counts.rows_superseded:,} superseded"
        f"{_skipped(row_counts)}; {result}."
    )


def _skipped(row_counts: RowCounts) -> str:
    """Return how many rows were skipped, and why; an empty text if none was."""
    whys = ", ".join(f"{count:,} {why}" for why, count in row_counts.skipped.items())
    return f" + {row_counts.rows_skipped:,} skipped ({whys})" if whys else ""


def _error(fault: IngestError | None) -> dict[str, str] | None:
    return {"code": fault.code, "message": str(fault)} if fault else None


def _documents(rejects: list[Reject]) -> list[dict[str, Any]]:
    return [
        {
            "line": reject.line,
            "byte_offset": reject.byte_offset,
            "column": reject.column,
            "value": reject.value and reject.value[:RAW_SHOWN],
            "reason": reject.reason,
            "message": reject.message,
            "raw": reject.raw[:RAW_SHOWN].decode("utf-8", "backslashreplace"),
        }
        for reject in rejects
    ]


def _reject_table(tally: RejectTally) -> "Table":
    from rich.table import Table

    reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common())
    table = Table(
        "line", "column", "reason", "value", "what is wrong", title=f"rejected: {reasons}", title_justify="left"
    )
    for reject in tally.first:
        cells = (str(reject.line), reject.column or "", reject.reason, printable(reject.value), reject.message)
        table.add_row(*cells)
    return table


def printable(value: Any) -> str:
    """Return a cell without control characters, and shortened.

    >>> printable("a\\x1b[2J\\n"), printable(None)
    ('a\\\\x1b[2J\\\\n', '')
    """
    text = "" if value is None else str(value)
    cut = text if len(text) <= VALUE_SHOWN else text[:VALUE_SHOWN] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


SHORTEST, PLEASANT = 12, 20  # characters of a key: the minimum, and the width for which columns are dropped
GAP = 2
Cell: TypeAlias = "str | Text"
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table. If space is short, those with the highest `may_go` are dropped first; 0 is never dropped."""

    name: str
    kind: Literal["figure", "word", "words", "key"] = "figure"
    may_go: int = 0

    def least(self, rows: Sequence[Row], key: int = SHORTEST) -> int:
        """Return the minimum width in characters: figures and words are never broken, keys only beyond length `key`."""
        longest = max(len(part) for row in rows for part in self._parts(str(row[self.name])))
        return max(len(self.name), min(longest, key) if self.kind == "key" else longest)

    def most(self, rows: Sequence[Row]) -> int:
        """Return the width in characters with nothing broken."""
        return max(len(self.name), *(len(str(row[self.name])) for row in rows))

    def _parts(self, text: str) -> list[str]:
        return (text.split() or [""]) if self.kind == "words" else [text]


class FittingTable:
    """A table without empty columns, and without those that do not fit the terminal."""

    def __init__(self, columns: Sequence[TableColumn], rows: Sequence[Row], title: str | None = None) -> None:
        self._columns = [column for column in columns if any(row[column.name] for row in rows)]
        self._rows, self._title = rows, title

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> Iterator["RenderableType"]:
        """Yield the table, and the names of columns that were dropped."""
        from rich.text import Text

        shown, dropped = self.fitting(options.max_width)
        table = plain_table(self._title)
        for column, width in zip(shown, self._widths(shown, options.max_width), strict=True):
            justify: Literal["left", "right"] = "right" if column.kind == "figure" else "left"
            table.add_column(column.name, justify=justify, overflow="fold", width=width)
        for row in self._rows:
            table.add_row(*(row[column.name] for column in shown))
        yield table
        if dropped:
            yield Text(f"Columns not shown: {', '.join(dropped)}.", style="dim")

    def fitting(self, width: int) -> tuple[list[TableColumn], list[str]]:
        """Return the columns that fit, and the names of the others."""
        shown = list(self._columns)
        dropped: list[str] = []
        while sum(column.least(self._rows, PLEASANT) + GAP for column in shown) - GAP > width:
            least_needed = max(shown, key=lambda column: column.may_go)
            if not least_needed.may_go:
                break
            shown.remove(least_needed)
            dropped.insert(0, least_needed.name)
        return shown, dropped

    def _widths(self, columns: Sequence[TableColumn], width: int) -> list[int]:
        """Return the width of each column: sentences shrink first, then keys, and nothing else."""
        widths = [column.most(self._rows) for column in columns]
        for kind in ("words", "key"):
            for n, column in enumerate(columns):
                over = sum(widths) + GAP * (len(widths) - 1) - width
                if column.kind == kind and over > 0:
                    widths[n] = max(column.least(self._rows), widths[n] - over)
        return widths


def plain_table(title: str | None = None) -> "Table":
    """Return an empty table whose only line is under the column names."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=title, title_justify="left")
    table.pad_edge = table.show_edge = False
    return table
