"""`ingest feeds`: whether feeds.toml is right, and whether existing tables are as it says; its JSON Schema."""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from ingest.cli.commands import app_of
from ingest.cli.options import DEFAULT_FEEDS, AsJson, FeedsPath
from ingest.cli.output import console_on
from ingest.errors import ServiceFault
from ingest.feeds.feed import Feed
from ingest.feeds.parse import json_schema, read_feeds
from ingest.feeds.warnings import bucket_warnings, glob_warnings, key_warnings


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
    from ingest.cli.stack import config, preparing, session
    from ingest.dynamodb.writers import table_session

    try:
        with preparing(f"looking at the table {feed.table}"):
            opened = table_session(session(), role=feed.role, region=feed.region, config=config())
            found: Any = opened.client("dynamodb", config=config()).describe_table(TableName=feed.table)["Table"]
    except ServiceFault as fault:  # the other feeds' tables may be looked at
        yield str(fault)
        return
    yield from differences(feed, found)


def differences(feed: Feed, table: Mapping[str, Any]) -> Iterator[str]:
    """Yield how a table's keys, and those of its indexes, differ from the feed's; `table` is as DynamoDB describes it.

    >>> feed = Feed("o/", "Orders", "id", columns={"id": "N"})
    >>> described = {"KeySchema": [{"AttributeName": "pk"}], "AttributeDefinitions": [{"AttributeName": "pk",
    ...     "AttributeType": "S"}]}
    >>> list(differences(feed, described))
    ["the key of the table is pk (S), that of the feed id (N): change the feed's keys"]
    """
    types = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    yield from _differing("the table", _key_text(_keys_of(feed)), _schema_text(table["KeySchema"], types), "keys")
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    for name, index in feed.indexes.items():
        if name not in indexes:
            yield f"the table has no index {name}: create it, or remove it from the feed"
            continue
        names = filter(None, (index.partition_key, index.sort_key))
        wanted = _key_text((name, feed.attribute_type(name)) for name in names)
        yield from _differing(f"index {name}", wanted, _schema_text(indexes[name]["KeySchema"], types), "indexes")


def _differing(what: str, wanted: str, found: str, setting: str) -> Iterator[str]:
    if wanted != found:
        yield f"the key of {what} is {found}, that of the feed {wanted}: change the feed's {setting}"


def _keys_of(feed: Feed) -> Iterator[tuple[str, str]]:
    return ((key.name, key.type) for key in feed.key_attributes())


def _key_text(keys: Any) -> str:
    return " + ".join(f"{name} ({kind})" for name, kind in keys)


def _schema_text(schema: list[Mapping[str, str]], types: Mapping[str, str]) -> str:
    """Return the key of a table or index, partition key first."""
    ordered = sorted(schema, key=lambda key: key.get("KeyType") == "RANGE")
    return _key_text((key["AttributeName"], types[key["AttributeName"]]) for key in ordered)
