"""`ingest plan`: estimates what loading a file will take, before it is loaded."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.aws.local_files import Source
from ingest.cli.estimate_view import count_of, estimate_document, estimate_lines
from ingest.cli.options import DEFAULT_FEEDS, AsJson, CompareAws, ComparedTable, FeedName, FeedsPath, feed_of
from ingest.cli.output import console_on, progress
from ingest.cli.source import asked_check, find_sources, open_tables, some_of
from ingest.dynamodb.item_writer import not_noted
from ingest.dynamodb.unchanged import Comparison, ComparisonRules
from ingest.errors import AccessDenied, FileMissing, SettingsFault
from ingest.estimate.advice import Bill, TableSample, may_skip, share
from ingest.estimate.cost import TableFacts, dollars_text
from ingest.estimate.duration import Fleet, capacities
from ingest.estimate.estimate import LoadEstimate
from ingest.estimate.sample import ItemSample, Reading, SampleReader
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.items.items import Items
from ingest.ledger.row_counts import RowCounts
from ingest.reading.segments import LEAST_BYTES

if TYPE_CHECKING:
    from ingest.dynamodb.writers import WriterFactory

SAMPLE_MB = 32.0
SAMPLED_ROWS = 1000
MAX_FILES = 64  # with a budget, at most this many files are read


def plan(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A path or s3:// URL; for several files a pattern with *, or a folder with a trailing /.",
        ),
    ],
    feed: FeedName = None,
    sample: Annotated[
        float | None, typer.Option("--sample", min=0.1, metavar="MB", help="Size of the sample (default: 32).")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Read everything, so that the figures of the file are exact.")
    ] = False,
    capacity: Annotated[
        int | None,
        typer.Option("--capacity", min=1, metavar="WCU", help="Write units per second of the table and of each index."),
    ] = None,
    table_is_new: Annotated[
        bool,
        typer.Option("--table-is-new", help="The table is on demand and has had no writes; it starts at 4,000 WCU."),
    ] = False,
    functions: Annotated[
        int,
        typer.Option(
            "--functions", min=1, metavar="N", help="Number of concurrent functions (the stack's max_concurrency)."
        ),
    ] = Fleet().functions,
    table: ComparedTable = None,
    aws: CompareAws = False,
    against_table: Annotated[
        bool,
        typer.Option(
            "--against-table", help="Sample the feed's table (or --table); show what would change, and both costs."
        ),
    ] = False,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJson = False,
) -> None:
    """Estimate rows, rejects, write units, cost and duration of a load.

    Reads a sample (with --full, everything) with the code that loads, warns of problems, and writes nothing. --aws and
    --table first compare the key schema, and include the table's replicas in the cost. --against-table reads the items
    of up to 1,000 of the rows. Names cheaper ways: DynamoDB's Import from S3, skip_unchanged.

    Examples:
        ingest plan orders.csv --feed orders
        ingest plan 's3://bucket/orders/2026/*.csv.gz' --capacity 4000
        ingest plan exports/ --full --json
        ingest plan orders.csv --aws
        ingest plan orders.csv --against-table

    Exit codes: 2 an invalid option or setting, or the table's keys differ from the feed's.
    """
    if full and sample is not None:
        raise SettingsFault("--full and --sample cannot be combined: --full reads everything.")
    declared = read_feeds(feeds)
    name, chosen = feed_of(declared, feed, [source])
    budget = None if full else round((sample or SAMPLE_MB) * 1024 * 1024)
    looks_at = (table or chosen.table) if table or aws or against_table else None
    sources, check_table = _loaded(find_sources(source), chosen), asked_check(chosen, looks_at, aws=False)
    chance = Random(0).random  # selects rows to compare, not for security  # nosec B311
    kept = ItemSample(SAMPLED_ROWS if against_table else 0, chance)
    reader = SampleReader(chosen, now_s=time.time(), check_table=check_table, on_items=kept.add)
    read, unread = _read(reader, sources, budget)
    tables = open_tables(looks_at) if looks_at else None
    sampled = _compared(tables, chosen, str(looks_at), kept) if tables and against_table else None
    found = LoadEstimate(
        name,
        chosen,
        reader,
        tuple(read),
        unread,
        capacities(capacity, is_new=table_is_new),
        Fleet(functions=functions),
        declared.tables.get(chosen.table),
        time.time(),
        _facts(tables, chosen, str(looks_at)) if tables else None,
        sampled.growth if sampled else {},
    )
    if as_json:
        against = _against_document(found, sampled) if sampled and sampled.rows else None
        print(json.dumps(estimate_document(found, source, against), ensure_ascii=False))
        return
    console = console_on(sys.stdout)
    lines = _against_lines(found, sampled) if sampled and sampled.rows else ()
    for line in estimate_lines(found, source, lines):
        console.print(line, soft_wrap=True)


def _loaded(sources: list[Source], feed: Feed) -> list[Source]:
    """Return those of several files that the feed would load; a single file is not checked.

    Raises:
        FileMissing: the feed would load none of them.
    """
    some = [source for source in sources if not feed.ignores(f"{feed.folder}{_path(source.name, feed)}")]
    if len(sources) > 1 and not some:
        raise FileMissing("`exclude` or `include` of the feed leaves all of these files out; check both.")
    return some if len(sources) > 1 else sources


def _path(name: str, feed: Feed) -> str:
    """Return the path to match the feed's globs against: the key relative to the feed's folder, else the file name."""
    key = name.removeprefix("s3://").partition("/")[2] if name.startswith("s3://") else ""
    return key[len(feed.folder) :] if key.startswith(feed.prefix) else name.rpartition("/")[2]


def _read(reader: SampleReader, sources: list[Source], budget: int | None) -> tuple[list[Reading], tuple[Source, ...]]:
    """Read all files, or with a budget parts of some of them, with a progress bar on stderr."""
    chosen = some_of(sources, len(sources) if budget is None else MAX_FILES)
    each = None if budget is None else max(LEAST_BYTES, budget // len(chosen.read))
    total = sum(source.size_bytes if each is None else min(each, source.size_bytes) for source in chosen.read)
    readings: list[Reading] = []
    with progress("reading", total) as advance:
        for source in chosen.read:
            readings.append(reader.read(source, each, partial(_forward, advance, readings)))
    return readings, chosen.unread


def _facts(tables: "WriterFactory", feed: Feed, table: str) -> TableFacts:
    """Return a table's features that add to its cost; none without permission to describe it."""
    with suppress(AccessDenied):
        return TableFacts.of(tables.describe(feed, table=table), feed)
    return TableFacts()


