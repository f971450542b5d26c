"""The sections `columns` and `attributes` of feeds.toml: what columns become, and attributes without a column."""

from datetime import datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta, Struct

from ingest.errors import SettingsFault

ColumnType = Literal["S", "N", "BOOL", "B", "SS", "NS", "L", "M"]
NullPolicy = Literal["omit", "null", "empty", "reject", "remove"]

TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """What one CSV column becomes."""

    type: Annotated[ColumnType, Meta(description="DynamoDB type of the attribute.")] = "S"
    name: Annotated[str | None, Meta(description="Attribute name, if not the column's.")] = None
    null: Annotated[
        NullPolicy,
        Meta(
            description="No value: omit the attribute, write NULL, write an empty string, or reject the row. Where "
            "rows update items, omit leaves the attribute as it is, and remove removes it."
        ),
    ] = "omit"
    default: Annotated[str | None, Meta(description="Text used where the cell has no value.")] = None
    true: Annotated[tuple[str, ...], Meta(description="BOOL: words for true, in any case.")] = TRUE_WORDS
    false: Annotated[tuple[str, ...], Meta(description="BOOL: words for false, in any case.")] = FALSE_WORDS
    null_values: Annotated[
        tuple[str, ...] | None,
        Meta(description="Cells of this column that mean 'no value', in place of those of the csv section."),
    ] = None
    encoding: Annotated[Literal["base64", "hex"], Meta(description="B: how the bytes are spelled.")] = "base64"
    separator: Annotated[
        Annotated[str, Meta(min_length=1)], Meta(description="SS, NS: stands between members. Equal members are one.")
    ] = ";"
    timestamp: Annotated[
        tuple[str, ...],
        Meta(
            description="S, N: the cell is a point in time in one of these forms: iso, epoch_s, epoch_ms, or a pattern "
            "like %d.%m.%Y %H:%M, tried in this order. It becomes ISO 8601 in UTC (S) or a number since 1970 (N)."
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


_SAMPLE_TIME = datetime(2003, 11, 22, 13, 45, 56, 789_012)
_NAMED_FORMS = ("iso", "epoch_s", "epoch_ms")


def check_column(column: Column, path: str) -> None:
    """Check one column's settings against each other."""
    if column.null == "empty" and column.type != "S":
        raise SettingsFault(f"`{path}.null` = 'empty' is wrong: an empty string is not of type {column.type}.")
    if column.timestamp:
        _check_times(column, path)


def _check_times(column: Column, path: str) -> None:
    if column.type not in ("S", "N"):
        raise SettingsFault(f"`{path}.type` = {column.type!r} is wrong: a timestamp becomes 'S' or 'N'.")
    if column.unit == "day" and column.type == "N":
        raise SettingsFault(f"`{path}.unit` = 'day' is wrong: it is for type 'S' only.")
    if column.null == "empty":
        raise SettingsFault(f"`{path}.null` = 'empty' is wrong: an empty string is not a time.")
    for form in column.timestamp:
        if form not in _NAMED_FORMS and not _has_a_day(form):
            raise SettingsFault(
                f"`{path}.timestamp` = {form!r} is wrong: accepted are {', '.join(_NAMED_FORMS)} and patterns of "
                "Python's strptime with year, month and day, as '%d.%m.%Y %H:%M'."
            )
    check_zone(column.zone, path)


def check_zone(zone: str, path: str) -> None:
    """Check that a time zone is known; `path` is how its section is named in errors."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsFault(
            f"`{path}.zone` = {zone!r} is wrong: accepted is a zone's IANA name, as 'Europe/Berlin'."
        ) from None


def _has_a_day(pattern: str) -> bool:
    """Return whether a pattern parses what it formats, except for smaller parts of a day. %Z would lose the offset."""
    t = _SAMPLE_TIME
    whole = [
        t,
        t.replace(microsecond=0),
        t.replace(second=0, microsecond=0),
        t.replace(minute=0, second=0, microsecond=0),
    ]
    whole.append(t.replace(hour=0, minute=0, second=0, microsecond=0))
    try:
        return "%Z" not in pattern and datetime.strptime(t.strftime(pattern), pattern).replace(tzinfo=None) in whole
    except ValueError:
        return False
