"""Encodes the cells of a column as the file has them, with the value that each means."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from loadtest.workload.canonical import canonical_value
from loadtest.workload.faults import BadRecipe
from loadtest.workload.recipe import Recipe

Value = tuple[str, bytes]  # type and canonical value


@dataclass(frozen=True, slots=True)
class EncodedCell:
    """A cell: its bytes in the file, its text as templates see it (None: no value), its value (None: the item has no
    such attribute), and the point in time it means, if any.
    """

    cell: bytes
    text: str | None
    value: Value | None
    epoch_s: int | None = None


class CellEncoder:
    """Encodes the cells of one column. `before`: the delimiter that stands before them. `is_dropped`: items have no
    attribute of it.
    """

    def __init__(self, recipe: Recipe, name: str, *, is_first: bool) -> None:
        self.recipe, self.name, self.column = recipe, name, recipe.schema.column(name)
        self.schema, self.dialect = recipe.schema, recipe.schema.dialect
        self.attribute = self.column.name or name
        self.before = b"" if is_first else self.dialect.delimiter.encode(self.dialect.encoding)
        self.is_dropped = self.schema.is_dropped(name)
        self._comment = self.dialect.comment if is_first else ""

    def encode(self, text: str, value: Value | None = None, epoch_s: int | None = None) -> EncodedCell:
        """Return a cell with a text; `value` is what it means where that does not follow from text and type.

        Raises:
            BadRecipe: the dialect cannot write it, or it is not a value of the column.
        """
        text = text.strip() if self.dialect.trim else text
        cell = self.written(text)
        if value:
            return EncodedCell(cell, text, value, epoch_s)
        may_be_null = self.dialect.quoted_nulls or not (self.quotes(text) and self.dialect.quote)
        raw = None if may_be_null and text in self.dialect.null_values else text
        meant = self.column.default if raw is None else raw
        if meant is None and self.column.null == "empty":
            meant = ""
        if meant is None:
            return EncodedCell(cell, None, ("NULL", b"true") if self.column.null == "null" else None)
        return EncodedCell(cell, raw, self._value(meant))

    def quotes(self, text: str) -> bool:
        """Return whether a text is written in quotes; the empty one never is."""
        marks = self.dialect.delimiter + self.dialect.quote + "\r\n"
        is_comment = bool(self._comment) and text.startswith(self._comment)
        return bool(text) and (self.recipe.quoting == "all" or is_comment or any(mark in text for mark in marks))

    def written(self, text: str) -> bytes:
        """Return a text as the file has it.

        Raises:
            BadRecipe: the dialect cannot write it.
        """
        d, is_quoted = self.dialect, self.quotes(text)
        written = text.replace(d.escape, d.escape * 2) if d.escape else text
        if is_quoted and d.quote:
            written = d.quote + written.replace(d.quote, d.quote * 2) + d.quote
        elif is_quoted and d.escape:
            written = written.replace(d.delimiter, d.escape + d.delimiter)
        if is_quoted and not d.quote and (not d.escape or "\n" in text or "\r" in text):
            raise BadRecipe(f"column {self.name}: the feed's dialect cannot write {text!r}; leave it out.")
        try:
            return written.encode(d.encoding)
        except UnicodeEncodeError:
            raise BadRecipe(f"column {self.name}: {text!r} is not {d.encoding} text; leave it out.") from None

    def _value(self, text: str) -> Value:
        kind, column = self.column.type, self.column
        if kind == "BOOL":
            true, false = ({word.lower() for word in words} for words in (column.true, column.false))
            if text.lower() not in true | false:
                raise BadRecipe(f"column {self.name}: {text!r} is neither the feed's true nor its false.")
            return kind, canonical_value(kind, text.lower() in true)
        if kind == "N":
            text = text.replace(self.dialect.thousands, "") if self.dialect.thousands else text
            try:
                return kind, canonical_value(kind, str(Decimal(text.replace(self.dialect.decimal, "."))))
            except ArithmeticError:
                raise BadRecipe(f"column {self.name}: {text!r} is not a number of the feed.") from None
        if not column.is_plain:
            raise BadRecipe(f"column {self.name}: {text!r} is not read as {kind} here; use the default distribution.")
        return kind, text.encode()

    def number(self, text: str) -> EncodedCell:
        """Return the cell of a number that is written with a decimal point."""
        return self.encode(text.replace(".", self.dialect.decimal) if self.column.type == "N" else text)

    def time(self, when: datetime) -> EncodedCell:
        """Return the cell of a time, which is of the column's zone; it must be one that the column's unit can hold."""
        column, epoch_s = self.column, int(when.timestamp())
        iso = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if not column.timestamp:
            return self.encode(iso)
        forms = {"iso": when.isoformat() if column.unit == "day" else iso}
        forms |= {"epoch_s": str(epoch_s), "epoch_ms": str(epoch_s * 1000)}
        if column.unit == "day":
            meant = when.date().isoformat()
        elif column.type == "N":
            meant = str(epoch_s * {"s": 1, "ms": 1000, "us": 1_000_000}[column.unit])
        else:
            meant = iso.replace("Z", {"s": "Z", "ms": ".000Z", "us": ".000000Z"}[column.unit])
        text = forms.get(column.timestamp[0]) or when.strftime(column.timestamp[0])
        return self.encode(text, (column.type, meant.encode()), epoch_s)
