"""Columns: text converted to a type with the cells that could not be, and attributes of items."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


class BadValueError(ValueError):
    """A cell that is not a value of its type; the message says why, without quoting the cell."""


@dataclass(frozen=True, slots=True)
class CellError:
    """A cell that is not a value of its column's type."""

    row: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ConvertedColumn:
    """A column in its type; null where the attribute has no value.

    S and N are text, BOOL booleans, B bytes, SS and NS lists of text, L and M JSON text. `sizes` are the bytes DynamoDB
    counts for each value, where they are not the length of what is in `values`.
    """

    values: pa.Array
    bad: list[CellError]
    sizes: pa.Array | None = None


def one_by_one(
    cells: pa.Array,
    read: Callable[[str], Any],
    reason: str,
    kind: pa.DataType,
    size: Callable[[Any], int] | None = None,
) -> ConvertedColumn:
    """Return a column converted cell by cell; a bad one becomes null. `size` gives the bytes DynamoDB counts."""
    values: list[Any] = []
    bad: list[CellError] = []
    for row, text in enumerate(cells.to_pylist()):
        try:
            values.append(None if text is None else read(text))
        except BadValueError as error:
            values.append(None)
            bad.append(CellError(row, reason, str(error)))
    sizes = [None if value is None else size(value) for value in values] if size else None
    return ConvertedColumn(pa.array(values, kind), bad, pa.array(sizes, pa.int64()) if sizes is not None else None)


def utf8_of(texts: pa.Array) -> pa.Buffer:
    """Return the UTF-8 of all texts of a string or binary column in one piece, without copying it."""
    _, ends, data = texts.buffers()
    if data is None or not len(texts):
        return pa.py_buffer(b"")
    offsets = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, ends], offset=texts.offset)
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return data.slice(start, end - start)


def rows_where(mask: pa.Array) -> list[int]:
    """Return the places where a mask is true."""
    rows: list[int] = pc.indices_nonzero(mask).to_pylist()
    return rows


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of all items. A null is left out of its item, or written as NULL if `write_null`."""

    name: str
    type: str
    values: pa.Array
    write_null: bool = False
    sizes: pa.Array | None = None  # as in `ConvertedColumn`

    def take(self, rows: pa.Array) -> "Attribute":
        """Return the attribute of some of the items, in the order of `rows`."""
        return replace(self, values=self.values.take(rows), sizes=None if self.sizes is None else self.sizes.take(rows))

    def slice(self, start: int, count: int) -> "Attribute":
        """Return the attribute of `count` items in a row, without copying its values."""
        sizes = None if self.sizes is None else self.sizes.slice(start, count)
        return replace(self, values=self.values.slice(start, count), sizes=sizes)
