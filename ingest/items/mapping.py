"""Map the columns of a header to attributes, as their feed says. Refuses a header that does not fit the feed.

Also checks whether a table accepts such items at all: `table_faults`.
"""

import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ingest.errors import BadHeader
from ingest.feeds.column import Column
from ingest.feeds.feed import Feed, KeyAttribute, Operation
from ingest.feeds.rules import MAX_NAME_BYTES
from ingest.feeds.schema_errors import did_you_mean
from ingest.reading.rows import FILE_COLUMN, LINE_COLUMN, ORDER_COLUMN, ROW_COLUMN

MAX_LISTED = 500  # characters
MAX_UPDATED = 450  # attributes whose placeholders fit in an update expression, of 4,096 bytes
A_STRING = Column()
_LOOK_ALIKES = str.maketrans("асеорхуіјѕАВЕІЈКМНОРЅТХ", "aceopxyijsABEIJKMHOPSTX")  # noqa: RUF001  # Cyrillic, Latin


@dataclass(frozen=True, slots=True)
class Target:
    """One attribute made from one column."""

    column: str
    name: str
    declared: Column = A_STRING
    decimal: str = "."
    thousands: str = ""
    accounting: bool = False

    @property
    def type(self) -> str:
        """The attribute's DynamoDB type."""
        return self.declared.type


