"""DynamoDB's numbers, given as text: which there are, which are equal, and how many bytes each counts."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import AnyArray, byte_lengths, utf8_of

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (numbers)
MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130
MAX_BYTES = 21

PATTERN = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_EXACT = Context(prec=5_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN)  # more digits than a block of 4 MiB can hold
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


def number_size(number: Decimal) -> int:
    """Return the bytes DynamoDB counts for a number: one, one for each pair of digits, one for a minus.

    Digits are paired from the decimal point on, and pairs of zeros at either end are not kept. (The developer guide
    says "approximately"; DynamoDB Local counts so, and takes an item of exactly 400 KB.)

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
    """Return which pair of digits, counted from the point, the digit at a place of its text belongs to."""
    power = pc.subtract(pc.subtract(point, place), pc.cast(pc.less(place, point), pa.int32()))
    return pc.shift_right(pc.add(power, exponents), 1)
