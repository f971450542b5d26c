"""Columns converted from text to a type, with the cells that could not be converted; and attributes of items."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    AnyArray: TypeAlias = pa.Array[Any]  # generic in the stubs only
else:
    AnyArray: TypeAlias = pa.Array


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
    counts for each value, if finding them needs parsed values.
    """

    values: AnyArray
    bad: list[CellError]
    sizes: AnyArray | None = None


def one_by_one(cells: AnyArray, read: Callable[[str], Any], reason: str, kind: pa.DataType) -> ConvertedColumn:
    """Return a column converted cell by cell; a bad one becomes null."""
    values: list[Any] = []
    bad: list[CellError] = []
    for row, text in enumerate(cells.to_pylist()):
        try:
            values.append(None if text is None else read(text))
        except BadValueError as error:
            values.append(None)
            bad.append(CellError(row, reason, str(error)))
    return ConvertedColumn(pa.array(values, kind), bad)


def utf8_of(texts: AnyArray) -> pa.Buffer:
    """Return the UTF-8 of all texts of a string or binary column in one piece, without copying it."""
    _, ends, data = texts.buffers()
    if data is None or not len(texts):
        return pa.py_buffer(b"")
    offsets = pa.Array.from_buffers(pa.int32(), len(texts) + 1, [None, ends], offset=texts.offset)
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return data.slice(start, end - start)


def rows_where(mask: pa.BooleanArray) -> list[int]:
    """Return the row numbers where a mask is true."""
    return cast(list[int], pc.indices_nonzero(mask).to_pylist())


# pyarrow-stubs know fewer arguments of these kernels than pyarrow takes.
def fill_null(values: AnyArray, value: Any) -> Any:
    """Return an array with a value in place of each null."""
    return pc.fill_null(values, value)


def byte_lengths(texts: AnyArray) -> pa.Int32Array:
    """Return the bytes of each text; null where that is null."""
    return pc.binary_length(cast(pa.StringArray, texts))


def count_true(mask: Any) -> int:
    """Return how many values of a mask are true."""
    return int(pc.sum(mask).as_py() or 0)


def joined(*parts: Any, null_handling: Literal["emit_null", "skip"] = "emit_null") -> pa.StringArray:
    """Return columns and constant texts joined row by row."""
    return cast(pa.StringArray, pc.binary_join_element_wise(*parts, "", null_handling=null_handling))


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of all items. A null is left out of its item, or written as NULL if `write_null`.

    An update leaves an attribute without a value unchanged; with `remove_null`, it removes the attribute.
    """

    name: str
    type: str
    values: AnyArray
    write_null: bool = False
    sizes: AnyArray | None = None  # as in `ConvertedColumn`
    remove_null: bool = False

    def take(self, rows: pa.Int64Array) -> "Attribute":
        """Return the attribute of some of the items, in the order of `rows`."""
        return replace(self, values=self.values.take(rows), sizes=None if self.sizes is None else self.sizes.take(rows))

    def slice(self, start: int, count: int) -> "Attribute":
        """Return the attribute of `count` items in a row, without copying its values."""
        sizes = None if self.sizes is None else self.sizes.slice(start, count)
        return replace(self, values=self.values.slice(start, count), sizes=sizes)
