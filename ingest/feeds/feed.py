"""The typed contents of feeds.toml: what the files under each key prefix mean. `ingest.feeds.parse` reads them."""

import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.errors import NoFeed, SettingsFault
from ingest.feeds.column import Column, ColumnType, Extra
from ingest.feeds.dialect import Csv
from ingest.feeds.schema_errors import did_you_mean
from ingest.feeds.tables import TableLimits
from ingest.file import glob_matches

# Files that other tools write beside theirs (Spark, Hadoop and EMR, Databricks, Athena), and hidden files and folders.
BY_PRODUCTS: tuple[str, ...] = (
    *("_SUCCESS", "_committed_*", "_started_*", "*.crc", "*_$folder$", "*.metadata", "_temporary/"),
    *(".*", ".*/"),
)
Glob = Annotated[str, Meta(min_length=1)]
NEWEST_FILE = "file"  # value of `newest`: rows are ordered by the file they came from, then by line
ORDER_ATTRIBUTE = "_order"  # of the items of such feeds
ROW_ATTRIBUTE = "_row"
DELETED_ATTRIBUTE = "_deleted"  # of tombstones
_SPAN = r"^[0-9]{1,6}[smhd]$"


class Ttl(Struct, frozen=True, forbid_unknown_fields=True):
    """When DynamoDB deletes an item: some time after a point in time in the row, or after the load began."""

    after: Annotated[
        str,
        Meta(
            pattern=_SPAN,
            description="Items expire this long after the timestamp: 90d, 12h, 30m or 60s.",
            extra={"accepted": "a number with s, m, h or d, as 90d"},
        ),
    ] = "0s"
    column: Annotated[
        str,
        Meta(
            description="A column with a timestamp; an item without it does not expire. Left out: the S3 event's time."
        ),
    ] = ""
    attribute: Annotated[
        str,
        Meta(min_length=1, description="Its name, of type N. The stack enables expiry on the tables it creates."),
    ] = "ttl"

    @property
    def after_s(self) -> int:
        """`after` in seconds."""
        return _seconds(self.after)


class Lineage(Struct, frozen=True, forbid_unknown_fields=True):
    """Attributes that say where an item came from."""

    file: Annotated[str, Meta(description='Attribute for the S3 URL of the file it came from. "" = none.')] = ""
    line: Annotated[str, Meta(description='Attribute (N) for the line its record begins on, from 1. "" = none.')] = ""
    row: Annotated[
        str,
        Meta(
            description="Attribute for the file's version and the line together, about 35 bytes: `ingest undo` finds "
            'by it what a file has written. "" = none, but with write = "insert" `_row`.'
        ),
    ] = ""


class Index(Struct, frozen=True, forbid_unknown_fields=True):
    """The keys of a global secondary index, by attribute name. Items without them are not in the index."""

    partition_key: Annotated[str, Meta(min_length=1, description="An attribute of type S, N or B.")]
    sort_key: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="An attribute of type S, N or B.")
    ] = None


class Operation(Struct, frozen=True, forbid_unknown_fields=True):
    """Which column says what a row does, in files of changes, and its words for it, as they are spelled."""

    column: Annotated[str, Meta(min_length=1, description="A column of the file; it becomes no attribute.")]
    put: Annotated[tuple[str, ...], Meta(description="The row is the whole item.")] = ()
    update: Annotated[tuple[str, ...], Meta(description="The row changes the attributes that it has.")] = ()
    delete: Annotated[tuple[str, ...], Meta(description="The item is deleted; the key columns are enough.")] = ()


class RowLimit(Struct, frozen=True, forbid_unknown_fields=True):
    """How many rows of a kind end the file early, as a file fault. Rows written so far stay and are counted."""

    count: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="More of them than this end the file. No limit where left out."),
    ] = None
    share: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="A larger share of the rows read ends the file. No limit where left out."),
    ] = None
    min_rows: Annotated[int, Meta(ge=1, description="Rows read before the share is looked at.")] = 1000


