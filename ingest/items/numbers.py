"""DynamoDB's numbers: which are valid, which are equal, and their sizes in bytes; and columns of them, still as text.

A number keeps exactly its value in the file, and passes the checks that DynamoDB makes. A cell that is not a number is
reported with the settings that would make it one, if there are any.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from itertools import combinations
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import Reason
from ingest.items.columns import AnyArray, CellError, ConvertedColumn, byte_lengths, fill_null, rows_where, utf8_of
from ingest.items.mapping import Target

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (numbers)
MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130
MAX_BYTES = 21

PATTERN = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_EXACT = Context(prec=5_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN)  # more digits than a block of 4 MiB can hold
_RANGE = f"number outside DynamoDB's range (1E{MIN_EXPONENT} to 9.9E+{MAX_EXPONENT})"


def canonical_number(text: str) -> str:
    """Return the canonical spelling of a number: the same for all numbers that DynamoDB treats as equal.

    >>> [canonical_number(text) for text in ("007", "1.10", "1e2", "-0")]
    ['7', '1.1', '1E+2', '0']
    """
    number = _EXACT.create_decimal(text)
    return str(number.normalize(_EXACT)) if number else "0"


def bounded_number(text: str) -> tuple[str, str | None]:
    """Return a number in its canonical spelling, and why DynamoDB cannot store it; None if it can.

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


def number_size(number: Decimal) -> int:
    """Return the bytes DynamoDB counts for a number: 1, plus 1 for each pair of digits, plus 1 for a minus sign.

    Digits are paired from the decimal point in both directions; pairs of zeros at either end do not count. (The
    developer guide says "approximately"; DynamoDB Local counts this way, and accepts an item of exactly 400 KB.)

    >>> [number_size(Decimal(text)) for text in ("0", "100", "12.3", "-12.5", "1E-130")]
    [1, 2, 3, 4, 2]
    """
    if not number:
        return 1
    number = number.normalize(_EXACT)
    highest, lowest = number.adjusted() // 2, int(number.as_tuple().exponent) // 2
    return min(MAX_BYTES, 2 + number.is_signed() + highest - lowest)


def number_sizes(numbers: AnyArray) -> AnyArray:
    """Return `number_size` of each number in a column of texts; null where that is null.

    >>> number_sizes(pa.array(["-0", "100", "+12.30", "-.0125E+3", None])).to_pylist()
    [1, 2, 3, 4, None]
    """
    digits = pc.ascii_ltrim(numbers, characters="+-")
    exponents: AnyArray | int = 0
    if _has_exponents(numbers):
        with_exponents = pc.replace_substring_regex(digits, "^[^eE]*$", "E0")
        exponents = pc.cast(pc.replace_substring_regex(with_exponents, r"^.*[eE]\+?", ""), pa.int32())
        digits = pc.replace_substring_regex(digits, "[eE].*", "")
    found = pc.find_substring(cast(pa.StringArray, digits), ".")
    point = pc.if_else(pc.less(found, pa.scalar(0)), byte_lengths(digits), found)
    first = pc.subtract(byte_lengths(digits), byte_lengths(pc.ascii_ltrim(digits, characters="0.")))
    last = pc.subtract(byte_lengths(pc.ascii_rtrim(digits, characters="0.")), 1)
    pairs = pc.subtract(_pair_at(first, point, exponents), _pair_at(last, point, exponents))
    sizes = pc.add(pairs, pc.add(pc.cast(pc.starts_with(numbers, "-"), pa.int32()), 2))
    bounded = pc.min_element_wise(sizes, MAX_BYTES, skip_nulls=False)
    return cast(AnyArray, pc.if_else(pc.greater(first, last), 1, bounded))


def _has_exponents(numbers: AnyArray) -> bool:
    texts = utf8_of(numbers).to_pybytes()
    return b"E" in texts or b"e" in texts


