"""What the files under each key prefix mean: the typed form of feeds.toml. Values only; `feeds_file` reads them."""

import re
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from ingest.errors import NoFeed, SettingsFault

ColumnType = Literal["S", "N", "BOOL", "B", "SS", "NS", "L", "M"]
NullPolicy = Literal["omit", "null", "empty", "reject"]
OneCharacter = Annotated[str, Meta(min_length=1, max_length=1)]
CharacterOrNone = Annotated[str, Meta(max_length=1)]


TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")


class Csv(Struct, frozen=True, forbid_unknown_fields=True):
    """How the bytes of a feed's files become cells."""

    delimiter: Annotated[OneCharacter, Meta(description="One character between cells.")] = ","
    quote: Annotated[
        CharacterOrNone, Meta(description='Encloses cells; doubled inside means itself. "" = no quoting.')
    ] = '"'
    escape: Annotated[CharacterOrNone, Meta(description='Takes the next character as it is. "" = no escaping.')] = ""
    header: Annotated[
        Literal["first", "none"] | Annotated[int, Meta(ge=1, le=10)] | tuple[str, ...],
        Meta(
            description="first: column names are the first record; a number: so many records, a column's name is what "
            "they say of it, joined by blanks; none: column_1, column_2, ...; or a list of names."
        ),
    ] = "first"
    skip_lines: Annotated[int, Meta(ge=0, description="Lines before the header that are not data.")] = 0
    names: Annotated[
        tuple[str, ...], Meta(description="Column names in place of those in the file, one for each column.")
    ] = ()
    footer_lines: Annotated[int, Meta(ge=0, le=1000, description="Lines at the end that are not data.")] = 0
    comment: Annotated[
        str, Meta(max_length=20, description='Lines that begin so, where a record could begin, are no data. "" = none.')
    ] = ""
    encoding: Annotated[str, Meta(description="Any text encoding Python knows by name.")] = "utf-8"
    compression: Annotated[
        Literal["auto", "none", "gzip", "bz2", "zstd"],
        Meta(description="auto: recognised by the first bytes, whatever the file is called."),
    ] = "auto"
    max_expanded_bytes: Annotated[
        int, Meta(ge=1, description="A compressed file that expands to more fails, before memory or disk suffer.")
    ] = 200_000_000_000
    max_ratio: Annotated[
        int, Meta(ge=1, description="So does one that expands to more than this many times its size.")
    ] = 200
    max_record_bytes: Annotated[
        int, Meta(ge=1024, le=16 * 1024 * 1024, description="A longer record is rejected: an open quote, or no CSV.")
    ] = 1024 * 1024
    null_values: Annotated[
        tuple[str, ...], Meta(description="Cells that mean 'no value'. Nothing else does: NA may be a surname.")
    ] = ("",)
    quoted_nulls: Annotated[bool, Meta(description='false: a quoted cell is never null, so "" is an empty string.')] = (
        True
    )
    trim: Annotated[
        bool, Meta(description="true: take white space around cells and column names away before anything else.")
    ] = False
    decimal: Annotated[Literal[".", ","], Meta(description="The decimal mark of numbers.")] = "."
    thousands: Annotated[
        CharacterOrNone, Meta(description='Stands between groups of three digits, as in 1_000. "" = none.')
    ] = ""
    ragged: Annotated[
        Literal["reject", "pad", "trim"],
        Meta(description="Rows with another number of cells: reject; pad short ones with nulls; or trim long ones."),
    ] = "reject"
    missing_columns: Annotated[
        Literal["refuse", "allow"],
        Meta(description="A column the feed lists is not in the file: fail the file, or write rows without it."),
    ] = "refuse"
    unknown_columns: Annotated[
        Literal["keep", "drop", "refuse"],
        Meta(description="Columns of the file that the feed does not list: keep as strings, drop, or fail the file."),
    ] = "keep"

    def translated(self, characters: dict[int, str]) -> "Csv":
        """Return the dialect for files in which these characters were replaced by others."""
        changed: dict[str, Any] = {
            name: getattr(self, name).translate(characters) for name in ("delimiter", "quote", "escape", "comment")
        }
        for name in ("null_values", "names", "header"):
            texts = getattr(self, name)
            changed[name] = tuple(text.translate(characters) for text in texts) if isinstance(texts, tuple) else texts
        return structs.replace(self, **changed)


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """What one CSV column becomes."""

    type: Annotated[ColumnType, Meta(description="DynamoDB type of the attribute.")] = "S"
    name: Annotated[str | None, Meta(description="Attribute name, if not the column's.")] = None
    null: Annotated[
        NullPolicy,
        Meta(description="No value: omit the attribute, write NULL, write an empty string, or reject the row."),
    ] = "omit"
    default: Annotated[str | None, Meta(description="Text that stands in where the cell has no value.")] = None
    true: Annotated[tuple[str, ...], Meta(description="BOOL: words for true, in any case.")] = TRUE_WORDS
    false: Annotated[tuple[str, ...], Meta(description="BOOL: words for false, in any case.")] = FALSE_WORDS
    encoding: Annotated[Literal["base64", "hex"], Meta(description="B: how the bytes are spelled.")] = "base64"
    separator: Annotated[
        Annotated[str, Meta(min_length=1)], Meta(description="SS, NS: stands between members. Equal members are one.")
    ] = ";"
    timestamp: Annotated[
        tuple[str, ...],
        Meta(
            description="S, N: the cell is a point in time in one of these forms: iso, epoch_s, epoch_ms, or a pattern "
            "like %d.%m.%Y %H:%M. It becomes ISO 8601 in UTC (S) or a number since 1970 (N)."
        ),
    ] = ()
    zone: Annotated[str, Meta(description="timestamp: the zone of times that name none, as Europe/Berlin.")] = "UTC"
    unit: Annotated[
        Literal["day", "s", "ms", "us"],
        Meta(description="timestamp: what is counted or shown; day: the date alone, as it stands (S)."),
    ] = "s"
    drop: Annotated[bool, Meta(description="Leave the column out of the item. Templates may still use it.")] = False


