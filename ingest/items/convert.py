"""Columns of text -> columns of one DynamoDB type, without loss: numbers stay text, no float anywhere."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.items.columns import AnyArray, BadValueError, CellError, ConvertedColumn, fill_null, one_by_one, rows_where
from ingest.items.documents import document_bytes, read_json, read_set
from ingest.items.mapping import Target
from ingest.items.numbers import numbers
from ingest.items.timestamps import times

_MISSING = "the value is missing; the feed requires one"


def convert(cells: AnyArray, target: Target) -> ConvertedColumn:
    """Return a column of text in its feed type, with the cells that are not values of it."""
    if target.declared.default is not None:
        cells = fill_null(cells, target.declared.default)
    missing = []
    if target.declared.null == "reject" and cells.null_count:
        missing = [CellError(row, Reason.MISSING_VALUE, _MISSING) for row in rows_where(pc.is_null(cells))]
    if target.declared.null == "empty":
        cells = fill_null(cells, "")
    converter = times if target.declared.timestamp else _CONVERTERS[target.type]
    typed = converter(cells, target)
    return ConvertedColumn(typed.values, missing + typed.bad, typed.sizes)


def _strings(cells: AnyArray, target: Target) -> ConvertedColumn:
    return ConvertedColumn(cells, [])


def _booleans(cells: AnyArray, target: Target) -> ConvertedColumn:
    words = pc.utf8_lower(cells)
    true, false = ([word.lower() for word in words] for words in (target.declared.true, target.declared.false))
    is_true = pc.is_in(words, value_set=pa.array(true, pa.string()))
    known = pc.or_(pc.is_in(words, value_set=pa.array(true + false, pa.string())), pc.is_null(cells))
    message = f"not a valid boolean; accepted values: {', '.join(target.declared.true + target.declared.false)}"
    bad = [CellError(row, Reason.BAD_BOOLEAN, message) for row in rows_where(pc.invert(known))]
    return ConvertedColumn(pc.if_else(pc.is_valid(cells), is_true, pa.scalar(None, pa.bool_())), bad)


def _binary(cells: AnyArray, target: Target) -> ConvertedColumn:
    return one_by_one(cells, lambda text: _bytes(text, target.declared.encoding), Reason.BAD_BINARY, pa.binary())


def _bytes(text: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadValueError(f"not valid {encoding}") from None


def _sets(cells: AnyArray, target: Target) -> ConvertedColumn:
    kind = pa.list_(pa.string())
    is_numbers = target.type == "NS"
    return one_by_one(
        cells,
        lambda text: read_set(text, target.declared.separator, numbers=is_numbers),
        Reason.BAD_SET,
        kind,
    )


def _json(cells: AnyArray, target: Target) -> ConvertedColumn:
    wanted: Any = list if target.type == "L" else dict
    sizes: list[int | None] = []

    def check(text: str) -> str:
        value = read_json(text, wanted)
        sizes.append(document_bytes(value))
        return text

    typed = one_by_one(cells, check, Reason.BAD_JSON, pa.string())
    found = iter(sizes)
    by_row = [None if value is None else next(found) for value in typed.values.to_pylist()]
    return ConvertedColumn(typed.values, typed.bad, pa.array(by_row, pa.int64()))


_CONVERTERS: dict[str, Callable[[AnyArray, Target], ConvertedColumn]] = {
    "S": _strings,
    "N": numbers,
    "BOOL": _booleans,
    "B": _binary,
    "SS": _sets,
    "NS": _sets,
    "L": _json,
    "M": _json,
}
