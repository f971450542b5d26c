"""A feed and a header -> which attribute each column becomes. Refuses a header that does not fit."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import BadHeader
from ingest.feeds.column import Column
from ingest.feeds.feed import Feed, KeyAttribute
from ingest.feeds.rules import MAX_NAME_BYTES
from ingest.feeds.schema_errors import did_you_mean
from ingest.reading.rows import FILE_COLUMN, LINE_COLUMN

MAX_LISTED = 500  # characters
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
    """What one file's rows become: attributes in the file's order, and the table's key attributes."""

    targets: tuple[Target, ...]
    keys: tuple[KeyAttribute, ...]
    extras: tuple[Target, ...] = ()  # their `column` is a constant or a template
    expiry: Expiry | None = None
    index_keys: tuple[tuple[KeyAttribute, int], ...] = ()  # as `Feed.index_keys`


def map_columns(feed: Feed, columns: tuple[str, ...], *, now_s: float = 0) -> Mapping:
    """Return what the columns of a file become under a feed; `now_s` (epoch) is when items begin to age.

    Raises:
        BadHeader: a column the feed needs is missing, one it does not know is refused, or two give one attribute.
    """
    _check_columns(feed, columns)
    targets = tuple(_target(feed, column) for column in columns if not _is_dropped(feed, column)) + _lineage(feed)
    extras = tuple(Target(extra.value, name, Column(extra.type)) for name, extra in feed.extras().items())
    _check_names([target.name for target in targets] + feed.made_attributes())
    return Mapping(targets, feed.key_attributes(), extras, _expiry(feed, now_s), tuple(feed.index_keys()))


def _lineage(feed: Feed) -> tuple[Target, ...]:
    kept = (Target(FILE_COLUMN, feed.lineage.file), Target(LINE_COLUMN, feed.lineage.line, Column("N")))
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
    """Return the header's nearest name; nothing where it has one column only: that is another delimiter's header.

    A name that looks the same is shown character by character.
    """
    for name in columns[:1000]:
        if _appearance(name) == _appearance(column):
            return f" (its {name!r} looks the same but is written {name!a} there, {column!a} here)"
    return did_you_mean(column, columns[:1000]) if len(columns) > 1 else ""


def _appearance(name: str) -> str:
    """Return what a name looks like: composed or not, with any kind of blank, without characters that do not show."""
    shown = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return shown.translate(_LOOK_ALIKES)


def _way_out(feed: Feed, column: str) -> str:
    return "" if column in feed.always_needed() else ", or allow missing_columns"


def _listed(columns: Sequence[str]) -> str:
    """Return names for a sentence that must fit in the ledger, however many and long they are."""
    text = ", ".join(map(repr, columns))
    return text if len(text) <= MAX_LISTED else f"{text[:MAX_LISTED]} ..."


def _is_known(feed: Feed, column: str) -> bool:
    return column in feed.columns or column in feed.needed_columns()


def _is_dropped(feed: Feed, column: str) -> bool:
    if any(key.source == column for key in feed.key_attributes()):
        return False
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
