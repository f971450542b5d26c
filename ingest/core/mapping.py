"""A feed and a header -> which attribute each column becomes. Refuses a header that does not fit."""

from collections.abc import Sequence
from dataclasses import dataclass

from ingest.errors import BadHeader
from ingest.feeds import (
    FALSE_WORDS,
    TRUE_WORDS,
    Feed,
    KeyAttribute,
    NullPolicy,
    is_template,
    template_columns,
)

MAX_LISTED = 500  # characters


@dataclass(frozen=True, slots=True)
class Target:
    """One attribute made from one column."""

    column: str
    name: str
    type: str = "S"
    null: NullPolicy = "omit"
    default: str | None = None
    true: tuple[str, ...] = TRUE_WORDS
    false: tuple[str, ...] = FALSE_WORDS
    encoding: str = "base64"
    separator: str = ";"
    decimal: str = "."
    thousands: str = ""


@dataclass(frozen=True, slots=True)
class Mapping:
    """What one file's rows become: attributes in the file's order, and the table's key attributes."""

    targets: tuple[Target, ...]
    keys: tuple[KeyAttribute, ...]
    extras: tuple[Target, ...] = ()  # their `column` is a constant or a template


def map_columns(feed: Feed, columns: tuple[str, ...]) -> Mapping:
    """Return what the columns of a file become under a feed.

    Raises:
        BadHeader: a column the feed needs is missing, one it does not know is refused, or two give one attribute.
    """
    _check_columns(feed, columns)
    targets = tuple(_target(feed, column) for column in columns if not _is_dropped(feed, column))
    keys = feed.key_attributes()
    extras = tuple(Target(extra.value, name, extra.type) for name, extra in feed.extras().items())
    made = [key.name for key in keys if is_template(key.source)] + [extra.name for extra in extras]
    _check_names([target.name for target in targets] + made)
    return Mapping(targets, keys, extras)


def _check_columns(feed: Feed, columns: tuple[str, ...]) -> None:
    for column in needed_columns(feed):
        if column not in columns:
            raise BadHeader(
                f"The header has no column {column!r}, which the feed needs; it has {_listed(columns)}. "
                f"Mend the file or the feed (its delimiter is {feed.csv.delimiter!r}){_way_out(feed, column)}."
            )
    if feed.csv.unknown_columns == "refuse":
        unknown = [column for column in columns if not _is_known(feed, column)]
        if unknown:
            raise BadHeader(f"The header has the column {_listed(unknown[:1])}, which the feed does not list.")


def _way_out(feed: Feed, column: str) -> str:
    return "" if column in _always_needed(feed) else ", or allow missing_columns"


def _listed(columns: Sequence[str]) -> str:
    """Return names for a sentence that must fit in the ledger, however many and long they are."""
    text = ", ".join(map(repr, columns))
    return text if len(text) <= MAX_LISTED else f"{text[:MAX_LISTED]} ..."


def needed_columns(feed: Feed) -> list[str]:
    """Return the columns a file of the feed must have: those of its keys, and the listed ones unless it allows less."""
    listed = [name for name in feed.columns if not feed.column(name).drop]
    return list(dict.fromkeys(_always_needed(feed) + (listed if feed.csv.missing_columns == "refuse" else [])))


def _always_needed(feed: Feed) -> list[str]:
    names: list[str] = []
    for key in feed.key_attributes():
        names += template_columns(key.source) if is_template(key.source) else [key.source]
    for extra in feed.extras().values():
        names += template_columns(extra.value)
    return names + [name for name in feed.columns if feed.column(name).null == "reject" and not feed.column(name).drop]


def _is_known(feed: Feed, column: str) -> bool:
    return column in feed.columns or column in needed_columns(feed)


def _is_dropped(feed: Feed, column: str) -> bool:
    if any(key.source == column for key in feed.key_attributes()):
        return False
    return feed.column(column).drop or (feed.csv.unknown_columns == "drop" and column not in feed.columns)


def _target(feed: Feed, column: str) -> Target:
    declared = feed.column(column)
    return Target(
        column=column,
        name=declared.name or column,
        type=declared.type,
        null=declared.null,
        default=declared.default,
        true=declared.true,
        false=declared.false,
        encoding=declared.encoding,
        separator=declared.separator,
        decimal=feed.csv.decimal,
        thousands=feed.csv.thousands,
    )


def _check_names(names: list[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BadHeader(f"Two columns would both be the attribute {_listed([name])}; rename one in the feed.")
        seen.add(name)
