"""What columns become, and attributes that no column gives: the typed `columns` and `attributes` of feeds.toml."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

ColumnType = Literal["S", "N", "BOOL", "B", "SS", "NS", "L", "M"]
NullPolicy = Literal["omit", "null", "empty", "reject"]

TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")


class Column(Struct, frozen=True, forbid_unknown_fields=True):
    """What one CSV column becomes."""

    type: Annotated[ColumnType, Meta(description="DynamoDB type of the attribute.")] = "S"
    name: Annotated[str | None, Meta(description="Attribute name, if not the column's.")] = None
    null: Annotated[
        NullPolicy,
        Meta(description="No value: omit the attribute, write NULL, write an empty string, or reject the row."),
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
