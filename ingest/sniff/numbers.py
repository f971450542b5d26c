"""How a file spells numbers, and which columns hold nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import AnyArray, byte_lengths, count_true
from ingest.items.numbers import MAX_DIGITS, bounded_number

MIN_VALUES_FOR_ODD_ONES = 50
ODD_SHARE = 0.01
_LONGEST = 200  # characters; DynamoDB's numbers are far shorter
_SPACES = (" ", "\u00a0", "\u202f", "'", "\u2019", "_")
_LOOSE = r"^[+-]?[0-9.,' _\x{a0}\x{202f}\x{2019}]*[0-9][0-9.,' _\x{a0}\x{202f}\x{2019}]*(?:[eE][+-]?[0-9]+)?$"
_IDENTIFIER = r"^(?:\+|-?0[0-9]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$)"  # phone numbers, codes, network addresses


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The marks of a file's numbers."""

    decimal: str = "."
    thousands: str = ""

    def pattern(self) -> str:
        """Return what numbers look like that lose nothing as numbers: no leading zeros, no codes such as 12E4."""
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        grouped = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|" if mark else ""
        whole = rf"(?:{grouped}0|[1-9][0-9]*)"
        return rf"^-?(?:{whole}(?:{point}[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-][0-9]+)?|{point}[0-9]+)$"

    def evidence(self, delimiter: str) -> str:
        """Return what only numbers with these marks look like: 1,234 alone could be either."""
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        shown = []
        if self.thousands in _SPACES or (self.thousands and self.thousands == delimiter):
            shown.append(rf"^-?[0-9]{{1,3}}{mark}[0-9]{{3}}")
        elif self.thousands:
            shown.append(rf"^-?[0-9]{{1,3}}{mark}[0-9]{{3}}[{point}{mark}]")
        if self.decimal == ",":
            shown.append(r"(?:^|[^0-9])0?,[0-9]+$|,(?:[0-9]{1,2}|[0-9]{4,})$|[0-9]{4},")
        return "|".join(shown)


PLAIN = NumberFormat()


def find_number_format(columns: Sequence[AnyArray], delimiter: str) -> NumberFormat:
    """Return the marks under which most columns are numbers; other than plain ones only where they are evident."""
    doubtful = [values for values in columns if len(values) and _all_like(values, _LOOSE)]
    best, most = PLAIN, sum(is_number_column(values, PLAIN) for values in doubtful)
    for form in _formats(delimiter) if most < len(doubtful) else ():
        fitting = [values for values in doubtful if is_number_column(values, form)]
        if len(fitting) > most and any(pc.any(_like(values, form.evidence(delimiter))).as_py() for values in fitting):
            best, most = form, len(fitting)
    return best


def is_number_column(values: AnyArray, form: NumberFormat) -> bool:
    """Return whether values are numbers and nothing is lost if they are written as such; a few may be neither."""
    numbers = values.filter(_like(values, form.pattern()))
    if not is_few(len(values) - len(numbers), len(values)) or pc.any(_like(values, _IDENTIFIER)).as_py():
        return False
    if (pc.max(byte_lengths(numbers)).as_py() or 0) > _LONGEST:
        return False
    long = numbers.filter(pc.or_(pc.greater(byte_lengths(numbers), pa.scalar(MAX_DIGITS)), _like(numbers, "[eE]")))
    plain = (str(text).replace(form.thousands, "").replace(form.decimal, ".") for text in long.to_pylist())
    return all(bounded_number(text)[1] is None for text in plain)


def is_few(odd: int, total: int) -> bool:
    """Return whether the odd values are few enough to be mistakes in the file rather than the column's own format.

    >>> is_few(0, 3), is_few(1, 20), is_few(1, 500)
    (True, False, True)
    """
    return total > odd and (odd == 0 or (total >= MIN_VALUES_FOR_ODD_ONES and odd <= total * ODD_SHARE))


def _formats(delimiter: str) -> list[NumberFormat]:
    decimals = [mark for mark in (".", ",") if mark != delimiter]
    pairs = product(decimals, ("", ",", ".", *_SPACES))
    return [NumberFormat(*pair) for pair in pairs if pair[0] != pair[1] and NumberFormat(*pair) != PLAIN]


def _all_like(values: AnyArray, pattern: str) -> bool:
    return is_few(len(values) - count_true(_like(values, pattern)), len(values))


def _like(values: AnyArray, pattern: str) -> pa.BooleanArray:
    return pc.match_substring_regex(values, pattern)