@dataclass(frozen=True, slots=True)
class Expiry:
    """When items expire: `after_s` seconds after the time in a column, or after 1970 without a column."""

    attribute: str
    source: Target | None
    after_s: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one file's rows become items: attributes in the file's order, and the table's key attributes.

    `operation` defines what each row does; `version` is the column that `newest` compares. Of a row that deletes an
    item, only the attributes in `of_deleted` matter.
    """

    targets: tuple[Target, ...]
    keys: tuple[KeyAttribute, ...]
    extras: tuple[Target, ...] = ()  # their `column` is a constant or a template
    expiry: Expiry | None = None
    index_keys: tuple[tuple[KeyAttribute, int], ...] = ()  # as `Feed.index_keys`
    operation: Operation | None = None
    version: Target | None = None
    of_deleted: frozenset[str] = frozenset()

    @property
    def types(self) -> dict[str, str]:
        """The type of each attribute that an item may have, by name."""
        types = {target.name: target.type for target in (*self.targets, *self.extras)}
        types |= {self.expiry.attribute: "N"} if self.expiry else {}
        return types | {key.name: key.type for key in self.keys}


def map_columns(feed: Feed, columns: tuple[str, ...], *, now_s: float = 0) -> Mapping:
    """Return what the columns of a file become under a feed. `now_s` (epoch): a TTL without a column counts from it.

    Raises:
        BadHeader: a needed column is missing, a column is unknown and refused, or two columns give one attribute.
    """
    _check_columns(feed, columns)
    targets = tuple(_target(feed, column) for column in columns if not _is_dropped(feed, column)) + _lineage(feed)
    extras = tuple(Target(extra.value, name, Column(extra.type)) for name, extra in feed.extras().items())
    _check_names([target.name for target in targets] + feed.made_attributes())
    version = _target(feed, feed.version_column) if feed.version_column else None
    of_deleted = _attributes_of_deleted(feed)
    if feed.write in ("delete", "undo"):
        needed = tuple(target for target in targets if target.name in of_deleted)
        version = version if feed.write == "delete" else None
        return Mapping(needed, feed.key_attributes(), version=version, of_deleted=of_deleted)
    if feed.updates:
        _check_count(len(targets) + len(feed.made_attributes()))
    expiry, index_keys = _expiry(feed, now_s), tuple(feed.index_keys())
    return Mapping(
        targets, feed.key_attributes(), extras, expiry, index_keys, feed.operation, version, of_deleted=of_deleted
    )


def _attributes_of_deleted(feed: Feed) -> frozenset[str]:
    """Return the attributes that rows which delete items must have: the key, and those used in conditions."""
    asked = {feed.row_attribute, feed.order_attribute} if feed.write == "undo" else {feed.version_attribute}
    return frozenset(key.name for key in feed.key_attributes()) | {name for name in asked if name}


def _check_count(count: int) -> None:
    if count > MAX_UPDATED:
        raise BadHeader(
            f"The rows have {count} attributes, and an update can change {MAX_UPDATED} at most. Drop some in "
            'the feed, or write whole items with `write = "put"`.'
        )


def _lineage(feed: Feed) -> tuple[Target, ...]:
    kept = (
        Target(FILE_COLUMN, feed.lineage.file),
        Target(LINE_COLUMN, feed.lineage.line, Column("N")),
        Target(ROW_COLUMN, feed.row_attribute or ""),
        Target(ORDER_COLUMN, feed.order_attribute or ""),
    )
    return tuple(target for target in kept if target.name)


def _expiry(feed: Feed, now_s: float) -> Expiry | None:
    if not feed.ttl:
        return None
    if not feed.ttl.column:
        return Expiry(feed.ttl.attribute, None, int(now_s) + feed.ttl.after_s)
    return Expiry(feed.ttl.attribute, _target(feed, feed.ttl.column), feed.ttl.after_s)


def _check_columns(feed: Feed, columns: tuple[str, ...]) -> None:
    for column in feed.needed_columns():
        if column not in columns:
            raise BadHeader(
                f"The header has no column {column!r}, which the feed needs{_hint(column, columns)}; "
                f"it has {_listed(columns)}. "
                f"Fix the file or the feed (its delimiter is {feed.csv.delimiter!r}){_way_out(feed, column)}."
            )
    if feed.csv.unknown_columns == "refuse":
        unknown = [column for column in columns if not _is_known(feed, column)]
        if unknown:
            raise BadHeader(f"The header has the column {_listed(unknown[:1])}, which the feed does not list.")


def _hint(column: str, columns: Sequence[str]) -> str:
    """Return a hint at the header's most similar name; "" if it has one column only, as with another delimiter.

    A name that looks the same is shown in ASCII, with escapes.
    """
    for name in columns[:1000]:
        if _appearance(name) == _appearance(column):
            return f" (its {name!r} looks the same but is written {name!a} there, {column!a} here)"
    return did_you_mean(column, columns[:1000]) if len(columns) > 1 else ""


def _appearance(name: str) -> str:
    """Return a name in a form that names which look alike share: normalized, without invisible characters."""
    shown = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return shown.translate(_LOOK_ALIKES)


def _way_out(feed: Feed, column: str) -> str:
    return "" if column in feed.always_needed() else ", or allow missing_columns"


def _listed(columns: Sequence[str]) -> str:
    """Return a list of names for an error message, cut off so that the message fits in the ledger."""
    text = ", ".join(map(repr, columns))
    return text if len(text) <= MAX_LISTED else f"{text[:MAX_LISTED]} ..."


def _is_known(feed: Feed, column: str) -> bool:
    return column in feed.columns or column in feed.needed_columns()


def _is_dropped(feed: Feed, column: str) -> bool:
    if any(key.source == column for key in feed.key_attributes()):
        return False
    if feed.operation and column == feed.operation.column:
        return True
    return feed.column(column).drop or (feed.csv.unknown_columns == "drop" and column not in feed.columns)


def _target(feed: Feed, column: str) -> Target:
    declared = feed.column(column)
    return Target(
        column=column,
        name=declared.name or column,
        declared=declared,
        decimal=feed.csv.decimal,
        thousands=feed.csv.thousands,
        accounting=feed.csv.accounting,
    )


def _check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadHeader(f"Two columns would both be the attribute {_listed([name])}; rename one in the feed.")
        if len(name.encode()) > MAX_NAME_BYTES:
            raise BadHeader(
                f"The attribute {_listed([name])} would have a name of {len(name.encode()):,} bytes; DynamoDB allows "
                f"at most {MAX_NAME_BYTES:,}. Give the column a shorter `name` in the feed."
            )
        seen.add(name)


Described = dict[str, Any]  # a table, as DescribeTable returns it


def table_faults(mapping: Mapping, table: Described, *, but: Collection[str] = ()) -> list[str]:
    """Return why a table would refuse the items, a phrase each: another key, or an index key of another type.

    All its indexes are checked, whether the feed names them or not, except those in `but`. An index that is missing,
    or has other keys of fitting types, does not refuse items: see `index_differences`.

    >>> described = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "AttributeDefinitions":
    ...     [{"AttributeName": "pk", "AttributeType": "S"}]}
    >>> table_faults(Mapping((), (KeyAttribute("id", "N", "id"),)), described)
    ["the key of the table is pk (S), that of the feed id (N): change the feed's keys"]
    """
    types, made = _defined_types(table), mapping.types
    found, wanted = _key_text(_schema(table), types), _key_text([key.name for key in mapping.keys], made)
    if found != wanted:
        return [f"the key of the table is {found}, that of the feed {wanted}: change the feed's keys"]
    return [
        f"index {index['IndexName']} has the key {name} ({types[name]}), and the rows have {name} ({made[name]}): "
        "change its type in the feed"
        for index in _indexes(table)
        for name in _schema(index)
        if index["IndexName"] not in but and made.get(name, types[name]) != types[name]
    ]


def index_differences(feed: Feed, table: Described) -> Iterator[str]:
    """Yield the differences between a table's indexes and those that its feed names, a phrase each."""
    indexes = {index["IndexName"]: index for index in _indexes(table)}
    for name, index in feed.indexes.items():
        if name not in indexes:
            yield f"the table has no index {name}: create it, or remove it from the feed"
            continue
        keys = [key for key in (index.partition_key, index.sort_key) if key]
        wanted = _key_text(keys, {key: feed.attribute_type(key) for key in keys})
        found = _key_text(_schema(indexes[name]), _defined_types(table))
        if wanted != found:
            yield f"the key of index {name} is {found}, that of the feed {wanted}: change the feed's indexes"


def listed_columns(feed: Feed) -> tuple[str, ...]:
    """Return the columns a feed names: those of a file that has them all and no others."""
    return tuple(dict.fromkeys([*feed.needed_columns(), *feed.columns]))


def _indexes(table: Described) -> list[Described]:
    return [*table.get("GlobalSecondaryIndexes", []), *table.get("LocalSecondaryIndexes", [])]


def _schema(keyed: Described) -> list[str]:
    """Return the names of the key of a table or index, partition key first."""
    ordered = sorted(keyed["KeySchema"], key=lambda key: key.get("KeyType") == "RANGE")
    return [str(key["AttributeName"]) for key in ordered]


def _defined_types(table: Described) -> dict[str, str]:
    return {str(one["AttributeName"]): str(one["AttributeType"]) for one in table["AttributeDefinitions"]}


def _key_text(names: Sequence[str], types: dict[str, str]) -> str:
    return " + ".join(f"{name} ({types[name]})" for name in names)
