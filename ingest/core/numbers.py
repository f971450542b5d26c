"""DynamoDB's numbers: text in, text out. Which texts are numbers, which DynamoDB can hold, which are equal."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html (numbers)
MAX_DIGITS = 38
MAX_EXPONENT = 125
MIN_EXPONENT = -130

PATTERN = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_EXACT = Context(prec=5_000_000, Emax=MAX_EMAX, Emin=MIN_EMIN)  # more digits than a block of 4 MiB can hold
_RANGE = f"the number is outside DynamoDB's range, 1E{MIN_EXPONENT} to 9.9E+{MAX_EXPONENT}"


def canonical_number(text: str) -> str:
    """Return the one spelling that DynamoDB's equal numbers share.

    >>> [canonical_number(text) for text in ("007", "1.10", "1e2", "-0")]
    ['7', '1.1', '1E+2', '0']
    """
    number = _EXACT.create_decimal(text)
    return str(number.normalize(_EXACT)) if number else "0"


def bounded_number(text: str) -> tuple[str, str | None]:
    """Return a number in its canonical spelling, and what keeps DynamoDB from holding it, if anything.

    >>> bounded_number("1e400")[1]
    "the number is outside DynamoDB's range, 1E-130 to 9.9E+125"
    """
    mantissa, _, exponent = text.lower().partition("e")
    if len(exponent.lstrip("+-0")) > 9:
        return (text, _RANGE) if Decimal(mantissa) else ("0", None)
    number = _EXACT.create_decimal(text).normalize(_EXACT)
    digits = len(number.as_tuple().digits)
    if digits > MAX_DIGITS:
        return text, f"the number has {digits} significant digits, DynamoDB keeps {MAX_DIGITS}"
    if number and not MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT:
        return text, _RANGE
    return canonical_number(text), None
