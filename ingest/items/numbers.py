"""Columns of text -> columns of numbers: still text, exactly what the file says, checked as DynamoDB would."""

import re
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.items.columns import AnyArray, CellError, ConvertedColumn, byte_lengths, fill_null, rows_where, utf8_of
from ingest.items.mapping import Target

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (numbers)
MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130

PATTERN = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_EXACT = Context(prec=5_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN)  # more digits than a block of 4 MiB can hold
_NOT_A_NUMBER = "not a valid number (digits with optional sign, decimal point and exponent)"
_RANGE = f"number outside DynamoDB's range (1E{MIN_EXPONENT} to 9.9E+{MAX_EXPONENT})"


def canonical_number(text: str) -> str:
    """Return the one spelling that DynamoDB's equal numbers share.

    >>> [canonical_number(text) for text in ("007", "1.10", "1e2", "-0")]
    ['7', '1.1', '1E+2', '0']
    """
    number = _EXACT.create_decimal(text)
    return str(number.normalize(_EXACT)) if number else "0"


def bounded_number(text: str) -> tuple[str, str | None]:
    """Return a number in its canonical spelling, and why DynamoDB cannot hold it, if it cannot.

    >>> bounded_number("1e400")[1]
    "number outside DynamoDB's range (1E-130 to 9.9E+125)"
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-0")) > 9:
        return (text, _RANGE) if Decimal(mantissa) else ("0", None)
    number = _EXACT.create_decimal(text).normalize(_EXACT)
    digits = len(number.as_tuple().digits)
    if digits > MAX_DIGITS:
        return text, f"number has {digits} significant digits; DynamoDB allows at most {MAX_DIGITS}"
    if number and not MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT:
        return text, _RANGE
    return canonical_number(text), None


def numbers(cells: AnyArray, target: Target) -> ConvertedColumn:
    """Return a column as numbers, with the cells that are not numbers or that DynamoDB cannot hold."""
    cells, marked_wrong = _with_points(cells, target)
    if marked_wrong is None and _are_plain(cells):
        return ConvertedColumn(cells, [])
    is_number: pa.BooleanArray = fill_null(pc.match_substring_regex(cells, f"^(?:{PATTERN})$"), True)
    if marked_wrong is not None:
        is_number = pc.and_(is_number, pc.invert(marked_wrong))
    bad = [CellError(row, Reason.BAD_NUMBER, _NOT_A_NUMBER) for row in rows_where(pc.invert(is_number))]
    long = pc.greater(byte_lengths(cells), pa.scalar(MAX_DIGITS))
    risky = pc.and_(is_number, fill_null(pc.or_(long, pc.match_substring_regex(cells, "[eE]")), False))
    if not pc.any(risky).as_py():
        return ConvertedColumn(cells, bad)
    texts: list[Any] = cells.to_pylist()
    for row in rows_where(risky):
        texts[row], fault = bounded_number(texts[row])
        bad += [CellError(row, Reason.NUMBER_OUT_OF_RANGE, fault)] if fault else []
    return ConvertedColumn(pa.array(texts, pa.string()), bad)


def _are_plain(cells: AnyArray) -> bool:
    """Return whether all cells are digits with at most one point, and few enough to be within digits and range; a sign
    may stand before them.

    The usual case, recognized at a fifth of what the pattern for any number costs.
    """
    bare = _without_signs(cells) if b"-" in utf8_of(cells).to_pybytes() else cells
    length = byte_lengths(bare)
    rest = pc.ascii_trim(bare, characters="0123456789")
    is_plain = pc.and_(pc.greater(length, byte_lengths(rest)), pc.less_equal(length, pa.scalar(MAX_DIGITS)))
    return bool(pc.all(pc.and_(is_plain, pc.is_in(rest, value_set=_NO_MORE_THAN_A_POINT)), min_count=0).as_py())


def _without_signs(cells: AnyArray) -> AnyArray:
    """Return cells without a minus before them; unchanged if one has several and so is not a number."""
    bare = pc.ascii_ltrim(cells, characters="-")
    most = pc.max(pc.subtract(byte_lengths(cells), byte_lengths(bare))).as_py()
    return bare if most == 1 else cells


_NO_MORE_THAN_A_POINT = pa.array(["", "."])


def _with_points(cells: AnyArray, target: Target) -> tuple[AnyArray, pa.BooleanArray | None]:
    """Return numbers without thousands marks and with a point, and where marks stand in the wrong places, if any do."""
    if not target.thousands and target.decimal == ".":
        return cells, None
    wrong = pa.repeat(False, len(cells))
    if target.thousands:
        mark = re.escape(target.thousands)
        marked = fill_null(pc.match_substring(cells, target.thousands), False)
        grouped = fill_null(
            pc.match_substring_regex(cells, rf"^[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:$|[^0-9{mark}][^{mark}]*$)"),
            False,
        )
        wrong = pc.and_(marked, pc.invert(grouped))
        cells = pc.replace_substring(cells, target.thousands, "")
    if target.decimal != ".":
        wrong = pc.or_(wrong, fill_null(pc.match_substring(cells, "."), False))
        cells = pc.replace_substring(cells, target.decimal, ".")
    return cells, wrong if pc.any(wrong).as_py() else None
