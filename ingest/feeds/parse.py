"""Read feeds.toml. A wrong or unknown field is refused with its path, its value and what would be accepted."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from ingest.errors import SettingsFault
from ingest.feeds.column import Column, ColumnType, Extra, check_column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, Feeds, Index, Lineage, Operation, RowLimit, Ttl
from ingest.feeds.rules import (
    check_csv,
    check_feed,
    check_feed_names,
    check_prefixes,
    check_shared_tables,
    check_tables,
    check_template,
)
from ingest.feeds.schema_errors import accepted, choices_of, did_you_mean, expect_section, read_struct
from ingest.feeds.tables import check_table_limits, read_table_limits


def read_feeds(path: Path) -> Feeds:
    """Return the feeds of a feeds.toml.

    Raises:
        SettingsFault: unreadable, not TOML, or a field is wrong; says where and what would be accepted.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsFault(f"{path} does not exist; name the feeds file with --feeds PATH.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsFault(f"{path} cannot be read: {error}.") from error
    return parse_feeds(text, origin=str(path))


def parse_feeds(text: str, *, origin: str = "feeds.toml") -> Feeds:
    """Return the feeds declared in TOML text; `origin` is named in errors.

    Raises:
        SettingsFault: as `read_feeds`.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsFault(f"{origin} is not TOML: {error}.") from error
    try:
        return _checked_feeds(raw)
    except SettingsFault as fault:
        raise SettingsFault(f"{origin}: {fault}") from fault


def read_csv(raw: Any, path: str) -> Csv:
    """Return a dialect; `path` is how its section is named in errors.

    Raises:
        SettingsFault: a field is unknown or wrong, or two fields contradict each other.
    """
    csv = read_struct(raw, Csv, path)
    check_csv(csv, path)
    return csv


def section_of(feed: Feed) -> str:
    """Return a feed as compact JSON, with all its settings."""
    return msgspec.json.encode(feed).decode()


def read_section(text: str) -> Feed:
    """Return the feed in the JSON of `section_of`, possibly written by another version of this program.

    Raises:
        SettingsFault: this version cannot read it.
    """
    try:
        return msgspec.json.decode(text, type=Feed)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise SettingsFault(f"The settings kept in the ledger cannot be read: {error}.") from error


# Settings that affect neither where a file is cut nor what its rows mean: files in progress use their current values.
NOT_MEANING = ("prefix", "writer", "interleave", "existing", "max_rejects", "max_duplicates", "exclude", "include")
NOT_MEANING_CSV = ("max_expanded_bytes", "max_ratio")


def meaning_of(feed: Feed) -> str:
    """Return the settings that affect how files are read and what their rows become; equal settings give equal text."""
    section: dict[str, Any] = msgspec.to_builtins(feed)
    for name in NOT_MEANING:
        del section[name]
    for name in NOT_MEANING_CSV:
        del section["csv"][name]
    return msgspec.json.encode(section, order="sorted").decode()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of feeds.toml, for editors."""
    schema = msgspec.json.schema(Feeds)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "feeds.toml"
    return schema


def _checked_feeds(raw: dict[str, Any]) -> Feeds:
    for name in raw:
        if name not in ("feeds", "tables"):
            hint = did_you_mean(name, ["feeds", "tables"])
            raise SettingsFault(
                f"unknown field `{name}`{hint}; at the top are `feeds` ([feeds.NAME]) and `tables` ([tables.NAME])."
            )
    declared = expect_section(raw.get("feeds", {}), "feeds")
    if not declared:
        raise SettingsFault("no feed is declared; add a [feeds.NAME] section with prefix, table and partition_key.")
    check_feed_names(declared)
    feeds = {name: _feed(value, f"feeds.{name}") for name, value in declared.items()}
    check_prefixes(feeds)
    check_shared_tables(feeds)
    check_tables(feeds)
    sections = expect_section(raw.get("tables", {}), "tables")
    tables = {name: read_table_limits(value, f"tables.{name}") for name, value in sections.items()}
    unable = {feed.table for feed in feeds.values() if feed.writer == "boto3"}
    check_table_limits(tables, {feed.table: feed.existing for feed in feeds.values()}, unable)
    return Feeds(feeds=feeds, tables=tables)


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "max_rejects": RowLimit,
    "max_duplicates": RowLimit,
    "ttl": Ttl,
    "lineage": Lineage,
    "operation": Operation,
}


def _feed(raw: Any, path: str) -> Feed:
    """Convert part by part, so that an error names the exact path and not `feeds[...]`."""
    table = dict(expect_section(raw, path))
    parts: dict[str, Any] = {}
    if "csv" in table:
        parts["csv"] = read_csv(table.pop("csv"), f"{path}.csv")
    for name, struct in _SECTIONS.items():
        if name in table:
            parts[name] = read_struct(table.pop(name), struct, f"{path}.{name}")
    columns = expect_section(table.pop("columns", {}), f"{path}.columns")
    parts["columns"] = {name: _column(value, f"{path}.columns.{name}") for name, value in columns.items()}
    extras = expect_section(table.pop("attributes", {}), f"{path}.attributes")
    parts["attributes"] = {name: _extra(value, f"{path}.attributes.{name}") for name, value in extras.items()}
    indexes = expect_section(table.pop("indexes", {}), f"{path}.indexes")
    parts["indexes"] = {name: read_struct(value, Index, f"{path}.indexes.{name}") for name, value in indexes.items()}
    if table.get("partition_key") == "":
        raise SettingsFault(
            f'`{path}.partition_key` is left open: give the column, or a template of columns as "{{a}}#{{b}}", whose '
            "value no two rows share."
        )
    feed = msgspec.structs.replace(read_struct(table, Feed, path), **parts)
    check_feed(feed, path)
    return feed


def _column(raw: Any, path: str) -> Column:
    if isinstance(raw, dict):
        column = read_struct(raw, Column, path)
        check_column(column, path)
        return column
    try:
        return Column(type=msgspec.convert(raw, ColumnType))
    except msgspec.ValidationError:
        hint = did_you_mean(raw, choices_of(ColumnType))
        raise SettingsFault(
            f'`{path}` = {raw!r} is wrong{hint}: give a type ({accepted(ColumnType)}) or a table like {{ type = "N" }}.'
        ) from None


def _extra(raw: Any, path: str) -> Extra:
    extra = Extra(value=raw) if isinstance(raw, str) else read_struct(raw, Extra, path)
    check_template(extra.value, path)
    return extra
