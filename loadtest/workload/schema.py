"""A feed of feeds.toml as the generator needs it. Read by own code: the judge does not use the judged.

What the product would refuse in a feeds.toml is not looked for here; `ingest check` does that.
"""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from loadtest.workload.faults import BadRecipe

T = TypeVar("T")
Key = tuple[str, str]  # an attribute's name, and the column or template it is made from


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


@dataclass(frozen=True, slots=True)
class Schema:
    """What the files of one feed look like, and what their rows become."""

    feed: str
    prefix: str
    table: str
    partition_key: str
    sort_key: str = ""
    dialect: Dialect = Dialect()
    columns: tuple[tuple[str, Column], ...] = ()
    attributes: tuple[tuple[str, str, str], ...] = ()  # name, constant or template, type
    ttl: tuple[str, int, str] | None = None  # column or "", seconds after, attribute
    lineage: tuple[str, ...] = ()  # attributes that depend on where the file lies
    index_keys: frozenset[str] = frozenset()  # attributes
    most_rejects: int | None = None
    most_rejected: float | None = None  # a share

    def column(self, name: str) -> Column:
        """Return what the feed says about a column; a string, if nothing."""
        return dict(self.columns).get(name, Column())

    @property
    def keys(self) -> tuple[Key, ...]:
        """The table's key attributes, partition key first."""
        declared = ((self.partition_key, "pk"), (self.sort_key, "sk"))
        return tuple((self._key_name(text, default), text) for text, default in declared if text)

    def _key_name(self, text: str, default: str) -> str:
        return default if is_template(text) else self.column(text).name or text

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns a file must have: those of keys first, each once."""
        names = [name for _, source in self.keys for name in sources(source)]
        names += [name for name, _ in self.columns]
        names += [name for _, text, _ in self.attributes if is_template(text) for name in sources(text)]
        return tuple(dict.fromkeys(names + ([self.ttl[0]] if self.ttl and self.ttl[0] else [])))


def read_schema(path: Path, feed: str) -> Schema:
    """Return a feed of a feeds.toml.

    Raises:
        BadRecipe: the file or feed does not exist, or it is not a feeds.toml.
    """
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))["feeds"]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError) as error:
        raise BadRecipe(f"{path} is not a readable feeds.toml ({error}); name one with --feeds PATH.") from error
    if feed not in declared:
        raise BadRecipe(f"{path} has no feed {feed!r}; it declares {', '.join(sorted(declared))}.")
    try:
        return parse_feed(feed, declared[feed])
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise BadRecipe(
            f"the feed {feed!r} of {path} cannot be read ({error}); `ingest check` says what is wrong."
        ) from error


def parse_feed(feed: str, raw: dict[str, Any]) -> Schema:
    """Return a feed from its section of a feeds.toml."""
    ttl, lineage, limits = raw.get("ttl"), raw.get("lineage", {}), raw.get("max_rejects", {})
    indexes = raw.get("indexes", {}).values()
    return Schema(
        feed=feed,
        prefix=raw["prefix"],
        table=raw["table"],
        partition_key=raw["partition_key"],
        sort_key=raw.get("sort_key", ""),
        dialect=_filled(Dialect, raw.get("csv", {})),
        columns=tuple((name, _column(value)) for name, value in raw.get("columns", {}).items()),
        attributes=tuple((name, *_extra(value)) for name, value in raw.get("attributes", {}).items()),
        ttl=(ttl.get("column", ""), _seconds(ttl.get("after", "0s")), ttl.get("attribute", "ttl")) if ttl else None,
        lineage=tuple(name for name in (lineage.get("file"), lineage.get("line")) if name),
        index_keys=frozenset(i[key] for i in indexes for key in ("partition_key", "sort_key") if key in i),
        most_rejects=limits.get("count"),
        most_rejected=limits.get("share"),
    )


def is_template(text: str) -> bool:
    """Return whether a text has columns in braces.

    >>> is_template("CUST#{customer}"), is_template("customer")
    (True, False)
    """
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


def templates_of(schema: Schema) -> list[str]:
    """Return the templates of keys and attributes."""
    texts = [source for _, source in schema.keys] + [text for _, text, _ in schema.attributes]
    return [text for text in texts if is_template(text)]


def _filled(kind: type[T], raw: dict[str, Any]) -> T:
    """Return a section as its dataclass; lists become tuples, what the generator does not need is left out."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in raw.items() if name in known})


def _column(raw: str | dict[str, Any]) -> Column:
    return Column(type=raw) if isinstance(raw, str) else _filled(Column, raw)


def _extra(raw: str | dict[str, Any]) -> tuple[str, str]:
    return (raw, "S") if isinstance(raw, str) else (raw["value"], raw.get("type", "S"))


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]
