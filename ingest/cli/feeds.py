"""`ingest init`, `sniff` and `feeds`: create feeds.toml in a new project, propose a section for a file, check it."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.cli.main import app_of
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath
from ingest.cli.output import console_on
from ingest.cli.source import open_source
from ingest.dynamodb.item_writer import NullWriter
from ingest.errors import ServiceFault, SettingsFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.feeds.parse import json_schema, parse_feeds, read_feeds
from ingest.feeds.warnings import bucket_warnings, glob_warnings, key_warnings
from ingest.items.mapping import index_differences, listed_columns, map_columns, table_faults
from ingest.ledger.row_counts import RowCounts
from ingest.rejects.local_file import RejectTally
from ingest.worker.load import Load

if TYPE_CHECKING:
    from ingest.sniff.proposal import Proposal


CHECKOUT = Path(__file__).parents[2]
FEEDS = """\
# What the files under each key prefix mean, and the table their rows go to.
# `ingest sniff FILE >> feeds.toml` proposes a feed; `ingest feeds check` checks this file.

# [feeds.orders]                    # the feed's name
# prefix = "orders/"                # object keys that begin so belong to it
# table = "Orders"                  # the table: the stack makes it,
# existing = false                  # or true: it is there already
# partition_key = "customer_id"     # a column, or a template: "CUSTOMER#{customer_id}"
# sort_key = "order_id"             # leave it out if the table has none
#
# [feeds.orders.columns]            # columns that are not listed are strings
# quantity = "N"
# gift = "BOOL"
"""
SETTINGS = {"name": "ingest", "max_concurrency": 10}
MAKEFILE = """\
INGEST ?= {checkout}
synth deploy destroy:
\t$(MAKE) -C $(INGEST) $@ FEEDS=$(CURDIR)/feeds.toml SETTINGS=$(CURDIR)/settings.json
"""
NOT_A_CHECKOUT = "../csv-ingest"  # where the clone is expected if only the command line is installed


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the project; it is created.")],
    as_json: AsJson = False,
) -> None:
    """Create a project with feeds.toml, settings and a Makefile that deploys it.

    settings.json contains the settings that differ from the stage `default` in cdk.json, under the same names.

    Examples:
        ingest init shop && cd shop
        ingest sniff orders.csv >> feeds.toml
        ingest check orders.csv && make deploy
    """
    written = {
        directory / "feeds.toml": FEEDS,
        directory / "settings.json": json.dumps(SETTINGS, indent=2) + "\n",
        directory / "Makefile": MAKEFILE.format(checkout=_checkout()),
    }
    _refuse_existing(written)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for path, text in written.items():
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsFault(f"{directory} cannot be written to: {error.strerror}; name another directory.") from error
    if as_json:
        print(json.dumps({"directory": str(directory), "files_written": [str(path) for path in written]}))
    else:
        for line in (f"Wrote {', '.join(path.name for path in written)} to {directory}.", *_next_steps(directory)):
            console_on(sys.stdout).print(line, soft_wrap=True)


def _checkout() -> str:
    """Return the path of the checkout with make's targets: this one, or the expected place of one."""
    return str(CHECKOUT) if (CHECKOUT / "app.py").exists() else NOT_A_CHECKOUT


def _refuse_existing(paths: dict[Path, str]) -> None:
    found = next((path for path in paths if path.exists()), None)
    if found:
        raise SettingsFault(f"{found} exists already, and nothing was written; name another directory.")


def _next_steps(directory: Path) -> tuple[str, ...]:
    return (f"Next: cd {directory}; ingest sniff FILE >> feeds.toml; check its keys; ingest check FILE; make deploy.",)