def _compared(tables: "WriterFactory", feed: Feed, table: str, kept: ItemSample) -> TableSample:
    """Read the stored items of the rows that were kept, and compare the rows with them."""
    from ingest.dynamodb.unchanged import StoredReads  # imports AWS's library, which local files do not need

    found, loop, rules = TableSample(feed), tables.reads_for(feed, table=table), ComparisonRules.of(feed)

    def note(items: Items, compared: Comparison, rows: Sequence[int], answers: Sequence[bytes]) -> None:
        same = compared.unchanged(rows, answers)
        places = {row: place for place, row in enumerate(rows)}
        found.add(
            items.take(list(rows)),
            compared.stored(rows, answers),
            {places[row] for row in (*same.others, *same.own)},
        )

    for items in kept.blocks():
        reads = StoredReads(items, table, None, partial(note, items, Comparison(items, table, rules)))
        loop.run(reads, lambda: None, not_noted)
        reads.finish()
    loop.close()
    return found


def _forward(advance: Callable[[RowCounts], None], readings: Sequence[Reading], row_counts: RowCounts) -> None:
    """Advance the bar to the rows and bytes of all files read so far, this one included."""
    rows = sum(part.rows for reading in readings for part in reading.observed)
    read_bytes = sum(reading.read_bytes for reading in readings)
    advance(RowCounts(rows_read=rows, bytes_read=read_bytes).plus(row_counts))


def _against_document(found: LoadEstimate, sampled: TableSample) -> dict[str, Any]:
    """Return the result of the comparison with the table, and both bills for all rows."""
    shares = {name: getattr(sampled, name) for name in ("unchanged", "changed", "new")}
    return {
        "rows_compared": sampled.rows,
        "read_units_of_sample": sampled.read_units,
        **{name: _share(count, sampled.rows) for name, count in shares.items()},
        "write_all": _bill(_bill_of(found, sampled, skips=False)),
        "skip_unchanged": _bill(_bill_of(found, sampled, skips=True)),
        "may_skip": may_skip(found.feed),
    }


def _bill_of(found: LoadEstimate, sampled: TableSample, *, skips: bool) -> Bill:
    """Return the bill of all rows, extrapolated from those that were compared."""
    return sampled.bill(skips=skips).times(count_of(found, "written").value / sampled.rows)


def _share(count: int, rows: int) -> dict[str, float]:
    return {name: round(end, 4) for name, end in zip(("share", "low", "high"), share(count, rows), strict=True)}


def _bill(bill: Bill) -> dict[str, Any]:
    units = {"read_units": round(bill.read_units), "write_units": round(bill.write_units)}
    return {**units, "dollars": round(bill.dollars, 9)}


def _against_lines(found: LoadEstimate, sampled: TableSample) -> Iterator[str]:
    shares = [f"{_percent(getattr(sampled, name), sampled.rows)} {name}" for name in ("unchanged", "changed", "new")]
    yield f"  {sampled.rows:,} rows compared with the table: {', '.join(shares)}"
    every, differing = _bill_of(found, sampled, skips=False), _bill_of(found, sampled, skips=True)
    yield f"    writing all rows:  {_units_text(every)}: {dollars_text(every.dollars)}"
    what_to_do = _skip_text(found.feed, every, differing)
    yield f"    skip_unchanged:    {_units_text(differing)}: {dollars_text(differing.dollars)}. {what_to_do}"


def _skip_text(feed: Feed, every: Bill, differing: Bill) -> str:
    if feed.skip_unchanged:
        return "The feed does so."
    if not may_skip(feed):
        return "The feed cannot: docs/feeds.md says with what it cannot be combined."
    return "Set it in the feed." if differing.dollars < every.dollars else "It does not pay."


def _percent(count: int, rows: int) -> str:
    found, low, high = share(count, rows)
    return f"{found * 100:.1f} % ({low * 100:.1f} to {high * 100:.1f})"


def _units_text(bill: Bill) -> str:
    read = f"{bill.read_units:,.0f} read and " if bill.read_units else ""
    return f"{read}{bill.write_units:,.0f} write units"
