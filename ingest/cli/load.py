"""`ingest check` and `ingest load`: a whole file through the function's own code, without queue or stack."""

import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ingest.aws.local_files import Source
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedName, FeedsPath
from ingest.cli.output import print_check, print_load, progress
from ingest.cli.source import open_source, open_table
from ingest.dynamodb.item_writer import ItemWriter, NullWriter
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.ledger.row_counts import RowCounts
from ingest.rejects.local_file import RejectFile, RejectTally
from ingest.worker.load import EnoughRowsError, Load
from ingest.worker.ports import RejectSink


def check(
    file: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    feed: FeedName,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Read a whole file without writing: row counts, reasons, first rejects. Exits with 1 if any row is rejected."""
    tally = RejectTally(keep=20)
    load = run_load(open_source(file), read_feeds(feeds).named(feed), NullWriter(), tally, show="checking")
    print_check(file, load.row_counts, tally, as_json=as_json, stream=sys.stdout)
    raise typer.Exit(1 if load.row_counts.rows_rejected else 0)


def load(
    source: Annotated[str, typer.Argument(help="A local path or an s3:// URL.")],
    feed: FeedName,
    table: Annotated[str | None, typer.Option("--table", help="The table. [default: the feed's]")] = None,
    rejects: Annotated[
        Path | None, typer.Option("--rejects", help="File for the rejects. [default: FILE.rejects.jsonl]")
    ] = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Load a file into its feed's table, without queue or stack, and print the row counts."""
    chosen = read_feeds(feeds).named(feed)
    opened = open_source(source)
    path = rejects or Path(f"{Path(source).name}.rejects.jsonl")
    begun_s = time.monotonic()
    sink = RejectFile(path, source=source)
    writer = open_table(table or chosen.table, chosen)
    done = run_load(opened, chosen, writer, sink, show=None if as_json else "loading")
    print_load(done.row_counts, time.monotonic() - begun_s, sink, as_json=as_json)


def run_load(
    source: Source,
    feed: Feed,
    writer: ItemWriter,
    rejects: RejectSink,
    *,
    show: str | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Load:
    """Return the load of a source after it ran to the end, or until `stop`."""
    with progress(show, source.size_bytes) as advance:

        def after_block(row_counts: RowCounts) -> None:
            advance(row_counts)
            if stop():
                raise EnoughRowsError

        load = Load(
            feed=feed, writer=writer, rejects=rejects, file=source.name, now_s=time.time(), after_block=after_block
        )
        with contextlib.suppress(EnoughRowsError):
            load.run(source.read)
    return load
