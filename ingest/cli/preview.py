"""`ingest preview`: a file's rows as they would be written."""

import sys
from typing import Annotated

import typer

from ingest.cli.load import run_load
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath, read_dialect
from ingest.cli.output import PreviewWriter, print_check
from ingest.cli.source import open_source
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.rejects.local_file import RejectTally


def preview(
    file: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    feed: Annotated[str | None, typer.Option("--feed", help="Without it, every column is a string.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All rows, not the first few.")] = False,
    rows: Annotated[int, typer.Option("--rows", min=1, help="How many rows, without --all.")] = 10,
    form: Annotated[str, typer.Option("--format", help="csv or jsonl (DynamoDB JSON).")] = "csv",
    delimiter: Annotated[str | None, typer.Option(help=r"One character; \t and \x01 are understood.")] = None,
    quote: Annotated[str | None, typer.Option(help="One character, or none.")] = None,
    escape: Annotated[str | None, typer.Option(help="One character, or none.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Any text encoding Python knows.")] = None,
    header: Annotated[str | None, typer.Option(help="How many header lines, or none.")] = None,
    columns: Annotated[str | None, typer.Option(help="Names in place of the header's: a,b,c.")] = None,
    skip_lines: Annotated[int | None, typer.Option(min=0, help="Lines before the header.")] = None,
    footer_lines: Annotated[int | None, typer.Option(min=0, help="Footer lines to skip at the end.")] = None,
    null_values: Annotated[
        list[str] | None, typer.Option("--null", help="Text of a cell without a value; repeat.")
    ] = None,
    ragged: Annotated[str | None, typer.Option(help="pad, trim or reject.")] = None,
    comment: Annotated[str | None, typer.Option(help="Skip lines that begin with this.")] = None,
    trim: Annotated[bool | None, typer.Option("--trim", help="Strip white space around cells.")] = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Print the accepted rows as they would be written; say on stderr what would be rejected.

    With --feed the dialect is the feed's; without it, that of the flags.
    """
    flags: dict[str, object] = {
        "delimiter": delimiter,
        "quote": quote,
        "escape": escape,
        "encoding": encoding,
        "header": header,
    }
    flags |= {"columns": columns, "skip_lines": skip_lines, "footer_lines": footer_lines, "ragged": ragged}
    flags |= {"null_values": null_values, "comment": comment, "trim": trim}
    given = [name for name, value in flags.items() if value is not None]
    if feed and given:
        raise SettingsFault(f"--feed and --{given[0].replace('_', '-')} cannot be combined: the dialect is the feed's.")
    if form not in ("csv", "jsonl"):
        raise SettingsFault(f"--format {form!r} is wrong: accepted are csv and jsonl.")
    chosen = read_feeds(feeds).named(feed) if feed else Feed("", "", "", csv=read_dialect(flags))  # without keys
    writer = PreviewWriter(sys.stdout, form="jsonl" if as_json else form, limit=None if every else rows)
    tally = RejectTally(keep=5)
    load = run_load(open_source(file), chosen, writer, tally, stop=lambda: writer.is_full)
    writer.finish()
    print_check(file, load.row_counts, tally, as_json=as_json, stream=sys.stderr)
