"""The files that `ingest top` shows: those that are open, those that ended last, those that failed."""

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ingest.commands.status_find import FileView
from ingest.commands.status_view import share_text, status_text
from ingest.commands.top_figures import amount, bar, extent, short
from ingest.commands.top_find import Vitals, eta_s
from ingest.contract import Status
from ingest.core.records import Record

KEY = 31  # characters of a file's key at most


def open_files(vitals: Vitals, most: int) -> Iterator[RenderableType]:
    """Yield the open files, so many at most, with how far they are."""
    shown = vitals.open.files[:most]
    more = len(vitals.open.files) - len(shown)
    count = f"{len(vitals.open.files)}{'+' if vitals.open.is_cut else ''}"
    yield Text(f"open files ({count})", style="bold")
    if shown:
        yield _table([_open_cells(view) for view in shown])
    if more:
        yield Text(f"  and {more} more")


def _open_cells(view: FileView) -> list[str | Text]:
    progress, size = view.progress, view.record.work.file.size_bytes
    rate = f"{amount(progress.rows_per_s)}/s" if progress.rows_per_s else ""
    left = eta_s(view)
    is_idle = progress.share is None or view.record.status == Status.WAITING
    return [
        view.record.work.file.key,
        _told(view.record) if is_idle else Text(bar(progress.share), style="cyan"),
        share_text(progress.share),
        extent(progress.books.bytes_read, size or 0),
        f"{amount(progress.books.rows_read)} rows",
        rate,
        "" if left is None else short(left),
    ]


def listed(title: str, views: Iterable[FileView], now_s: float) -> Iterator[RenderableType]:
    """Yield files that ended, under a title; nothing if there are none."""
    views = list(views)
    if views:
        yield Text(title, style="bold")
        yield _table([_ended_cells(view, now_s) for view in views])


def _ended_cells(view: FileView, now_s: float) -> list[str | Text]:
    record = view.record
    ago = "" if record.ended_s is None else f"{short(max(0.0, now_s - record.ended_s))} ago"
    rejected = f"{amount(record.books.rows_rejected)} rejects" if record.books.rows_rejected else ""
    return [record.work.file.key, _told(record), f"{amount(record.books.rows_read)} rows", rejected, ago]


def _told(record: Record) -> Text:
    """Return what stands against a file, or its status if nothing does."""
    return Text(record.error_code, style="red") if record.error_code else status_text(record)


def _tail(key: str) -> str:
    """Return a key, or its end, which tells most.

    >>> _tail("orders/2026/11/22/europe/export-0001.csv")
    '…6/11/22/europe/export-0001.csv'
    """
    return key if len(key) <= KEY else f"…{key[1 - KEY :]}"


def _table(rows: list[list[str | Text]]) -> Table:
    """Return a table as wide as there is room, whose first column gives way."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), expand=True)
    for n in range(len(rows[0])):
        is_text = n < 2
        table.add_column(
            no_wrap=True, justify="left" if is_text else "right", ratio=None if n else 1, overflow="ellipsis"
        )
    for row in rows:
        table.add_row(Text(f"  {_tail(str(row[0]))}"), *row[1:])
    return table