class Extra(Struct, frozen=True, forbid_unknown_fields=True):
    """An attribute that no column gives."""

    value: Annotated[str, Meta(description='A constant, or a template: "ORDER#{order_id}".')]
    type: Annotated[ColumnType, Meta(description="DynamoDB type of the attribute.")] = "S"


class Ttl(Struct, frozen=True, forbid_unknown_fields=True):
    """When DynamoDB deletes an item: some time after a point in time in the row, or after the load began."""

    after: Annotated[str, Meta(pattern=r"^[0-9]{1,6}[smhd]$", description="So long after: 90d, 12h, 30m, 60s.")] = "0s"
    column: Annotated[
        str, Meta(description="A column with a timestamp; where it has no value, the item stays. Without it: the load.")
    ] = ""
    attribute: Annotated[str, Meta(min_length=1, description="Name of the attribute.")] = "ttl"

    @property
    def after_s(self) -> int:
        """`after` in seconds."""
        return int(self.after[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[self.after[-1]]


class Lineage(Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes that tell where an item came from."""

    file: Annotated[str, Meta(description='Attribute for the file it came from. "" = none.')] = ""
    line: Annotated[str, Meta(description='Attribute for its line, from 1. "" = none.')] = ""


class Index(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a global secondary index, by attribute name. Items without them are not in the index."""

    partition_key: Annotated[str, Meta(min_length=1, description="An attribute of type S, N or B.")]
    sort_key: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="An attribute of type S, N or B.")
    ] = None


class Rejects(Struct, frozen=True, forbid_unknown_fields=True):
    """How many rejects end the file early, as a file fault. Rows written so far stay and are counted."""

    count: Annotated[Annotated[int, Meta(ge=0)] | None, Meta(description="More rejects than this.")] = None
    share: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None, Meta(description="More than this share of the rows read.")
    ] = None
    min_rows: Annotated[int, Meta(ge=1, description="The share is not looked at before so many rows.")] = 1000


