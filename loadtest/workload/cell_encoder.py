"""Encodes the cells of a feed as the file has them, with the value that each means."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from loadtest.workload.canonical import canonical_value
from loadtest.workload.faults import BadRecipe
from loadtest.workload.schema import Column, Dialect


@dataclass(frozen=True, slots=True)
class EncodedCell:
    """A cell: its bytes in the file, its text as templates see it (None: no value), its type and canonical value
    (None: the item has no such attribute), and the point in time it means, if any.
    """

    cell: bytes
    text: str | None
    value: tuple[str, bytes] | None
    epoch_s: int | None = None


@dataclass(frozen=True, slots=True)
class CellEncoder:
    """Encodes the cells of one column. `is_first`: it is the file's first."""

    name: str
    column: Column
    dialect: Dialect
    quote_all: bool
    is_first: bool = False

    def empty(self) -> EncodedCell:
        """Return the cell without a value; it is never quoted."""
        return self._encoded(b"", "", is_quoted=False)

    def encode(self, text: str, value: tuple[str, bytes] | None = None, epoch_s: int | None = None) -> EncodedCell:
        """Return a cell with a text; `value` is what it means where that does not follow from text and type.

        Raises:
            BadRecipe: the dialect cannot write it, or it is not a value of the column.
        """
        text = text.strip() if self.dialect.trim else text
        cell, is_quoted = self._cell(text)
        return EncodedCell(cell, text, value, epoch_s) if value else self._encoded(cell, text, is_quoted=is_quoted)

    def quotes(self, text: str) -> bool:
        """Return whether a text is written in quotes."""
        marks = self.dialect.delimiter + self.dialect.quote + "\r\n"
        is_comment = self.is_first and self.dialect.comment and text.startswith(self.dialect.comment)
        return bool(text) and (self.quote_all or is_comment or any(mark in text for mark in marks))

    def _cell(self, text: str) -> tuple[bytes, bool]:
        d = self.dialect
        written = text.replace(d.escape, d.escape * 2) if d.escape else text
        is_quoted = self.quotes(text)
        if is_quoted and d.quote:
            written = d.quote + written.replace(d.quote, d.quote * 2) + d.quote
        elif is_quoted and d.escape:
            written = written.replace(d.delimiter, d.escape + d.delimiter)
        if (is_quoted and not d.quote and (not d.escape or "\n" in text or "\r" in text)) or "\0" in text:
            raise BadRecipe(f"column {self.name}: the feed's dialect cannot write {text!r}; leave it out.")
        try:
            return written.encode(d.encoding), is_quoted and bool(d.quote)
        except UnicodeEncodeError:
            raise BadRecipe(f"column {self.name}: {text!r} is no {d.encoding} text; leave it out.") from None

    def _encoded(self, cell: bytes, text: str, *, is_quoted: bool) -> EncodedCell:
        is_null = text in self.dialect.null_values and (self.dialect.quoted_nulls or not is_quoted)
        raw = None if is_null else text
        meant = self.column.default if raw is None else raw
        if meant is None and self.column.null == "empty":
            meant = ""
        if meant is None:
            return EncodedCell(cell, None, ("NULL", b"") if self.column.null == "null" else None)
        return EncodedCell(cell, raw, self.value(meant))

    def value(self, text: str) -> tuple[str, bytes]:
        """Return the type and canonical value of a text of type S, N or BOOL.

        Raises:
            BadRecipe: it is none.
        """
        kind, column = self.column.type, self.column
        if kind == "BOOL":
            word = text.lower()
            if word not in {w.lower() for w in column.true + column.false}:
                raise BadRecipe(f"column {self.name}: {text!r} is neither the feed's true nor its false.")
            return kind, canonical_value(kind, word in {w.lower() for w in column.true})
        if kind == "N":
            text = text.replace(self.dialect.thousands, "") if self.dialect.thousands else text
            try:
                return kind, canonical_value(kind, str(Decimal(text.replace(self.dialect.decimal, "."))))
            except ArithmeticError:
                raise BadRecipe(f"column {self.name}: {text!r} is not a number of the feed.") from None
        if kind != "S" or column.timestamp:
            raise BadRecipe(f"column {self.name}: {text!r} is not read as {kind} here; use the default distribution.")
        return kind, text.encode()

    def number(self, text: str) -> EncodedCell:
        """Return the cell of a number that is written with a decimal point."""
        return self.encode(text.replace(".", self.dialect.decimal) if self.column.type == "N" else text)

    def time(self, when: datetime) -> EncodedCell:
        """Return the cell of a time, which is of the column's zone; it must be one that the column's unit can hold."""
        column = self.column
        forms = {"iso": when.isoformat(), "epoch_s": str(_epoch_s(when)), "epoch_ms": str(_epoch_s(when) * 1000)}
        if not column.timestamp:
            return self.encode(_iso(when))
        first = column.timestamp[0]
        text = _iso(when) if first == "iso" and column.unit != "day" else forms.get(first) or when.strftime(first)
        return self.encode(text, (column.type, self._time_value(when).encode()), _epoch_s(when))

    def _time_value(self, when: datetime) -> str:
        column = self.column
        if column.unit == "day":
            return when.date().isoformat()
        if column.type == "N":
            return str(_epoch_s(when) * {"s": 1, "ms": 1000, "us": 1_000_000}[column.unit])
        digits = {"s": "", "ms": ".000", "us": ".000000"}[column.unit]
        return _iso(when).removesuffix("Z") + digits + "Z"


def _epoch_s(when: datetime) -> int:
    return int(when.timestamp())


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