def _pair_at(place: AnyArray, point: AnyArray, exponents: AnyArray | int) -> AnyArray:
    """Return the number of the pair of digits, counted from the point, to which the digit at a place belongs."""
    power = pc.subtract(pc.subtract(point, place), pc.cast(pc.less(place, point), pa.int32()))
    return pc.shift_right(pc.add(power, exponents), 1)


_NOT_A_NUMBER = "not a valid number (digits with optional sign, decimal point and exponent)"
_THOUSANDS = (",", ".", " ", "'", "_", "\u00a0", "\u202f", "\u2019")  # marks that are in use somewhere
_BEHIND_DIGITS = r"[ \x{a0}\x{202f}]?%$"  # with the blanks of typesetting
_HINTED_LENGTH = 80  # longer cells are not meant as numbers
_MOST_HINTS = 2
_NO_MORE_THAN_A_POINT = pa.array(["", "."])


def numbers(cells: AnyArray, target: Target) -> ConvertedColumn:
    """Return a column as numbers, with the cells that are not numbers or that DynamoDB cannot hold."""
    read, misplaced = _with_points(cells, target)
    if misplaced is None and _are_plain(read):
        return ConvertedColumn(read, [])
    is_number = _are_numbers(read, misplaced)
    bad = _not_numbers(cells, rows_where(pc.invert(is_number)), target)
    long = pc.greater(byte_lengths(read), pa.scalar(MAX_DIGITS))
    risky = pc.and_(is_number, fill_null(pc.or_(long, pc.match_substring_regex(read, "[eE]")), False))
    if not pc.any(risky).as_py():
        return ConvertedColumn(read, bad)
    texts: list[Any] = read.to_pylist()
    for row in rows_where(risky):
        texts[row], fault = bounded_number(texts[row])
        bad += [CellError(row, Reason.NUMBER_OUT_OF_RANGE, fault)] if fault else []
    return ConvertedColumn(pa.array(texts, pa.string()), bad)


def _are_numbers(read: AnyArray, misplaced: pa.BooleanArray | None) -> pa.BooleanArray:
    """Return which cells are numbers, or null, given what `_with_points` made of them."""
    are: pa.BooleanArray = fill_null(pc.match_substring_regex(read, f"^(?:{PATTERN})$"), True)
    return are if misplaced is None else pc.and_(are, pc.invert(misplaced))


def _with_points(cells: AnyArray, target: Target) -> tuple[AnyArray, pa.BooleanArray | None]:
    """Return numbers as digits with a point and a leading sign, and a mask of misplaced marks; None if none are."""
    percents = None
    if target.accounting:
        cells = _with_leading_minus(cells)
        cells, percents = _without_percent(cells)
    cells, wrong = _without_marks(cells, target)
    if percents is not None:
        cells = pc.if_else(percents, _hundredths(cells), cells)
    return cells, wrong


def _with_leading_minus(cells: AnyArray) -> AnyArray:
    """Return `(123)` and `123-` as `-123`."""
    cells = pc.replace_substring_regex(cells, r"^\(([^()+-]+)\)$", r"-\1")
    return pc.replace_substring_regex(cells, "^([^()+-]+)-$", r"-\1")


def _without_percent(cells: AnyArray) -> tuple[AnyArray, AnyArray | None]:
    """Return numbers without trailing percent signs, and a mask of those that had one; None if none had."""
    percents = fill_null(pc.match_substring_regex(cells, f"^[^eE%]*[0-9.,]{_BEHIND_DIGITS}"), False)
    if not pc.any(percents, min_count=0).as_py():
        return cells, None
    return pc.if_else(percents, pc.replace_substring_regex(cells, _BEHIND_DIGITS, ""), cells), percents


def _hundredths(cells: AnyArray) -> AnyArray:
    """Return numbers with their point moved two digits to the left; anything else is still not a number."""
    padded = pc.replace_substring_regex(cells, "^([+-]?)", r"\100")
    moved = pc.replace_substring_regex(padded, r"^([+-]?[0-9]*)([0-9]{2})(?:\.([0-9]*))?$", r"\1.\2\3")
    return pc.replace_substring_regex(moved, "^([+-]?)0+([0-9])", r"\1\2")