def sniff(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A path, an s3:// URL, or - for standard input.")],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Name of the feed (default: derived from the file name)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a proposed feeds.toml section for a file; write nothing.

    The first 4 MiB determine dialect, keys and types. The proposal is tested by reading them with it.

    Examples:
        ingest sniff orders.csv >> feeds.toml
        ingest sniff s3://bucket/orders/2026-11-22.csv.gz --name orders
    """
    # Imported here, so that the other commands start faster.
    from ingest.sniff.proposal import checked_feed_name, feed_name, propose
    from ingest.sniff.sample import take_sample
    from ingest.sniff.toml import extent, remarks_on, to_toml

    feed = feed_name(file) if name is None else checked_feed_name(name)
    sample = take_sample(open_source(file).read(0, None))
    proposal = propose(sample, name=feed)
    row_counts, reasons = _try(proposal)
    origin = extent(_base(file), row_counts.rows_read, is_whole=sample.is_whole)
    remarks = remarks_on(proposal, extent=origin, outcome=_outcome(row_counts, reasons))
    text = to_toml(feed, proposal.feed, remarks)
    if proposal.feed.partition_key:  # otherwise the user must fill it in, and the feed is refused until then
        parse_feeds(text, origin="the proposal")
    if as_json:
        counts = {"rows_read": row_counts.rows_read, "rows_rejected": row_counts.rows_rejected}
        document = {"file": file, "feed": feed, "is_whole": sample.is_whole, **counts, "reasons": reasons, "toml": text}
        print(json.dumps(document, ensure_ascii=False))
    else:
        sys.stdout.write(text)


def _try(proposal: "Proposal") -> tuple[RowCounts, dict[str, int]]:
    """Return what `check` would count in the sample, whose text is already decompressed UTF-8 with usual line ends."""
    csv = {field: getattr(proposal.tested_feed.csv, field) for field in Csv.__struct_fields__}
    dialect = Csv(**csv | {"encoding": "utf-8", "compression": "none", "footer_lines": 0, "line_end": ""})
    feed = {field: getattr(proposal.tested_feed, field) for field in Feed.__struct_fields__}
    tally = RejectTally(keep=0)
    load = Load(feed=Feed(**feed | {"csv": dialect}), writer=NullWriter(), rejects=tally, ends_early=False)
    return load.run(lambda start, end: iter([proposal.text[start:end]])), dict(tally.reasons)


def _outcome(row_counts: RowCounts, reasons: dict[str, int]) -> str:
    if not row_counts.rows_read:
        return "Not tested: there are no rows."
    why = ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items()))
    rejected = f"{row_counts.rows_rejected:,} rejected ({why})" if why else "none rejected"
    superseded = f"{row_counts.rows_superseded:,} superseded"
    return f"Tested on these rows: {row_counts.rows_written:,} would be written, {rejected}, {superseded}."


def _base(file: str) -> str:
    return file.replace("\\", "/").rstrip("/").rpartition("/")[2]


def schema() -> None:
    """Print the JSON Schema of feeds.toml, for editors.

    Examples:
        ingest feeds schema > feeds.schema.json
    """
    print(json.dumps(json_schema(), indent=2))


def check(
    feeds: FeedsPath = DEFAULT_FEEDS,
    aws: Annotated[
        bool, typer.Option("--aws", help="Compare the key schemas of existing tables with the feeds.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check feeds.toml, and print a line for each feed.

    Warns of a key template that can give rows with different values the same key, and of a glob that begins with the
    prefix. With --aws compares the key names and types of each table with `existing = true`, and of its indexes.

    Examples:
        ingest feeds check
        ingest feeds check --aws --feeds config/feeds.toml

    Exit codes: 0 the feeds are valid, and the tables match; 1 a table differs; 2 a feed or an option is invalid.
    """
    declared = read_feeds(feeds).feeds
    documents = [_document(name, feed, aws=aws) for name, feed in declared.items()]
    documents[-1]["warnings"] += bucket_warnings(declared)
    if as_json:
        print(json.dumps({"feeds": documents}, ensure_ascii=False))
    else:
        for document in documents:
            for line in _lines(document):
                console_on(sys.stdout).print(line, soft_wrap=True)
    raise typer.Exit(1 if any(document["differences"] for document in documents) else 0)


feeds_app = app_of([check, schema], help="Check feeds.toml, or print its JSON Schema.", no_args_is_help=True)


def _document(name: str, feed: Feed, *, aws: bool) -> dict[str, Any]:
    """Return a feed's JSON document; `compared` says whether it was compared with its table in AWS."""
    is_compared = aws and feed.existing
    return {
        "feed": name,
        "prefix": feed.prefix,
        "table": feed.table,
        "existing": feed.existing,
        "keys": dict(_keys_of(feed)),
        "columns": len(feed.columns),
        "compared": is_compared,
        "differences": list(_differences(feed)) if is_compared else [],
        "warnings": [*key_warnings(feed, f"feeds.{name}"), *glob_warnings(feed, f"feeds.{name}")],
    }


def _lines(document: dict[str, Any]) -> Iterator[str]:
    keys = " + ".join(f"{name} ({kind})" for name, kind in document["keys"].items())
    made = "existing" if document["existing"] else "made by the stack"
    found = ", as described" if document["compared"] and not document["differences"] else ""
    yield (
        f"{document['feed']}: {document['prefix']}* -> table {document['table']} ({made}{found}), key {keys}, "
        f"{document['columns']} column(s) listed"
    )
    yield from (f"  ! {sentence}" for sentence in (*document["differences"], *document["warnings"]))


def _differences(feed: Feed) -> Iterator[str]:
    """Yield a sentence for each difference between the existing table and the feed."""
    from ingest.cli.aws import config, preparing, session
    from ingest.dynamodb.writers import WriterFactory

    try:
        with preparing(f"looking at the table {feed.table}"):
            table = WriterFactory(session(), config()).describe(feed)
    except ServiceFault as fault:  # the tables of other feeds may still be described
        yield str(fault)
        return
    yield from table_faults(map_columns(feed, listed_columns(feed)), table, but=feed.indexes)
    yield from index_differences(feed, table)


def _keys_of(feed: Feed) -> Iterator[tuple[str, str]]:
    return ((key.name, key.type) for key in feed.key_attributes())
