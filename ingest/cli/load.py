"""`ingest check` and `ingest load`: process whole files with the function's own code, without queue or stack."""

import contextlib
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from ingest.aws.local_files import Source
from ingest.cli.main import exit_code, fail
from ingest.cli.options import (
    DEFAULT_FEEDS,
    STDIN,
    AsJsonLines,
    CompareAws,
    ComparedTable,
    FeedName,
    FeedsPath,
    Files,
    feed_of,
)
from ingest.cli.output import About, console_on, print_check, print_duplicates, print_load, progress
from ingest.cli.source import CheckTable, OperationTally, asked_check, open_budgets, open_source, open_table
from ingest.dynamodb.item_writer import ItemWriter
from ingest.errors import (
    AllRowsRejected,
    FileFault,
    IngestError,
    SettingsFault,
    TableKeysDiffer,
    TableMissing,
    TooManyDuplicates,
)
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from ingest.ledger.claims import order_text
from ingest.ledger.row_counts import RowCounts
from ingest.rejects.local_file import RejectFile, RejectTally, check_places
from ingest.rejects.reject import DuplicateRow
from ingest.worker.load import EnoughRowsError, Load
from ingest.worker.ports import RejectSink

SHOWN = 20
NOT_SHARED = "Its write budget holds for this load alone; with --stack it is shared with what the stack writes."


def check(
    files: Files,
    feed: FeedName = None,
    limit: Annotated[int, typer.Option("--limit", min=0, metavar="N", help="Show at most N rejects.")] = SHOWN,
    table: ComparedTable = None,
    aws: CompareAws = False,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJsonLines = False,
) -> None:
    """Read whole files without writing; show row counts, operations, rejects and duplicates.

    If all rows of a file are rejected, reading stops where the function stops. --aws and --table first compare the key
    schema of the table.

    Examples:
        ingest check orders.csv --feed orders
        ingest check orders.csv --aws
        ingest check orders-*.csv --json | jq .rows_rejected
        zcat orders.csv.gz | ingest check -

    Exit codes: 0 no row was rejected; 1 some rows were rejected, or more than one row in 1,000 has the key of a later
    row (unless the feed has newest or operation, which allow this); 2 an invalid option or setting, or the table's keys
    differ from the feed's; 5 all rows were rejected, and the file would fail.
    """
    name, chosen = feed_of(read_feeds(feeds), feed, files)
    check_table = asked_check(chosen, table, aws=aws)

    def check_one(file: str) -> int:
        tally, writer = RejectTally(keep=limit), OperationTally(chosen)
        opened = open_source(file)
        try:
            done = run_load(opened, chosen, writer, tally, check_table=check_table, show="checking")
        except TooManyDuplicates:
            show_duplicates(tally.duplicates, as_json=as_json)
            raise
        about = About(file, {"file": file, "feed": name, "table": table or chosen.table}, len(files) > 1)
        counts, operations = done.row_counts, writer.counts
        print_check(about, counts, operations, tally, as_json=as_json, stream=sys.stdout, fault=done.fault)
        if done.fault:
            return _all_rejected(about, done.fault, as_json=as_json)
        is_warned = counts.warning() and not chosen.repeats_keys
        return 1 if counts.rows_rejected or is_warned else 0

    raise typer.Exit(each_file(files, check_one, as_json=as_json))


def load(
    files: Files,
    feed: FeedName = None,
    table: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="Table to write to (default: the feed's).")
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option("--rejects", metavar="PATH", help="File for the rejects (default: FILE.rejects.jsonl)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the rejects of an earlier load.")] = False,
    stack: Annotated[
        str | None,
        typer.Option("--stack", metavar="NAME", help="Share the table's write budget with this stack."),
    ] = None,
    feeds: FeedsPath = DEFAULT_FEEDS,
    as_json: AsJsonLines = False,
) -> None:
    """Load files into their feed's table, without a queue or stack.

    Prints the table, its region and its account first, and the row counts at the end. Before the first row, the key
    schema of the table is compared with the feed. Safe to repeat: a row that is loaded twice replaces itself. With
    newest = "file", the file counts as the newest. Rejects are written to the current directory as JSON Lines and
    CSV. An existing file with either name is not replaced without --force. A load that fails or is interrupted leaves
    its rejects in files with these names and the suffix .partial; the next load of the file replaces them. A write
    budget of the table (`tables` in feeds.toml) is respected; with --stack it is shared with the stack.

    Examples:
        ingest load orders.csv --feed orders
        ingest load orders.csv --stack ingest
        ingest load s3://bucket/orders/2026-11-22.csv.gz --table Orders-test
        AWS_PROFILE=staging ingest load orders-*.csv

    Exit codes: 0 all rows were read, even if some were rejected; 2 an invalid option or setting, or the table's
    keys differ from the feed's; 5 all rows were rejected, and nothing was written.
    """
    declared = read_feeds(feeds)
    name, chosen = feed_of(declared, feed, files)
    paths = _reject_paths(files, rejects, force=force)
    target = table or chosen.table
    budgets = open_budgets(declared.tables, stack)

    @cache
    def begin() -> tuple[dict[str, str | None], ItemWriter, CheckTable]:
        """Open the table and print where the rows go, once there is a file."""
        (writer, check_table), place = open_table(target, chosen, budgets), table_place(chosen)
        if not as_json:
            console_on(sys.stdout).print(f"Table {target}{_in(place)}.", soft_wrap=True)
            if target in declared.tables and not stack:
                console_on(sys.stdout).print(NOT_SHARED, soft_wrap=True)
        return place, writer, check_table

    def load_one(file: str) -> int:
        begun_s = time.monotonic()
        opened, sink = open_source(file), RejectFile(paths[file], source=file, keep=SHOWN)
        place, writer, check_table = begin()
        show = None if as_json else "loading"
        try:
            with _saying_where(sink, as_json=as_json):
                done = run_load(opened, chosen, writer, sink, check_table=check_table, show=show, is_written=True)
        except TableMissing as fault:
            sentence = (
                f"The table {target} does not exist{_in(place)}; name another with --table, or set region and profile."
            )
            raise TableMissing(sentence) from fault
        except TooManyDuplicates:
            show_duplicates(sink.duplicates, as_json=as_json)
            raise
        about = About(file, {"file": file, "feed": name, "table": target, **place}, len(files) > 1)
        print_load(about, done.row_counts, time.monotonic() - begun_s, sink, as_json=as_json, fault=done.fault)
        return _all_rejected(about, done.fault, as_json=as_json) if done.fault else 0

    try:
        code = each_file(files, load_one, as_json=as_json)
    finally:
        budgets.end()
    raise typer.Exit(code)