def _without_marks(cells: AnyArray, target: Target) -> tuple[AnyArray, pa.BooleanArray | None]:
    """Return numbers without thousands marks and with a point, and a mask of misplaced marks; None if none are."""
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


def _are_plain(cells: AnyArray) -> bool:
    """Return whether all cells are digits with at most one point and an optional minus before them, and short enough
    for DynamoDB's limits of digits and range.

    This is the usual case; recognizing it costs a fifth of matching the pattern for any number.
    """
    bare = _without_signs(cells) if b"-" in utf8_of(cells).to_pybytes() else cells
    length = byte_lengths(bare)
    rest = pc.ascii_trim(bare, characters="0123456789")
    is_plain = pc.and_(pc.greater(length, byte_lengths(rest)), pc.less_equal(length, pa.scalar(MAX_DIGITS)))
    return bool(pc.all(pc.and_(is_plain, pc.is_in(rest, value_set=_NO_MORE_THAN_A_POINT)), min_count=0).as_py())


def _without_signs(cells: AnyArray) -> AnyArray:
    """Return cells without a leading minus; all unchanged if a cell has several, which is not a number."""
    bare = pc.ascii_ltrim(cells, characters="-")
    most = pc.max(pc.subtract(byte_lengths(cells), byte_lengths(bare))).as_py()
    return bare if most == 1 else cells


@dataclass(frozen=True, slots=True)
class _Change:
    """A setting with which a cell may be a number, as feeds.toml spells it."""

    setting: str
    value: str | bool

    def __str__(self) -> str:
        return f"`{self.setting} = {json.dumps(self.value)}`"


def _not_numbers(cells: AnyArray, rows: list[int], target: Target) -> list[CellError]:
    if not rows:
        return []
    coded = cells.take(pa.array(rows, pa.int64())).dictionary_encode()
    hints = _hints(coded.dictionary, target)
    messages = [f"{_NOT_A_NUMBER}; it would be one with {hint}" if hint else _NOT_A_NUMBER for hint in hints]
    places: list[Any] = coded.indices.to_pylist()
    return [CellError(row, Reason.BAD_NUMBER, messages[at]) for row, at in zip(rows, places, strict=True)]


def _hints(cells: AnyArray, target: Target) -> list[str]:
    """Return, for each cell, the fewest settings that would make it a number; "" if none would."""
    hints: list[list[str]] = [[] for _ in range(len(cells))]
    is_short = pc.less_equal(byte_lengths(cells), pa.scalar(_HINTED_LENGTH))
    has_letters = pc.match_substring_regex(cells, rf"[^\P{{L}}eE{re.escape(target.thousands)}]")
    may_be = pc.and_(pc.match_substring_regex(cells, "[0-9]"), pc.and_not(is_short, has_letters))
    left = rows_where(may_be)
    for count in (1, 2):
        some = cells.take(pa.array(left, pa.int64()))
        for changes in combinations(_changes(target), count):
            for at in rows_where(_would_be_numbers(some, target, changes)) if left else ():
                hints[left[at]].append(" and ".join(map(str, changes)))
        left = [row for row in left if not hints[row]]
    return [" or ".join(found[:_MOST_HINTS]) for found in hints]


def _changes(target: Target) -> Iterator[_Change]:
    yield _Change("trim", True)
    yield _Change("decimal", "." if target.decimal == "," else ",")
    yield from (_Change("thousands", mark) for mark in _THOUSANDS if mark != target.thousands)
    if not target.accounting:
        yield _Change("accounting", True)


def _would_be_numbers(cells: AnyArray, target: Target, changes: tuple[_Change, ...]) -> pa.BooleanArray:
    """Return which cells would be numbers with other settings."""
    changed: dict[str, Any] = {change.setting: change.value for change in changes}
    if changed.pop("trim", False):
        cells = pc.utf8_trim_whitespace(cells)
    other = replace(target, **changed)
    if other.decimal == other.thousands:
        return pa.repeat(pa.scalar(False), len(cells))
    return _are_numbers(*_with_points(cells, other))
