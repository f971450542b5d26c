"""Read feeds.toml. A wrong or unknown field is refused with its path, its value and what would be accepted."""

import codecs
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from ingest.checked import expect_section, one_of, read_struct
from ingest.errors import SettingsFault
from ingest.feeds import Column, ColumnType, Csv, Extra, Feed, Feeds, Rejects, is_template, template_parts


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
        SettingsFault: a field is unknown or wrong, or two do not go together.
    """
    csv = read_struct(raw, Csv, path)
    _check_csv(csv, path)
    return csv


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of feeds.toml, for editors."""
    schema = msgspec.json.schema(Feeds)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "feeds.toml"
    return schema


def _checked_feeds(raw: dict[str, Any]) -> Feeds:
    for name in raw:
        if name != "feeds":
            raise SettingsFault(f"unknown field `{name}`; the only one at the top is `feeds` ([feeds.NAME]).")
    declared = expect_section(raw.get("feeds", {}), "feeds")
    if not declared:
        raise SettingsFault("no feed is declared; add a [feeds.NAME] section with prefix, table and partition_key.")
    feeds = {name: _feed(value, f"feeds.{name}") for name, value in declared.items()}
    _check_prefixes(feeds)
    _check_shared_tables(feeds)
    return Feeds(feeds=feeds)


def _feed(raw: Any, path: str) -> Feed:
    """Convert part by part, so that an error names the exact path and not `feeds[...]`."""
    table = dict(expect_section(raw, path))
    parts: dict[str, Any] = {}
    if "csv" in table:
        parts["csv"] = read_csv(table.pop("csv"), f"{path}.csv")
    if "max_rejects" in table:
        parts["max_rejects"] = read_struct(table.pop("max_rejects"), Rejects, f"{path}.max_rejects")
    columns = expect_section(table.pop("columns", {}), f"{path}.columns")
    parts["columns"] = {name: _column(value, f"{path}.columns.{name}") for name, value in columns.items()}
    extras = expect_section(table.pop("attributes", {}), f"{path}.attributes")
    parts["attributes"] = {name: _extra(value, f"{path}.attributes.{name}") for name, value in extras.items()}
    feed = msgspec.structs.replace(read_struct(table, Feed, path), **parts)
    _check_keys(feed, path)
    return feed


def _column(raw: Any, path: str) -> Column:
    if isinstance(raw, dict):
        column = read_struct(raw, Column, path)
        if column.null == "empty" and column.type != "S":
            raise SettingsFault(f"`{path}.null` = 'empty' is wrong: an empty string is no {column.type}.")
        return column
    try:
        return Column(type=msgspec.convert(raw, ColumnType))
    except msgspec.ValidationError:
        raise SettingsFault(
            f'{path} = {raw!r} is wrong: give a type ({one_of(ColumnType)}) or a table like {{ type = "N" }}.'
        ) from None


def _extra(raw: Any, path: str) -> Extra:
    extra = Extra(value=raw) if isinstance(raw, str) else read_struct(raw, Extra, path)
    _check_template(extra.value, path)
    return extra


def _check_template(text: str, path: str) -> None:
    if any("{" in part or "}" in part for part in template_parts(text)):
        raise SettingsFault(f"`{path}` = {text!r} is wrong: columns stand in braces, as 'CUST#{{id}}'.")


def _check_csv(csv: Csv, path: str) -> None:
    for field in ("delimiter", "quote", "escape"):
        value = getattr(csv, field)
        if value and value in "\r\n\0\ufeff":
            raise SettingsFault(
                f"`{path}.{field}` = {value!r} is wrong: accepted is one character, no line end or NUL."
            )
    marks = [mark for mark in (csv.delimiter, csv.quote, csv.escape) if mark]
    if len(set(marks)) != len(marks):
        raise SettingsFault(f"`{path}`: delimiter, quote and escape must differ; found {marks!r}.")
    if csv.comment and (csv.comment[0] in (csv.delimiter, csv.quote, csv.escape) or set("\r\n") & set(csv.comment)):
        raise SettingsFault(
            f"`{path}.comment` = {csv.comment!r} is wrong: accepted is text that does not begin with the delimiter, "
            "quote or escape, without line ends."
        )
    for field, names in (("header", csv.header), ("names", csv.names or "-")):
        if isinstance(names, tuple) and (not names or "" in names or len(set(names)) != len(names)):
            raise SettingsFault(
                f"`{path}.{field}` = {list(names)!r} is wrong: accepted are names, each once, none empty."
            )
    if csv.names and isinstance(csv.header, tuple):
        raise SettingsFault(f"`{path}`: header and names both give the names; give one of them.")
    try:
        "".encode(csv.encoding)  # unlike codecs.lookup, this refuses 'hex' and its kind
        codecs.getincrementaldecoder(csv.encoding)("surrogateescape").decode(b"a")  # and this 'idna' and its kind
    except (LookupError, ValueError):
        raise SettingsFault(
            f"`{path}.encoding` = {csv.encoding!r} is wrong: accepted is a text encoding Python knows, as 'cp1252'."
        ) from None


def _check_keys(feed: Feed, path: str) -> None:
    for field, text in (("partition_key", feed.partition_key), ("sort_key", feed.sort_key)):
        if text is None:
            continue
        if is_template(text):
            _check_template(text, f"{path}.{field}")
            continue
        column = feed.column(text)
        if column.drop:
            raise SettingsFault(f"`{path}.columns.{text}` is dropped, but it is the {field}.")
        if column.type not in ("S", "N"):
            raise SettingsFault(f"`{path}.columns.{text}` has type {column.type}; a key can be 'S' or 'N'.")
    names = [key.name for key in feed.key_attributes()] + list(feed.attributes)
    names += [feed.column(c).name or c for c in feed.columns if not feed.column(c).drop and c not in _key_columns(feed)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SettingsFault(f"`{path}`: two columns or keys would both be the attribute {doubled[0]!r}.")


def _key_columns(feed: Feed) -> list[str]:
    return [key.source for key in feed.key_attributes() if not is_template(key.source)]


def _check_prefixes(feeds: dict[str, Feed]) -> None:
    """S3 refuses overlapping prefixes for the same event, and a key must belong to one feed."""
    for name, feed in feeds.items():
        for other, rival in feeds.items():
            if name != other and rival.prefix.startswith(feed.prefix):
                raise SettingsFault(
                    f"`feeds.{name}.prefix` = {feed.prefix!r} overlaps `feeds.{other}.prefix` = {rival.prefix!r}; "
                    "a key must belong to one feed."
                )


def _check_shared_tables(feeds: dict[str, Feed]) -> None:
    shapes: dict[str, tuple[str, Any]] = {}
    for name, feed in feeds.items():
        shape = ([(key.name, key.type) for key in feed.key_attributes()], feed.existing)
        first, expected = shapes.setdefault(feed.table, (name, shape))
        if expected != shape:
            raise SettingsFault(
                f"feeds {first} and {name} share the table {feed.table!r} but declare other keys or another `existing`."
            )
