"""`ingest preview`: prints the rows of files as they would be written."""

import csv
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Annotated, Any, TextIO

import typer

from ingest.cli.load import each_file, run_load
from ingest.cli.options import DEFAULT_FEEDS, FeedsPath, Files, read_dialect
from ingest.cli.output import About, print_check
from ingest.cli.source import OperationTally, open_source
from ingest.contract import WriteOperation
from ingest.dynamodb.batches import slices
from ingest.dynamodb.encode import item_json, quoted, text_rows
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.items.items import Items
from ingest.rejects.local_file import RejectTally

SHOWN = 5  # rejects


def preview(
    files: Files,
    feed: Annotated[
        str | None,
        typer.Option("--feed", metavar="NAME", help="The file's feed; without it, every column is a string."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print all rows instead of the first few.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=1, metavar="N", help="Number of rows without --all.")] = 10,
    form: Annotated[
        str, typer.Option("--format", metavar="csv|jsonl", help="CSV, or DynamoDB JSON with one item per line.")
    ] = "csv",
    delimiter: Annotated[
        str | None, typer.Option(metavar="C", help=r"One character; \t and \x01 are accepted.")
    ] = None,
    quote: Annotated[str | None, typer.Option(metavar="C", help="One character, or the word none.")] = None,
    escape: Annotated[str | None, typer.Option(metavar="C", help="One character, or the word none.")] = None,
    quoting: Annotated[
        str | None,
        typer.Option(metavar="strict|lenient", help="Reject rows with misplaced quotes, or read such quotes as text."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(metavar="NAME", help="Any text encoding that Python supports.")
    ] = None,
    header: Annotated[str | None, typer.Option(metavar="N", help="Number of header lines, or the word none.")] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="A,B,C", help="Column names that replace the header's.")
    ] = None,
    skip_lines: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Number of lines to skip before the header.")
    ] = None,
    footer_lines: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Number of lines to skip at the end.")
    ] = None,
    null_values: Annotated[
        list[str] | None, typer.Option("--null", metavar="TEXT", help="Text that means no value; can be repeated.")
    ] = None,
    ragged: Annotated[
        str | None, typer.Option(metavar="pad|trim|reject", help="How to treat rows with too few or too many cells.")
    ] = None,
    comment: Annotated[str | None, typer.Option(metavar="TEXT", help="Skip lines that begin with this text.")] = None,
    trim: Annotated[bool, typer.Option("--trim", help="Strip white space around cells.")] = False,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Use --format jsonl, and print the result as one JSON object on stderr.")
    ] = False,
) -> None:
    """Print the first rows of files as they would be written.

    Rows that would be rejected are reported on stderr. The dialect is that of the feed, or without --feed that of the
    flags. If a feed does more than put items, each item shows its operation: put, insert, update or delete.

    Examples:
        ingest preview orders.csv --feed orders
        ingest preview export.txt --delimiter '\\t' --header none --columns id,name
        head -100 orders.csv | ingest preview - --format jsonl
    """
    flags: dict[str, object] = {
        "delimiter": delimiter,
        "quote": quote,
        "escape": escape,
        "quoting": quoting,
        "encoding": encoding,
        "header": header,
    }
    flags |= {"columns": columns, "skip_lines": skip_lines, "footer_lines": footer_lines, "ragged": ragged}
    flags |= {"null_values": null_values, "comment": comment, "trim": trim or None}
    given = [name for name, value in flags.items() if value is not None]
    if feed and given:
        raise SettingsFault(f"--feed and --{given[0].replace('_', '-')} cannot be combined: the dialect is the feed's.")
    if form not in ("csv", "jsonl"):
        raise SettingsFault(f"--format {form!r} is not valid; accepted are csv and jsonl.")
    chosen = read_feeds(feeds).named(feed) if feed else Feed("", "", "", csv=read_dialect(flags))  # without keys

    def preview_one(file: str) -> int:
        writer = PreviewWriter(sys.stdout, chosen, form="jsonl" if as_json else form, limit=None if every else rows)
        tally = RejectTally(keep=SHOWN)
        done = run_load(open_source(file), chosen, writer, tally, stop=lambda: writer.is_full)
        writer.finish()
        about = About(file, {"file": file, "feed": feed, "table": chosen.table or None}, len(files) > 1)
        counts, operations = done.row_counts, writer.tally.counts
        print_check(about, counts, operations, tally, as_json=as_json, stream=sys.stderr, fault=done.fault)
        if done.fault and not as_json:
            print(f"ingest: {about.title}{done.fault}", file=sys.stderr)
        return 0

    raise typer.Exit(each_file(files, preview_one, as_json=as_json))


class PreviewWriter:
    """Prints items as they would be sent instead of sending them, up to a limit if there is one."""

    stats = NOTHING_WRITTEN

    def __init__(self, stream: TextIO, feed: Feed, *, form: str, limit: int | None) -> None:
        self.tally = OperationTally(feed)
        self._feed = feed
        self._stream = stream
        self._form = form
        self._left = limit
        self._begun = False

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached."""
        return self._left == 0

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Print the items, as far as the limit allows."""
        self.tally.write(items, heartbeat)
        if self._left is not None:
            items = items.slice(0, min(self._left, len(items)))
            self._left -= len(items)
        if self._form == "csv" and not self._begun:
            names = [attribute.name for attribute in items.attributes]
            self._csv_writer().writerow(["operation", *names] if shows_operations(self._feed) else names)
        for _, some in slices(items, 0, len(items)):
            self._print(some)
        self._begun = True
        return WriteResult()

    def _print(self, items: Items) -> None:
        if self._form == "jsonl":
            self._stream.writelines(f"{line}\n" for line in change_lines(items, self._feed))
        elif shows_operations(self._feed):
            rows = zip(items.operation_of_each(self._feed.write), text_rows(items), strict=True)
            self._csv_writer().writerows((operation, *row) for operation, row in rows)
        else:
            self._csv_writer().writerows(text_rows(items))

    def _csv_writer(self) -> Any:
        """Return a writer of lines that end with LF. Python quotes a lone CR only where lines end with CR, too."""
        return csv.writer(SimpleNamespace(write=lambda line: self._stream.write(line.removesuffix("\r\n") + "\n")))

    def finish(self) -> None:
        """Flush buffered output."""
        self._stream.flush()


def shows_operations(feed: Feed) -> bool:
    """Return whether a feed's items are shown with their operations; False if all of them are puts."""
    return feed.write != "put" or feed.operation is not None


def change_lines(items: Items, feed: Feed) -> Iterator[str]:
    """Yield a line of JSON for each item as it is sent; with its operation, unless the feed only puts items.

    A deleted item has only its key and version; the attributes that an update removes are in a separate list.
    """
    if not shows_operations(feed):
        yield from map(str, item_json(items).to_pylist())
        return
    kept = {feed.version_attribute, *(key.name for key in items.keys)}
    whole = item_json(items).to_pylist()
    deleted = item_json(items.only(kept)).to_pylist()
    removing = [attribute for attribute in items.attributes if attribute.remove_null]
    for row, operation in enumerate(items.operation_of_each(feed.write)):
        item = deleted[row] if operation == WriteOperation.DELETE else whole[row]
        is_update = operation == WriteOperation.UPDATE
        removed = [quoted(a.name) for a in removing if is_update and not a.values[row].is_valid]
        yield f'{{"{operation}":{item}' + (f',"remove":[{",".join(removed)}]' if removed else "") + "}"
