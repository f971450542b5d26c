"""What to generate: one frozen value, which always gives the same bytes and the same known outcome.

feeds.toml is read here by separate code, so that the checker does not depend on the product. It does not validate the
feed; `ingest check` does that.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import ValidationError, convert

from ingest.contract import Reason


class BadRecipe(Exception):
    """A recipe that cannot be generated; says what is wrong, and what would be accepted."""


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Column:
    """How one column of the file is converted; the fields are those of docs/feeds.md."""

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
        """Whether its cells are texts or numbers without conversion."""
        return self.type in ("S", "N") and not self.timestamp


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are encoded as bytes; the fields are those of docs/feeds.md."""

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
    """The format of a feed's files, and how their rows become items."""

    def __init__(self, feed: str, raw: Mapping[str, Any]) -> None:
        self.feed, self.prefix, self.table = feed, str(raw["prefix"]), str(raw["table"])
        self.dialect = convert(raw.get("csv", {}), Dialect)
        self._columns = convert(_tables(raw.get("columns", {}), "type"), dict[str, Column])
        declared = ((raw["partition_key"], "pk"), (raw.get("sort_key", ""), "sk"))
        # The table's key attributes, partition key first, each with its source: a column or a template.
        self.keys = tuple(
            (default if is_template(text) else self.column(text).name or text, str(text))
            for text, default in declared
            if text
        )
        self.key_columns = tuple(dict.fromkeys(name for _, source in self.keys for name in sources(source)))
        # Name, constant or template, and type; `templates` has those filled from columns, keys included.
        attributes = _tables(raw.get("attributes", {}), "value")
        self.attributes = tuple((name, it["value"], it.get("type", "S")) for name, it in attributes.items())
        filled = (*self.keys, *((name, text) for name, text, _ in self.attributes))
        self.templates = tuple((name, text) for name, text in filled if is_template(text))
        after, ttl = raw.get("ttl", {}).get("after", "0s"), raw.get("ttl", {})
        seconds = int(after[:-1]) * _SECONDS[after[-1]]
        # The time column or "", the seconds to add, the attribute.
        self.ttl = (str(ttl.get("column", "")), seconds, str(ttl.get("attribute", "ttl"))) if ttl else None
        self.lineage = tuple(raw["lineage"][what] for what in ("file", "line") if what in raw.get("lineage", {}))
        indexes = raw.get("indexes", {}).values()
        self.index_keys = {index[key] for index in indexes for key in ("partition_key", "sort_key") if key in index}
        limits = raw.get("max_rejects", {})
        self.most_rejects, self.most_rejected = limits.get("count"), limits.get("share")
        plain = [name for name in reversed(self.key_columns) if self.column(name).is_plain]
        self.numbering_column = plain[0] if plain else ""  # numbers the rows: the last suitable key column
        is_numbering = len(self.keys) == 1 or self.key_columns[0] not in plain[1:]
        self.partition_column = None if is_numbering else self.key_columns[0]  # decides a row's partition
        used = [*self.key_columns, *self._columns]
        used += [name for _, text in self.templates for name in sources(text)]
        self.needed = tuple(dict.fromkeys(used + ([self.ttl[0]] if self.ttl and self.ttl[0] else [])))

    def column(self, name: str) -> Column:
        """Return the feed's declaration of a column; by default a string."""
        return self._columns.get(name, Column())

    def is_dropped(self, name: str) -> bool:
        """Return whether a column is left out of items."""
        is_unknown = self.dialect.unknown_columns == "drop" and name not in self._columns
        return (self.column(name).drop or is_unknown) and all(source != name for _, source in self.keys)


@lru_cache
def read_schema(path: Path, feed: str) -> Schema:
    """Return a feed of a feeds.toml (cached), or raise BadRecipe."""
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
    """Return whether a text contains columns in braces."""
    return "{" in text


def template_parts(text: str) -> list[str]:
    """Return the parts of a template: literal, column, literal, ... literal.

    >>> template_parts("CUST#{id}")
    ['CUST#', 'id', '']
    """
    return re.split(r"\{([^{}]+)\}", text)


def sources(text: str) -> list[str]:
    """Return the columns a key or template is made from."""
    return template_parts(text)[1::2] if is_template(text) else [text]


