"""Encodes the cells of a column as the file has them, with the value that each means."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from loadtest.workload.checksum import Item
from loadtest.workload.hashing import seed_of
from loadtest.workload.recipe import Recipe
from loadtest.workload.schema import BadRecipe, sources


@dataclass(frozen=True, slots=True)
class EncodedCell:
    """A cell as the file has it, and what it means."""

    cell: bytes
    text: str | None  # as templates see it; None: no value
    item: Item  # the attributes that the item has of it
    weight: float = 1.0  # how often it comes, in proportion to others


class CellEncoder:
    """Encodes the cells of one column. `before`: their delimiter. `is_dropped`: items have no attribute of it."""

    def __init__(self, recipe: Recipe, name: str, *, is_first: bool) -> None:
        self.recipe, self.name, self.column = recipe, name, recipe.schema.column(name)
        self.schema, self.dialect = recipe.schema, recipe.schema.dialect
        self.attribute, self.is_dropped = self.column.name or name, self.schema.is_dropped(name)
        self.before = b"" if is_first else self.dialect.delimiter.encode(self.dialect.encoding)
        self.in_template = any(name in sources(text) for _, text in self.schema.templates)
        self.seed = seed_of(recipe.seed, "column", name)
        self._comment = self.dialect.comment if is_first else ""

    def encode(self, text: str, content: Any = None, *, weight: float = 1.0) -> EncodedCell:
        """Return a cell with a text; `content` is what it means where that does not follow from the text."""
        text = text.strip() if self.dialect.trim else text
        is_unquoted = not (self.quotes(text) and self.dialect.quote)
        is_null = content is None and text in self.dialect.null_values and (self.dialect.quoted_nulls or is_unquoted)
        cell = EncodedCell(self.written(text), None if is_null else text, {}, weight)
        if self.is_dropped:
            return cell
        value: dict[str, Any] = {self.column.type: content}
        if content is None:
            value = self._value(self.column.default if is_null else text)
        return replace(cell, item={self.attribute: value} if value else {})

    def _value(self, text: str | None) -> dict[str, Any]:
        """Return what a text means; of none, what the feed says."""
        if text is None and self.column.null != "empty":
            return {"NULL": True} if self.column.null == "null" else {}
        return {self.column.type: self._content(text or "")}

    def quotes(self, text: str) -> bool:
        """Return whether a text is written in quotes; the empty one never is."""
        marks = self.dialect.delimiter + self.dialect.quote + "\r\n"
        is_comment = bool(self._comment) and text.startswith(self._comment)
        return bool(text) and (self.recipe.quoting == "all" or is_comment or any(mark in text for mark in marks))

    def written(self, text: str) -> bytes:
        """Return a text as the file has it."""
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

    def _content(self, text: str) -> Any:
        kind, column = self.column.type, self.column
        if kind == "BOOL":
            true, false = ({word.lower() for word in words} for words in (column.true, column.false))
            if text.lower() not in true | false:
                raise BadRecipe(f"column {self.name}: {text!r} is neither the feed's true nor its false.")
            return text.lower() in true
        if kind == "N":
            text = text.replace(self.dialect.thousands, "") if self.dialect.thousands else text
            try:
                return str(Decimal(text.replace(self.dialect.decimal, ".")))
            except ArithmeticError:
                raise BadRecipe(f"column {self.name}: {text!r} is not a number of the feed.") from None
        if not column.is_plain:
            raise BadRecipe(f"column {self.name}: {text!r} is not read as {kind} here; use the default distribution.")
        return text

    def number(self, text: str, *, weight: float = 1.0) -> EncodedCell:
        """Return the cell of a number that is written with a decimal point."""
        is_number = self.column.type == "N"
        return self.encode(text.replace(".", self.dialect.decimal) if is_number else text, weight=weight)

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
        cell = self.encode(forms.get(column.timestamp[0]) or when.strftime(column.timestamp[0]), meant)
        if self.schema.ttl and self.schema.ttl[0] == self.name:
            _, after_s, attribute = self.schema.ttl
            cell = replace(cell, item={**cell.item, attribute: {"N": str(epoch_s + after_s)}})
        return cell
