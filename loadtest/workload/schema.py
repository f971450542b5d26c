"""A feed of feeds.toml as the generator needs it. Read by own code: the judge does not use the judged.

What the product would refuse in a feeds.toml is not looked for here; `ingest check` does that.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert


class BadRecipe(Exception):
    """A recipe that cannot be followed: what is wrong, and what would be accepted."""


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Column:
    """What one column of the file becomes; the fields are those of docs/feeds.md."""

    type: str = "S"
    name: str = ""
    null: str = "omit"
    default: str | None = None
    true: tuple[str, ...] = ("true", "t", "yes", "y", "1")
    false: tuple[str, ...] = ("false", "f", "no", "n", "0")
    encoding: str = "base64"
    separator: str = ";"
    timestamp: tuple[str, ...] = ()
    zone: str = "UTC"
    unit: str = "s"
    drop: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether its cells are texts or numbers as they stand."""
        return self.type in ("S", "N") and not self.timestamp


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the cells become bytes; the fields are those of docs/feeds.md."""

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    header: str | int | tuple[str, ...] = "first"
    names: tuple[str, ...] = ()
    skip_lines: int = 0
    footer_lines: int = 0
    comment: str = ""
    encoding: str = "utf-8"
    compression: str = "auto"
    max_record_bytes: int = 1024 * 1024
    null_values: tuple[str, ...] = ("",)
    quoted_nulls: bool = True
    trim: bool = False
    decimal: str = "."
    thousands: str = ""
    ragged: str = "reject"
    unknown_columns: str = "keep"


class Schema:
    """What the files of one feed look like, and what their rows become."""

    def __init__(self, feed: str, raw: Mapping[str, Any]) -> None:
        self.feed, self.prefix, self.table = feed, str(raw["prefix"]), str(raw["table"])
        self.dialect = convert(raw.get("csv", {}), Dialect)
        self._columns = {str(name): _column(value) for name, value in raw.get("columns", {}).items()}
        declared = ((raw["partition_key"], "pk"), (raw.get("sort_key", ""), "sk"))
        # The table's key attributes, partition key first, each with the column or template it is made from.
        self.keys = tuple((self._key_name(text, default), str(text)) for text, default in declared if text)
        self.key_columns = tuple(dict.fromkeys(name for _, source in self.keys for name in sources(source)))
        # Name, constant or template, type; and of keys, too, those that are filled from columns.
        self.attributes = tuple((name, *_attribute(value)) for name, value in raw.get("attributes", {}).items())
        filled = (*self.keys, *((name, text) for name, text, _ in self.attributes))
        self.templates = tuple((name, text) for name, text in filled if is_template(text))
        after, ttl = raw.get("ttl", {}).get("after", "0s"), raw.get("ttl", {})
        seconds = int(after[:-1]) * _SECONDS[after[-1]]
        # The column of times, or "", seconds after, attribute.
        self.ttl = (str(ttl.get("column", "")), seconds, str(ttl.get("attribute", "ttl"))) if ttl else None
        self.lineage = tuple(raw["lineage"][what] for what in ("file", "line") if what in raw.get("lineage", {}))
        indexes = raw.get("indexes", {}).values()
        self.index_keys = {index[key] for index in indexes for key in ("partition_key", "sort_key") if key in index}
        limits = raw.get("max_rejects", {})
        self.most_rejects, self.most_rejected = limits.get("count"), limits.get("share")
        plain = [name for name in reversed(self.key_columns) if self.column(name).is_plain]
        self.numbering_column = plain[0] if plain else ""  # numbers the rows: the last key column that can
        is_numbering = len(self.keys) == 1 or self.key_columns[0] not in plain[1:]
        self.partition_column = None if is_numbering else self.key_columns[0]  # in which partition a row is
        used = [*self.key_columns, *self._columns]
        used += [name for _, text in self.templates for name in sources(text)]
        self.needed = tuple(dict.fromkeys(used + ([self.ttl[0]] if self.ttl and self.ttl[0] else [])))

    def column(self, name: str) -> Column:
        """Return what the feed says about a column; a string, if nothing."""
        return self._columns.get(name, Column())

    def is_dropped(self, name: str) -> bool:
        """Return whether a column becomes no attribute."""
        is_unknown = self.dialect.unknown_columns == "drop" and name not in self._columns
        return (self.column(name).drop or is_unknown) and all(source != name for _, source in self.keys)

    def _key_name(self, text: str, default: str) -> str:
        return default if is_template(text) else self.column(text).name or text


@lru_cache
def read_schema(path: Path, feed: str) -> Schema:
    """Return a feed of a feeds.toml, which is read once, or raise BadRecipe."""
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))["feeds"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise BadRecipe(f"{path} is not a readable feeds.toml ({error}); name one with --feeds PATH.") from error
    if feed not in declared:
        raise BadRecipe(f"{path} has no feed {feed!r}; it declares {', '.join(sorted(declared))}.")
    try:
        return Schema(feed, declared[feed])
    except (TypeError, ValueError, KeyError, AttributeError, ValidationError) as error:
        sentence = f"the feed {feed!r} of {path} cannot be read ({error}); `ingest check` says what is wrong."
        raise BadRecipe(sentence) from error


def is_template(text: str) -> bool:
    """Return whether a text has columns in braces."""
    return "{" in text


def template_parts(text: str) -> list[str]:
    """Return literal, column, literal, ... literal.

    >>> template_parts("CUST#{id}")
    ['CUST#', 'id', '']
    """
    return re.split(r"\{([^{}]+)\}", text)


def sources(text: str) -> list[str]:
    """Return the columns a key or template is made from."""
    return template_parts(text)[1::2] if is_template(text) else [text]


def _column(raw: str | dict[str, Any]) -> Column:
    return Column(type=raw) if isinstance(raw, str) else convert(raw, Column)  # what it does not have is left out


def _attribute(raw: str | dict[str, Any]) -> tuple[str, str]:
    return (raw, "S") if isinstance(raw, str) else (raw["value"], raw.get("type", "S"))
