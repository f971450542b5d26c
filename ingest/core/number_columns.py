"""Columns of text -> columns of numbers: still text, exactly what the file says, checked as DynamoDB would."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.core.escapes import utf8_of
from ingest.core.mapping import Target
from ingest.core.numbers import MAX_DIGITS, PATTERN, bounded_number
from ingest.core.typed import Bad, Typed, rows_where


def numbers(cells: pa.Array, target: Target) -> Typed:
    """Return a column as numbers, and the cells that are none or that DynamoDB cannot hold."""
    cells, marked_wrong = _with_points(cells, target)
    if marked_wrong is None and _are_plain(cells):
        return Typed(cells, [])
    is_number = pc.fill_null(pc.match_substring_regex(cells, f"^(?:{PATTERN})$"), True)
    if marked_wrong is not None:
        is_number = pc.and_(is_number, pc.invert(marked_wrong))
    bad = [
        Bad(row, Reason.BAD_NUMBER, "the cell is no number; DynamoDB takes digits, a sign, a point and an exponent")
        for row in rows_where(pc.invert(is_number))
    ]
    long = pc.greater(pc.binary_length(cells), MAX_DIGITS)
    risky = pc.and_(is_number, pc.fill_null(pc.or_(long, pc.match_substring_regex(cells, "[eE]")), False))
    if not pc.any(risky).as_py():
        return Typed(cells, bad)
    texts = cells.to_pylist()
    for row in rows_where(risky):
        texts[row], fault = bounded_number(texts[row])
        bad += [Bad(row, Reason.NUMBER_OUT_OF_RANGE, fault)] if fault else []
    return Typed(pa.array(texts, pa.string()), bad)


def _are_plain(cells: pa.Array) -> bool:
    """Return whether all cells are digits with at most one point, and few enough to be within digits and range; a sign
    may stand before them.

    The usual case, told at a fifth of what the pattern for any number costs.
    """
    bare = _without_signs(cells) if b"-" in utf8_of(cells).to_pybytes() else cells
    length = pc.binary_length(bare)
    rest = pc.ascii_trim(bare, characters="0123456789")
    is_plain = pc.and_(pc.greater(length, pc.binary_length(rest)), pc.less_equal(length, MAX_DIGITS))
    return bool(pc.all(pc.and_(is_plain, pc.is_in(rest, value_set=_NO_MORE_THAN_A_POINT)), min_count=0).as_py())


def _without_signs(cells: pa.Array) -> pa.Array:
    """Return cells without a minus before them; unchanged if one has several, which is no number."""
    bare = pc.ascii_ltrim(cells, characters="-")
    most = pc.max(pc.subtract(pc.binary_length(cells), pc.binary_length(bare))).as_py()
    return bare if most == 1 else cells


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
