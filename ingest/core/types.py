"""Columns of text -> columns of one DynamoDB type, without loss: numbers stay text, no float anywhere."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.core.documents import BadValueError, document_bytes, read_json, read_set
from ingest.core.mapping import Target
from ingest.core.numbers import MAX_DIGITS, PATTERN, bounded_number
from ingest.core.times import CANONICAL_TIME, TimeReader
from ingest.feeds import Column


@dataclass(frozen=True, slots=True)
class Bad:
    """A cell that is no value of its column's type."""

    row: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A column in its type; null where the attribute has no value.

    S and N are text, BOOL booleans, B bytes, SS and NS lists of text, L and M JSON text. `sizes` are the bytes DynamoDB
    counts for each value, where they are not the length of what is in `values`.
    """

    values: pa.Array
    bad: list[Bad]
    sizes: pa.Array | None = None


def convert(cells: pa.Array, target: Target) -> Typed:
    """Return a column of text as its feed type, and the cells that are none."""
    if target.declared.default is not None:
        cells = pc.fill_null(cells, target.declared.default)
    missing = []
    if target.declared.null == "reject" and cells.null_count:
        missing = [Bad(row, Reason.MISSING_VALUE, "the cell has no value") for row in _rows_where(pc.is_null(cells))]
    if target.declared.null == "empty":
        cells = pc.fill_null(cells, "")
    converter = _times if target.declared.timestamp else _CONVERTERS[target.type]
    typed = converter(cells, target)
    return Typed(typed.values, missing + typed.bad, typed.sizes)


def _strings(cells: pa.Array, target: Target) -> Typed:
    return Typed(cells, [])


def _numbers(cells: pa.Array, target: Target) -> Typed:
    cells, marked_wrong = _with_points(cells, target)
    if marked_wrong is None and _are_plain(cells):
        return Typed(cells, [])
    is_number = pc.fill_null(pc.match_substring_regex(cells, f"^(?:{PATTERN})$"), True)
    if marked_wrong is not None:
        is_number = pc.and_(is_number, pc.invert(marked_wrong))
    bad = [
        Bad(row, Reason.BAD_NUMBER, "the cell is no number; DynamoDB takes digits, a sign, a point and an exponent")
        for row in _rows_where(pc.invert(is_number))
    ]
    long = pc.greater(pc.binary_length(cells), MAX_DIGITS)
    risky = pc.and_(is_number, pc.fill_null(pc.or_(long, pc.match_substring_regex(cells, "[eE]")), False))
    if not pc.any(risky).as_py():
        return Typed(cells, bad)
    texts = cells.to_pylist()
    for row in _rows_where(risky):
        texts[row], fault = bounded_number(texts[row])
        bad += [Bad(row, Reason.NUMBER_OUT_OF_RANGE, fault)] if fault else []
    return Typed(pa.array(texts, pa.string()), bad)


def _are_plain(cells: pa.Array) -> bool:
    """Return whether all cells are digits with at most one point, and few enough to be within digits and range.

    The usual case, told at a fifth of what the pattern for any number costs.
    """
    rest = pc.ascii_trim(cells, characters="0123456789")
    length = pc.binary_length(cells)
    is_plain = pc.and_(pc.greater(length, pc.binary_length(rest)), pc.less_equal(length, MAX_DIGITS))
    return bool(pc.all(pc.and_(is_plain, pc.is_in(rest, value_set=_NO_MORE_THAN_A_POINT)), min_count=0).as_py())


_NO_MORE_THAN_A_POINT = pa.array(["", "."])


def _with_points(cells: pa.Array, target: Target) -> tuple[pa.Array, pa.Array | None]:
    """Return numbers without thousands marks and with a point, and where marks stand in the wrong places, if any do."""
    if not target.thousands and target.decimal == ".":
        return cells, None
    wrong = pa.repeat(False, len(cells))
    if target.thousands:
        mark = re.escape(target.thousands)
        marked = pc.fill_null(pc.match_substring(cells, target.thousands), False)
        grouped = pc.fill_null(
            pc.match_substring_regex(cells, rf"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:$|[^0-9{mark}][^{mark}]*$)"),
            False,
        )
        wrong = pc.and_(marked, pc.invert(grouped))
        cells = pc.replace_substring(cells, target.thousands, "")
    if target.decimal != ".":
        wrong = pc.or_(wrong, pc.fill_null(pc.match_substring(cells, "."), False))
        cells = pc.replace_substring(cells, target.decimal, ".")
    return cells, wrong if pc.any(wrong).as_py() else None


def _times(cells: pa.Array, target: Target) -> Typed:
    """Convert each distinct cell once; times that are already as they shall be are only looked at."""
    if _is_canonical(cells, target.declared):
        return Typed(cells, [])
    read = TimeReader(target.declared).text
    return _each_once(cells, read, pa.string())


def _is_canonical(cells: pa.Array, declared: Column) -> bool:
    if (declared.type, declared.unit, declared.timestamp[0]) != ("S", "s", "iso"):
        return False
    if not pc.all(pc.match_substring_regex(cells, CANONICAL_TIME)).as_py():
        return False
    try:
        pc.cast(cells, pa.timestamp("s", "UTC"))
    except pa.ArrowInvalid:  # a day or an hour that is none
        return False
    return True


def epoch_seconds(cells: pa.Array, declared: Column) -> Typed:
    """Return a column of times as whole epoch seconds (int64), and the cells that are none."""
    if declared.default is not None:
        cells = pc.fill_null(cells, declared.default)
    return _each_once(cells, TimeReader(declared).epoch_s, pa.int64())


def _each_once(cells: pa.Array, read: Callable[[str], Any], kind: pa.DataType) -> Typed:
    coded = cells.dictionary_encode()
    distinct = _one_by_one(coded.dictionary, read, Reason.BAD_TIMESTAMP, kind)
    message = {bad.row: bad.message for bad in distinct.bad}
    wrong = pc.is_in(coded.indices, value_set=pa.array(message, coded.indices.type))
    bad = [
        Bad(row, Reason.BAD_TIMESTAMP, message[coded.indices[row].as_py()])
        for row in _rows_where(pc.and_(wrong, pc.is_valid(cells)))
    ]
    return Typed(distinct.values.take(coded.indices), bad)


def _booleans(cells: pa.Array, target: Target) -> Typed:
    words = pc.utf8_lower(cells)
    true, false = ([word.lower() for word in words] for words in (target.declared.true, target.declared.false))
    is_true = pc.is_in(words, value_set=pa.array(true, pa.string()))
    known = pc.or_(pc.is_in(words, value_set=pa.array(true + false, pa.string())), pc.is_null(cells))
    message = f"the cell is no yes or no; accepted are {', '.join(target.declared.true + target.declared.false)}"
    bad = [Bad(row, Reason.BAD_BOOLEAN, message) for row in _rows_where(pc.invert(known))]
    return Typed(pc.if_else(pc.is_valid(cells), is_true, pa.scalar(None, pa.bool_())), bad)


def _binary(cells: pa.Array, target: Target) -> Typed:
    return _one_by_one(cells, lambda text: _bytes(text, target.declared.encoding), Reason.BAD_BINARY, pa.binary())


def _bytes(text: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadValueError(f"the cell is no {encoding}") from None


def _sets(cells: pa.Array, target: Target) -> Typed:
    kind = pa.list_(pa.string())
    is_numbers = target.type == "NS"
    return _one_by_one(
        cells,
        lambda text: read_set(text, target.declared.separator, numbers=is_numbers),
        Reason.BAD_SET,
        kind,
        size=lambda members: sum(len(member.encode()) for member in members),
    )


def _json(cells: pa.Array, target: Target) -> Typed:
    wanted: Any = list if target.type == "L" else dict
    sizes: list[int | None] = []

    def check(text: str) -> str:
        value = read_json(text, wanted)
        sizes.append(document_bytes(value))
        return text

    typed = _one_by_one(cells, check, Reason.BAD_JSON, pa.string())
    found = iter(sizes)
    by_row = [None if value is None else next(found) for value in typed.values.to_pylist()]
    return Typed(typed.values, typed.bad, pa.array(by_row, pa.int64()))


def _one_by_one(
    cells: pa.Array,
    read: Callable[[str], Any],
    reason: str,
    kind: pa.DataType,
    size: Callable[[Any], int] | None = None,
) -> Typed:
    """Convert cell by cell; a bad one becomes null."""
    values: list[Any] = []
    bad: list[Bad] = []
    for row, text in enumerate(cells.to_pylist()):
        try:
            values.append(None if text is None else read(text))
        except BadValueError as error:
            values.append(None)
            bad.append(Bad(row, reason, str(error)))
    sizes = [None if value is None else size(value) for value in values] if size else None
    return Typed(pa.array(values, kind), bad, pa.array(sizes, pa.int64()) if sizes is not None else None)


def _rows_where(mask: pa.Array) -> list[int]:
    rows: list[int] = pc.indices_nonzero(mask).to_pylist()
    return rows


_CONVERTERS: dict[str, Callable[[pa.Array, Target], Typed]] = {
    "S": _strings,
    "N": _numbers,
    "BOOL": _booleans,
    "B": _binary,
    "SS": _sets,
    "NS": _sets,
    "L": _json,
    "M": _json,
}
