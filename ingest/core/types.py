"""Columns of text -> columns of one DynamoDB type, without loss: numbers stay text, no float anywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.core.mapping import Target

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (numbers)
MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130
TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")

_NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_EXACT = Context(prec=5_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN)  # more digits than a block of 4 MiB can hold


@dataclass(frozen=True, slots=True)
class Bad:
    """A cell that is no value of its column's type."""

    row: int
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Typed:
    """A column in its type: S and N as text, BOOL as booleans; null where the attribute has no value."""

    values: pa.Array
    bad: list[Bad]


def convert(cells: pa.Array, target: Target) -> Typed:
    """Return a column of text as its feed type, and the cells that are none."""
    if target.null == "reject" and cells.null_count:
        missing = [Bad(row, Reason.MISSING_VALUE, "the cell has no value") for row in _rows_where(pc.is_null(cells))]
        typed = _CONVERTERS[target.type](cells)
        return Typed(typed.values, missing + typed.bad)
    if target.null == "empty":
        cells = pc.fill_null(cells, "")
    return _CONVERTERS[target.type](cells)


def canonical_number(text: str) -> str:
    """Return the one spelling that DynamoDB's equal numbers share.

    >>> [canonical_number(text) for text in ("007", "1.10", "1e2", "-0")]
    ['7', '1.1', '1E+2', '0']
    """
    number = _EXACT.create_decimal(text)
    return str(number.normalize(_EXACT)) if number else "0"


def _strings(cells: pa.Array) -> Typed:
    return Typed(cells, [])


def _numbers(cells: pa.Array) -> Typed:
    is_number = pc.fill_null(pc.match_substring_regex(cells, _NUMBER), True)
    bad = [
        Bad(row, Reason.BAD_NUMBER, "the cell is no number; DynamoDB takes digits, a sign, a point and an exponent")
        for row in _rows_where(pc.invert(is_number))
    ]
    long = pc.greater(pc.binary_length(cells), MAX_DIGITS)
    risky = pc.and_(is_number, pc.fill_null(pc.or_(long, pc.match_substring_regex(cells, "[eE]")), False))
    if not pc.any(risky).as_py():  # up to 38 plain characters are always within digits and range
        return Typed(cells, bad)
    texts = cells.to_pylist()
    for row in _rows_where(risky):
        texts[row], fault = _bounded_number(texts[row])
        bad += [Bad(row, Reason.NUMBER_OUT_OF_RANGE, fault)] if fault else []
    return Typed(pa.array(texts, pa.string()), bad)


def _bounded_number(text: str) -> tuple[str, str | None]:
    """Return the number as DynamoDB would store it, and what is wrong with it, if anything."""
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-0")) > 9:
        return (text, _range_message()) if Decimal(mantissa) else ("0", None)
    number = _EXACT.create_decimal(text).normalize(_EXACT)
    digits = len(number.as_tuple().digits)
    if digits > MAX_DIGITS:
        return text, f"the number has {digits} significant digits, DynamoDB keeps {MAX_DIGITS}"
    if number and not MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT:
        return text, _range_message()
    return canonical_number(text), None


def _range_message() -> str:
    return f"the number is outside DynamoDB's range, 1E{MIN_EXPONENT} to 9.9E+{MAX_EXPONENT}"


def _booleans(cells: pa.Array) -> Typed:
    words = pc.utf8_lower(cells)
    true = pc.is_in(words, value_set=pa.array(TRUE_WORDS))
    known = pc.or_(pc.is_in(words, value_set=pa.array(TRUE_WORDS + FALSE_WORDS)), pc.is_null(cells))
    message = f"the cell is no yes or no; accepted are {', '.join(TRUE_WORDS + FALSE_WORDS)}"
    bad = [Bad(row, Reason.BAD_BOOLEAN, message) for row in _rows_where(pc.invert(known))]
    return Typed(pc.if_else(pc.is_valid(cells), true, pa.scalar(None, pa.bool_())), bad)


def _rows_where(mask: pa.Array) -> list[int]:
    rows: list[int] = pc.indices_nonzero(mask).to_pylist()
    return rows


_CONVERTERS: dict[str, Callable[[pa.Array], Typed]] = {"S": _strings, "N": _numbers, "BOOL": _booleans}