class Feed(Struct, frozen=True, forbid_unknown_fields=True):
    """What the files under one key prefix mean, and the table their rows go to."""

    prefix: Annotated[
        str, Meta(min_length=1, description="Object keys that begin so belong to the feed; prefixes may not overlap.")
    ]
    table: Annotated[
        str,
        Meta(
            pattern=r"^[a-zA-Z0-9_.-]{3,255}$",
            description="DynamoDB table; the stack creates it.",
            extra={"accepted": "a table's name: 3 to 255 letters, digits, dots, hyphens and underscores"},
        ),
    ]
    partition_key: Annotated[str, Meta(min_length=1, description='A column, or a template: "CUST#{customer_id}".')]
    sort_key: Annotated[
        Annotated[str, Meta(min_length=1)] | None, Meta(description="A column or a template, as partition_key.")
    ] = None
    format: Annotated[Literal["csv"], Meta(description="What its files are. csv: read as `csv` says.")] = "csv"
    write: Annotated[
        Literal["put", "insert", "update", "delete", "undo"],
        Meta(
            description="put: a row replaces the item of its key; insert: only where there is none; update: it changes "
            "the attributes it has; delete: it deletes the item. (undo: only by `ingest undo`.)"
        ),
    ] = "put"
    newest: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description='A column with a version (N, or a timestamp), or "file": an older row never replaces a newer '
            "one, whatever the order in which they come."
        ),
    ] = None
    skip_unchanged: Annotated[
        bool, Meta(description="true: items are read first, and only those that differ are written.")
    ] = False
    operation: Annotated[Operation | None, Meta(description="Files of changes: a column says what each row does.")] = (
        None
    )
    tombstone: Annotated[
        Annotated[str, Meta(pattern=_SPAN, extra={"accepted": "a number with s, m, h or d, as 30d"})] | None,
        Meta(
            description="With newest: a deleted item leaves its key and version behind for that long, so that no older "
            "row brings it back."
        ),
    ] = None
    writer: Annotated[
        Literal["fast", "boto3"],
        Meta(description="fast: many requests in flight; boto3: its batch_writer, the reference, a fortieth as fast."),
    ] = "fast"
    interleave: Annotated[
        bool,
        Meta(
            description="true: rows of one partition key that stand together are written apart, within a block of "
            "4 MiB, so that a file sorted by key does not ask one partition for all it can take. Order within a block "
            "does not matter, as each key is in it once. Only with a sort key and the fast writer."
        ),
    ] = True
    existing: Annotated[bool, Meta(description="true: the table is there already; the stack only writes to it.")] = (
        False
    )
    role: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,512}$",
                extra={"accepted": "the ARN of a role"},
            ),
        ]
        | None,
        Meta(description="ARN of a role to assume for writing, as for a table in another account. Only with existing."),
    ] = None
    region: Annotated[
        Annotated[
            str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", extra={"accepted": "a region's name, as eu-central-1"})
        ]
        | None,
        Meta(description="The table's region, if it is not the stack's. Only with existing."),
    ] = None
    csv: Annotated[Csv, Meta(description="The dialect.")] = Csv()
    columns: Annotated[
        dict[str, ColumnType | Column], Meta(description="What each column becomes, by name; others are strings.")
    ] = {}
    attributes: Annotated[
        dict[str, str | Extra], Meta(description="Attributes that no column gives: constants and templates, by name.")
    ] = {}
    ttl: Annotated[Ttl | None, Meta(description="When items expire.")] = None
    lineage: Annotated[Lineage, Meta(description="Attributes that say where an item came from.")] = Lineage()
    indexes: Annotated[dict[str, Index], Meta(description="The table's global secondary indexes, by name.")] = {}
    max_rejects: Annotated[RowLimit, Meta(description="How many rejects end the file early.")] = RowLimit()
    max_duplicates: Annotated[
        RowLimit, Meta(description="How many rows with the key of a later row end the file early.")
    ] = RowLimit()
    exclude: Annotated[
        tuple[Glob, ...],
        Meta(
            description="Objects under the prefix that are not loaded, as globs: they are IGNORED, without event or "
            "alarm. A list takes the place of the default; [] excludes none."
        ),
    ] = BY_PRODUCTS
    include: Annotated[
        tuple[Glob, ...],
        Meta(description="If there are any of these globs, an object that none of them matches is IGNORED, too."),
    ] = ()

    @property
    def version_attribute(self) -> str | None:
        """The attribute that `newest` compares; None if nothing is compared."""
        column = self.version_column
        return self.column(column).name or column if column else self.order_attribute

    @property
    def version_column(self) -> str | None:
        """The column that `newest` compares; None if it compares none."""
        return None if self.newest == NEWEST_FILE else self.newest

    @property
    def order_attribute(self) -> str | None:
        """The attribute that says which file and line an item came from, in their order; None if there is none."""
        return ORDER_ATTRIBUTE if self.newest == NEWEST_FILE else None

    @property
    def row_attribute(self) -> str | None:
        """The attribute that names the file's version and the line an item came from; None if there is none."""
        return self.lineage.row or (ROW_ATTRIBUTE if self.write == "insert" else None)

    @property
    def is_conditional(self) -> bool:
        """Whether each row is written with its own request: one with a condition, or an update."""
        return self.write in ("insert", "undo") or self.updates or self.newest is not None

    @property
    def updates(self) -> bool:
        """Whether rows, or some of them, change the attributes that they have and leave others as they are."""
        return self.write == "update" or bool(self.write == "put" and self.operation and self.operation.update)

    @property
    def is_ordered(self) -> bool:
        """Whether rows must be written in file order: changes without versions. Such a file is never split."""
        return self.operation is not None and self.newest is None

    @property
    def repeats_keys(self) -> bool:
        """Whether files of the feed normally have several rows with the same key: changes, or versions."""
        return self.operation is not None or self.newest is not None

    @property
    def tombstone_s(self) -> int | None:
        """How long the key and version of a deleted item are kept, in seconds; None if they are not kept."""
        return _seconds(self.tombstone) if self.tombstone else None

    @property
    def expiry_attribute(self) -> str | None:
        """The attribute with the time (N, epoch seconds) at which DynamoDB deletes an item; None if none does."""
        return self.ttl.attribute if self.ttl else Ttl().attribute if self.tombstone else None

    def column(self, name: str) -> Column:
        """Return the feed's settings for a CSV column; by default, a string under the column's name.

        >>> Feed("o/", "Orders", "id", columns={"qty": "N"}).column("qty").type
        'N'
        """
        found = self.columns.get(name, Column())
        return found if isinstance(found, Column) else Column(type=found)

    def needed_columns(self) -> list[str]:
        """Return the columns a file must have: `always_needed`, and the listed ones unless they may be missing.

        >>> Feed("o/", "Orders", "C#{id}", columns={"qty": "N", "note": Column(drop=True)}).needed_columns()
        ['id', 'qty']
        """
        listed = [name for name in self.columns if not self.column(name).drop]
        return list(dict.fromkeys(self.always_needed() + (listed if self.csv.missing_columns == "refuse" else [])))

    def always_needed(self) -> list[str]:
        """Return the columns every item needs: those of keys, templates and expiry, those with null = reject, and those
        with a row's operation and version.
        """
        names = self.key_columns()
        names += [self.version_column] if self.version_column else []
        if self.write in ("delete", "undo"):
            return names
        names += [self.operation.column] if self.operation else []
        for extra in self.extras().values():
            names += template_columns(extra.value)
        names += [self.ttl.column] if self.ttl and self.ttl.column else []
        return names + [
            name for name in self.columns if self.column(name).null == "reject" and not self.column(name).drop
        ]

    def key_columns(self) -> list[str]:
        """Return the columns that the table's key is made of."""
        sources = [key.source for key in self.key_attributes()]
        return [name for text in sources for name in (template_columns(text) if is_template(text) else [text])]

    def extras(self) -> dict[str, Extra]:
        """Return the attributes that no column gives, by name."""
        return {
            name: extra if isinstance(extra, Extra) else Extra(value=extra) for name, extra in self.attributes.items()
        }

    def made_attributes(self) -> list[str]:
        """Return the names of the attributes that are not a column's: keys from templates, extras, the TTL's."""
        keys = [key.name for key in self.key_attributes() if is_template(key.source)]
        expiry = [self.expiry_attribute] if self.expiry_attribute else []
        return keys + list(self.attributes) + expiry + ([DELETED_ATTRIBUTE] if self.tombstone else [])

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

    @property
    def folder(self) -> str:
        """The folder of the prefix, with its slash: globs are compared with the rest of the key.

        >>> Feed("in/orders-", "Orders", "id").folder
        'in/'
        """
        return self.prefix[: self.prefix.rfind("/") + 1]

    def ignores(self, key: str) -> bool:
        """Return whether `exclude` or `include` leaves an object of the feed out, by its key.

        >>> feed = Feed("in/", "Orders", "id", include=("*.csv",))
        >>> [feed.ignores(key) for key in ("in/a.csv", "in/a.txt", "in/_temporary/0/a.csv")]
        [False, True, True]
        """
        path = key[len(self.folder) :]
        is_included = not self.include or any(glob_matches(glob, path) for glob in self.include)
        return not is_included or any(glob_matches(glob, path) for glob in self.exclude)

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
    """All feeds by name, and what may be written to their tables, by the tables' names."""

    feeds: dict[str, Feed]
    tables: Annotated[
        dict[str, TableLimits], Meta(description="What all feeds together may write to a table, by its name.")
    ] = {}

    def named(self, name: str) -> Feed:
        """Return the feed of that name.

        Raises:
            SettingsFault: it does not exist; says which feeds do.
        """
        if name not in self.feeds:
            hint = did_you_mean(name, self.feeds)
            raise SettingsFault(
                f"Feed {name!r} does not exist{hint}; feeds.toml declares: {', '.join(sorted(self.feeds))}."
            )
        return self.feeds[name]

    def expiry_attribute(self, table: str) -> str | None:
        """Return the attribute by which the items of a table expire; None if no feed of the table has one."""
        found = (feed.expiry_attribute for feed in self.feeds.values() if feed.table == table)
        return next(filter(None, found), None)

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

    def ignores(self, key: str, size_bytes: int | None) -> bool:
        """Return whether an object must not be loaded: it represents a folder, or its feed leaves it out.

        Under no feed's prefix, by-products of other tools are left out.
        """
        if key.endswith("/") and not size_bytes:
            return True
        try:
            return self.for_key(key)[1].ignores(key)
        except NoFeed:
            return any(glob_matches(glob, key) for glob in BY_PRODUCTS)


def _seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[text[-1]]


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
    """Return the parts of a template: literal, column, literal, column, ... literal.

    >>> template_parts("CUST#{id}")
    ['CUST#', 'id', '']
    """
    return re.split(r"\{([^{}]+)\}", template)