def _tables(raw: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return tables by their names; a string is short for a table with only this field."""
    return {name: {field: it} if isinstance(it, str) else it for name, it in raw.items()}


# Defects that make a row rejected, by the reason.
REJECTED = tuple(
    reason
    for name, reason in vars(Reason).items()
    if name.isupper() and reason not in (Reason.UNTERMINATED_QUOTE, Reason.REFUSED_BY_DYNAMODB)
)
QUOTES = "quotes"  # share of free-text cells that contain quotes and delimiters
LINE_BREAKS = "line_breaks"  # share of free-text cells that contain line ends
BLANK_LINES = "blank_lines"  # share of rows that a blank line follows
DUPLICATES = "duplicates"  # share of rows with the key of an earlier one
UNUSUAL = (QUOTES, LINE_BREAKS, BLANK_LINES, DUPLICATES)
MOST = {DUPLICATES: 0.96}

CHOICES = {
    "key_order": ("random", "sorted", "hot"),
    "compression": ("none", "gzip", "bz2", "zstd"),
    "quoting": ("needed", "all"),
    "line_end": ("lf", "crlf"),
}
MOST_FILES = 100_000
ROW_BITS = 38  # bits of a row's number; the file's number is above them
SEGMENT_BYTES = 64 * 1024 * 1024  # the default of `segment_mb` in infra/settings.py
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A file to generate; `recipe_of` makes a recipe from texts.

    The loader keeps the order of rows within `segment_bytes`. Rows with different content for the same key are only in
    their first quarter, and the number of superseded rows is exact for files of up to half of them.
    """

    schema: Schema
    rows: int | None = None  # None: as many as fit in `text_bytes`
    text_bytes: int | None = None  # before compression
    seed: int = 1
    columns: tuple[tuple[str, str], ...] = ()  # columns and their distributions
    defects: tuple[tuple[str, float], ...] = ()  # shares by kind, of rows or of free-text cells
    key_order: str = "random"
    compression: str = "none"
    quoting: str = "needed"
    byte_order_mark: bool = False
    line_end: str = "lf"
    file: int = 0  # files with different numbers have different keys
    segment_bytes: int = SEGMENT_BYTES

    def __post_init__(self) -> None:
        """Check the fields without looking at the feed."""
        if (self.rows is None) == (self.text_bytes is None):
            raise BadRecipe("give the number of rows or the size of the file, and not both.")
        if not 0 <= (self.rows or 0) <= 1 << ROW_BITS:
            raise BadRecipe(f"{self.rows:,} rows: a file has 0 to {1 << ROW_BITS:,}.")
        if self.seed < 0:
            raise BadRecipe(f"seed {self.seed}: a seed is a whole number, 0 or more.")
        if not 0 <= self.file < MOST_FILES:
            raise BadRecipe(f"file {self.file}: files are numbered from 0 to {MOST_FILES - 1:,}.")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise BadRecipe(f"{name.replace('_', ' ')} {getattr(self, name)!r}: accepted are {', '.join(known)}.")
        wanted = self.schema.dialect.compression
        if wanted not in ("auto", self.compression):
            raise BadRecipe(f"the feed {self.schema.feed!r} takes files of compression {wanted!r} only.")

    def share(self, kind: str) -> float:
        """Return the share of one kind of defects."""
        return dict(self.defects).get(kind, 0.0)

    @property
    def rejects(self) -> dict[str, float]:
        """The defects that make rows rejected, with their shares."""
        return {kind: share for kind, share in self.defects if kind in REJECTED}


def recipe_of(
    feeds: Path,
    feed: str,
    *,
    size: str | int | None = None,
    columns: Mapping[str, str] | None = None,
    defects: Mapping[str, float | str] | None = None,
    **fields: Any,
) -> Recipe:
    """Return a recipe from a feeds.toml and texts: `size="10MB"`, `columns={"city": "zipf:1.2:1000"}`,
    `defects={"ragged_row": 0.01}`; the other fields are those of Recipe. Raises BadRecipe if any is wrong.
    """
    return Recipe(
        read_schema(feeds, feed),
        text_bytes=parse_size(size) if isinstance(size, str) else size,
        columns=tuple((name, str(distribution)) for name, distribution in (columns or {}).items()),
        defects=_shares(defects or {}),
        **fields,
    )


def _shares(defects: Mapping[str, float | str]) -> tuple[tuple[str, float], ...]:
    for kind, share in defects.items():
        if kind not in REJECTED + UNUSUAL:
            raise BadRecipe(f"defects {kind!r}: accepted are {', '.join(REJECTED + UNUSUAL)}.")
        if not re.fullmatch(r"[0-9]*\.?[0-9]+(e-?[0-9]+)?", str(share)) or float(share) > MOST.get(kind, 1):
            raise BadRecipe(f"defects {kind} = {share}: a share is 0 to {MOST.get(kind, 1)}.")
    if (rejected := sum(float(share) for kind, share in defects.items() if kind in REJECTED)) > 1:
        raise BadRecipe(f"the shares of rejected rows add up to {rejected:g}, more than all.")
    return tuple((kind, float(share)) for kind, share in sorted(defects.items()) if float(share))


def parse_size(text: str) -> int:
    """Return a size in bytes.

    >>> parse_size("10MB"), parse_size("1.5 GiB"), parse_size("300")
    (10000000, 1610612736, 300)
    """
    match = re.fullmatch(r"([0-9_]+(?:\.[0-9]+)?)\s*(|B|[KMG]I?B)", text.strip().upper())
    if not match:
        raise BadRecipe(f"{text!r} is not a size; sizes are like 300, 10KB, 1.5GB or 64MiB.")
    return int(Decimal(match[1]) * _UNITS[match[2]])
