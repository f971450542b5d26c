"""Columns of text -> columns of one DynamoDB type, without loss: numbers stay text, no float anywhere.

Cells that hold JSON or several values are parsed one by one, and checked as DynamoDB would check them.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.feeds.rules import MAX_NAME_BYTES
from ingest.items.columns import AnyArray, BadValueError, CellError, ConvertedColumn, fill_null, one_by_one, rows_where
from ingest.items.mapping import Target
from ingest.items.numbers import PATTERN, bounded_number, number_size, numbers
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


MAX_DEPTH = 32  # the innermost value counts as a level, too; an empty list or map counts like one with a value
_NUMBER = re.compile(PATTERN)
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels, the most DynamoDB allows"


def read_json(text: str, wanted: type[list[Any]] | type[dict[str, Any]]) -> Any:
    """Return a JSON array or object with its numbers as Decimal.

    Raises:
        BadValueError: it is not JSON of this kind, is nested too deeply, or holds what DynamoDB or JSON cannot store.
    """
    try:
        value = json.loads(
            text, parse_float=_number, parse_int=_number, parse_constant=_no_number, object_pairs_hook=_object
        )
        text.encode()
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except RecursionError:
        raise BadValueError(_TOO_DEEP) from None
    except UnicodeEncodeError:
        raise BadValueError("the JSON contains half of a surrogate pair, which is not a character") from None
    except json.JSONDecodeError as error:
        raise BadValueError(f"not valid JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(value, wanted):
        raise BadValueError(f"not a JSON {'array' if wanted is list else 'object'}")
    if _depth(value) > MAX_DEPTH:
        raise BadValueError(_TOO_DEEP)
    return value


def read_set(text: str, separator: str, *, numbers: bool) -> list[str]:
    """Return the members of a set, each once, in the cell's order. Equal numbers are one member.

    An empty text is a member, too: DynamoDB accepts it.

    Raises:
        BadValueError: a member is not a number where numbers are wanted.
    """
    members = text.split(separator)
    if numbers:
        members = [_set_number(member) for member in members]
    return list(dict.fromkeys(members))


def dynamodb_value(value: Any) -> dict[str, Any]:
    """Return a value of `read_json` as DynamoDB JSON.

    >>> dynamodb_value({"a": [Decimal("1.5"), None]})
    {'M': {'a': {'L': [{'N': '1.5'}, {'NULL': True}]}}}
    """
    if isinstance(value, dict):
        return {"M": {name: dynamodb_value(inner) for name, inner in value.items()}}
    if isinstance(value, list):
        return {"L": [dynamodb_value(inner) for inner in value]}
    if value is None:
        return {"NULL": True}
    kind = {bool: "BOOL", Decimal: "N", str: "S"}[type(value)]
    return {kind: str(value) if kind == "N" else value}


def document_bytes(value: Any) -> int:
    """Return the size DynamoDB counts: 3 bytes a list or map, 1 more for each element, names and texts in UTF-8."""
    if isinstance(value, dict):
        return 3 + sum(1 + len(name.encode()) + document_bytes(inner) for name, inner in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + document_bytes(inner) for inner in value)
    if isinstance(value, Decimal):
        return number_size(value)
    return len(value.encode()) if isinstance(value, str) else 1


def _number(text: str) -> Decimal:
    number, fault = bounded_number(text)
    if fault:
        raise BadValueError(fault)
    return Decimal(number)


def _no_number(text: str) -> Decimal:
    raise BadValueError(f"the JSON contains {text}, which DynamoDB cannot store as a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise BadValueError("a JSON object has the same field name twice")
    if "" in value:
        raise BadValueError("a JSON object has an empty field name; DynamoDB does not allow these")
    if any(len(name) > MAX_NAME_BYTES // 4 and len(name.encode()) > MAX_NAME_BYTES for name in value):
        raise BadValueError(f"a JSON object has a field name of more than {MAX_NAME_BYTES:,} bytes")
    return value


def _set_number(text: str) -> str:
    if not _NUMBER.fullmatch(text):
        raise BadValueError("a member of the set is not a valid number")
    number, fault = bounded_number(text)
    if fault:
        raise BadValueError(fault)
    return number


def _depth(value: Any) -> int:
    if isinstance(value, (dict, list)):
        inner = value.values() if isinstance(value, dict) else value
        return 1 + max(map(_depth, inner), default=1)
    return 1
