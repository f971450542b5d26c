"""`ingest feeds`: whether feeds.toml is right, and whether existing tables are as it says; its JSON Schema."""

import json
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ingest.cli.commands import app_of
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath
from ingest.cli.output import console_on
from ingest.errors import ServiceFault
from ingest.feeds.feed import Feed
from ingest.feeds.parse import json_schema, read_feeds
from ingest.feeds.warnings import bucket_warnings, glob_warnings, key_warnings
from ingest.items.mapping import index_differences, listed_columns, map_columns, table_faults


def schema() -> None:
    """Print the JSON Schema of feeds.toml, for editors.

    Examples:
        ingest feeds schema > feeds.schema.json
    """
    print(json.dumps(json_schema(), indent=2))


def check(
    feeds: FeedsPath = DEFAULT_FEEDS,
    aws: Annotated[
        bool, typer.Option("--aws", help="Look at the tables that exist already, and compare their keys.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check feeds.toml, and print a line for each feed.

    A key template that can give one key to rows of different values is warned of, and a glob that begins with the
    prefix. With --aws the key names and types of each table with `existing = true`, and of its indexes, are compared.

    Examples:
        ingest feeds check
        ingest feeds check --aws --feeds config/feeds.toml

    Exit codes: 0 feeds.toml is right, and so are the tables; 1 a table differs; 2 feeds.toml is wrong.
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
    """Return a feed's JSON document; `compared` says whether AWS was asked for its table."""
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
    """Yield in a sentence each what is different about the table that exists."""
    from ingest.cli.aws import config, preparing, session
    from ingest.dynamodb.writers import WriterFactory

    try:
        with preparing(f"looking at the table {feed.table}"):
            table = WriterFactory(session(), config()).describe(feed)
    except ServiceFault as fault:  # the other feeds' tables may be looked at
        yield str(fault)
        return
    yield from table_faults(map_columns(feed, listed_columns(feed)), table, but=feed.indexes)
    yield from index_differences(feed, table)


def _keys_of(feed: Feed) -> Iterator[tuple[str, str]]:
    return ((key.name, key.type) for key in feed.key_attributes())