def each_file(files: list[str], run: Callable[[str], int], *, as_json: bool) -> int:
    """Run a command for one file after the other; return the highest exit code.

    If one of several files cannot be loaded, that is reported, and the others are still processed.
    """
    highest = 0
    for file in files:
        try:
            code = run(file)
        except FileFault as fault:
            if len(files) == 1 or isinstance(fault, TableKeysDiffer):  # the other files have the same table
                raise
            code = fail(fault.code, str(fault), exit_code(fault), as_json=as_json, file=file)
        highest = max(highest, code)
    return highest


ALL_REJECTED = 5  # an exit code


def _all_rejected(about: About, fault: AllRowsRejected, *, as_json: bool) -> int:
    """Print why a file with only rejects failed, unless the JSON document on stdout has the reason; return 5."""
    return ALL_REJECTED if as_json else fail(fault.code, f"{about.title}{fault}", ALL_REJECTED, as_json=False)


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of a load: its row counts, and the fault if all rows were rejected."""

    row_counts: RowCounts
    fault: AllRowsRejected | None = None


def run_load(
    source: Source,
    feed: Feed,
    writer: ItemWriter,
    rejects: RejectSink,
    *,
    check_table: CheckTable = lambda mapping: None,
    show: str | None = None,
    stop: Callable[[], bool] = lambda: False,
    is_written: bool = False,
) -> LoadResult:
    """Load a source to its end, until `stop` returns True, or until it is clear that all rows are rejects.

    `is_written`: items name the version of the file they are from; with `newest = "file"`, it is the newest.

    Raises:
        FileFault: the file cannot be loaded for another reason.
    """
    now_s = time.time()
    with progress(show, source.size_bytes) as advance:

        def after_block(row_counts: RowCounts) -> None:
            advance(row_counts)
            if stop():
                raise EnoughRowsError

        load = Load(
            feed=feed,
            writer=writer,
            rejects=rejects,
            file=source.name,
            file_id=source.file_id if is_written else "",
            order=order_text(round(now_s * 1000)) if is_written else "",
            now_s=now_s,
            check_table=check_table,
            after_block=after_block,
        )
        try:
            load.run(source.read)
        except AllRowsRejected as fault:
            return LoadResult(load.row_counts, fault)
        except EnoughRowsError:
            pass
    return LoadResult(load.row_counts)


def show_duplicates(duplicates: list[DuplicateRow], *, as_json: bool) -> None:
    """Print the first duplicates of a file with more than its feed allows, before the error message."""
    if not as_json:
        print_duplicates(duplicates, None, console_on(sys.stdout))


def table_place(feed: Feed) -> dict[str, str | None]:
    """Return the region and account of a feed's table, as far as known before the first write."""
    from ingest.cli.aws import account_id, preparing, session

    place = {"region": feed.region, "account": None}
    in_role = re.fullmatch(r"arn:[^:]+:iam::(\d+):.*", feed.role or "")
    with contextlib.suppress(IngestError), preparing("looking up the account"):  # opening the table reports errors
        place["region"] = feed.region or session().region_name
        place["account"] = in_role[1] if in_role else account_id()
    return place


@contextlib.contextmanager
def _saying_where(sink: RejectFile, *, as_json: bool) -> Iterator[None]:
    """Move the rejects of a load to their final place when it ends; if it fails, print where they are."""
    try:
        yield
    except BaseException:
        if sink.partial and not as_json:
            console_on(sys.stderr).print(f"The rejects found so far are in {sink.partial}.", soft_wrap=True)
        raise
    sink.put_in_place()


def _in(place: dict[str, str | None]) -> str:
    region = f" in {place['region']}" if place["region"] else ""
    return region + (f", account {place['account']}" if place["account"] else "")


def _reject_paths(files: list[str], asked: Path | None, *, force: bool) -> dict[str, Path]:
    """Return where the rejects of each file go.

    Raises:
        SettingsFault: two files would share a path, or an existing file must not be replaced.
    """
    paths = {file: asked or Path(f"{'stdin' if file == STDIN else Path(file).name}.rejects.jsonl") for file in files}
    ((path, count),) = Counter(paths.values()).most_common(1)
    if count > 1:
        way = "leave --rejects out" if asked else "load them one by one, each with --rejects"
        raise SettingsFault(f"The rejects of several files would go to {path}; {way}.")
    for path in paths.values():
        check_places(path, files, force=force)
    return paths