class Feed(Struct, frozen=True, forbid_unknown_fields=True):
    """What the files under one key prefix mean, and the table their rows go to."""

    prefix: Annotated[str, Meta(min_length=1, description="Object keys that begin so belong to this feed.")]
    table: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.-]{3,255}$", description="DynamoDB table.")]
    partition_key: Annotated[str, Meta(min_length=1, description='A column, or a template: "CUST#{customer_id}".')]
    sort_key: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="A column or a template, as partition_key.")
    ] = None
    existing: Annotated[bool, Meta(description="true: the table is there already; the stack does not make it.")] = False
    csv: Csv = Csv()
    columns: dict[str, ColumnType | Column] = {}
    attributes: Annotated[
        dict[str, str | Extra], Meta(description="Attributes beside the columns': constants and templates.")
    ] = {}
    ttl: Annotated[Ttl | None, Meta(description="When items expire.")] = None
    lineage: Lineage = Lineage()
    indexes: Annotated[dict[str, Index], Meta(description="The table's global secondary indexes, by name.")] = {}
    max_rejects: Rejects = Rejects()

    def column(self, name: str) -> Column:
        """Return what the feed says about a CSV column; a string kept under its name, if nothing.

        >>> Feed("o/", "Orders", "id", columns={"qty": "N"}).column("qty").type
        'N'
        """
        found = self.columns.get(name, Column())
        return found if isinstance(found, Column) else Column(type=found)

    def extras(self) -> dict[str, Extra]:
        """Return the attributes that no column gives, by name."""
        return {
            name: extra if isinstance(extra, Extra) else Extra(value=extra) for name, extra in self.attributes.items()
        }

    def made_attributes(self) -> list[str]:
        """Return the names of the attributes that are not a column's: keys from templates, extras, the TTL's."""
        keys = [key.name for key in self.key_attributes() if is_template(key.source)]
        return keys + list(self.attributes) + ([self.ttl.attribute] if self.ttl else [])

    def key_attributes(self) -> tuple["KeyAttribute", ...]:
        """Return the table's key attributes, partition key first."""
        declared = [(self.partition_key, "pk"), (self.sort_key, "sk")]
        return tuple(self._key(text, default) for text, default in declared if text)

    def index_keys(self) -> list[tuple["KeyAttribute", int]]:
        """Return the key attributes of all indexes, each with its place in the key: 0 partition, 1 sort."""
        declared = [(name, at) for i in self.indexes.values() for at, name in enumerate((i.partition_key, i.sort_key))]
        return [(KeyAttribute(name, self.attribute_type(name), name), at) for name, at in declared if name]

    def attribute_type(self, name: str) -> ColumnType:
        """Return the type of the attribute of that name; a column the feed does not list gives a string."""
        types: dict[str, ColumnType] = {self.column(c).name or c: self.column(c).type for c in self.columns}
        types |= {name: extra.type for name, extra in self.extras().items()}
        types |= {key.name: key.type for key in self.key_attributes()}
        types |= {self.ttl.attribute: "N"} if self.ttl else {}
        return types.get(name, "N" if name == self.lineage.line else "S")

    def _key(self, text: str, default_name: str) -> "KeyAttribute":
        if is_template(text):
            return KeyAttribute(name=default_name, type="S", source=text)
        column = self.column(text)
        return KeyAttribute(name=column.name or text, type=column.type, source=text)


class KeyAttribute(Struct, frozen=True):
    """One attribute of a table's primary key. `source` is the column or template it is made from."""

    name: str
    type: ColumnType
    source: str


class Feeds(Struct, frozen=True, forbid_unknown_fields=True):
    """All feeds by name."""

    feeds: dict[str, Feed]

    def named(self, name: str) -> Feed:
        """Return the feed of that name.

        Raises:
            SettingsFault: there is none; says which there are.
        """
        if name not in self.feeds:
            raise SettingsFault(f"There is no feed {name!r}; feeds.toml declares: {', '.join(sorted(self.feeds))}.")
        return self.feeds[name]

    def for_key(self, key: str) -> tuple[str, Feed]:
        """Return the name and feed whose prefix the object key begins with.

        Raises:
            NoFeed: no prefix fits.
        """
        for name, feed in self.feeds.items():
            if key.startswith(feed.prefix):
                return name, feed
        prefixes = ", ".join(repr(feed.prefix) for feed in self.feeds.values())
        raise NoFeed(f"No feed takes the key {key!r}; feeds.toml has the prefixes {prefixes}.")


def is_template(text: str) -> bool:
    """Return whether a key is built from a template instead of taken from a column.

    >>> is_template("CUST#{customer_id}"), is_template("customer_id")
    (True, False)
    """
    return "{" in text


def template_columns(template: str) -> list[str]:
    """Return the columns a template names, in order.

    >>> template_columns("ORDER#{region}#{order_id}")
    ['region', 'order_id']
    """
    return [part for i, part in enumerate(template_parts(template)) if i % 2]


def template_parts(template: str) -> list[str]:
    """Return literal, column, literal, column, ... literal.

    >>> template_parts("CUST#{id}")
    ['CUST#', 'id', '']
    """
    return re.split(r"\{([^{}]+)\}", template)
