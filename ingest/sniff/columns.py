"""Finds what each column holds: type, words for 'no value', and the number of values of another type."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.feeds.column import FALSE_WORDS, TRUE_WORDS, Column, ColumnType
from ingest.items.columns import AnyArray, byte_lengths, count_true, rows_where
from ingest.items.mapping import Target
from ingest.items.numbers import MAX_DIGITS, bounded_number, numbers

POSTGRES_NULL = "\\N"
NULL_WORDS = (
    *("NULL", "Null", "null", "(null)", "N/A", "n/a", "#N/A", "NA", "na", "NaN", "nan", "NAN", "None", "none", "nil"),
    *("-", "--", POSTGRES_NULL),
)
_BOOLEANS = (  # (true, false); one of true and false is enough evidence, other pairs need both words
    *(("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f")),
    *(("ja", "nein"), ("wahr", "falsch"), ("oui", "non"), ("vrai", "faux"), ("sí", "no"), ("sì", "no"), ("sim", "não")),
)
_IDENTIFIERS = re.compile(
    r"(?:^|[\W_])(?:phone|tel|telephone|telefon|fax|mobile|handy|zip|zipcode|zip_?code|postal_?code|postcode|plz|"
    r"version|iban|isbn|ean|gtin|upc|ssn)(?:$|[\W_])",
    re.IGNORECASE,
)
MIN_VALUES_FOR_ODD_ONES = 50
ODD_SHARE = 0.01
_LONGEST = 200  # characters; DynamoDB's numbers are far shorter
_SPACES = (" ", "\u00a0", "\u202f", "'", "\u2019", "_")
_LOOSE = r"^[+-]?[0-9.,' _\x{a0}\x{202f}\x{2019}]*[0-9][0-9.,' _\x{a0}\x{202f}\x{2019}]*(?:[eE][+-]?[0-9]+)?$"
_CODE = r"^(?:\+|-?0[0-9]|[0-9]{1,3}(?:\.[0-9]{1,3}){3}$)"  # phone numbers, codes, network addresses


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """The decimal and thousands marks of a file's numbers."""

    decimal: str = "."
    thousands: str = ""

    def pattern(self) -> str:
        """Return a pattern for texts that lose nothing as numbers: no leading zeros, no codes such as 12E4."""
        point, mark = re.escape(self.decimal), re.escape(self.thousands)
        grouped = rf"[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+|" if mark else ""
        whole = rf"(?:{grouped}0|[1-9][0-9]*)"
        return rf"^-?(?:{whole}(?:{point}[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-][0-9]+)?|{point}[0-9]+)$"

    def evidence(self, delimiter: str) -> str:
        """Return a pattern that only numbers with these marks match: 1,234 alone could be either."""
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
    """Return the marks with which most columns are numbers; marks other than plain ones only if there is evidence."""
    doubtful = [values for values in columns if len(values) and _all_like(values, _LOOSE)]
    best, most = PLAIN, sum(is_number_column(values, PLAIN) for values in doubtful)
    for form in _formats(delimiter) if most < len(doubtful) else ():
        fitting = [values for values in doubtful if is_number_column(values, form)]
        if len(fitting) > most and any(pc.any(_like(values, form.evidence(delimiter))).as_py() for values in fitting):
            best, most = form, len(fitting)
    return best


def is_number_column(values: AnyArray, form: NumberFormat) -> bool:
    """Return whether values, but for a few, are numbers that lose nothing when they are written as numbers."""
    found = values.filter(_like(values, form.pattern()))
    if not is_few(len(values) - len(found), len(values)) or pc.any(_like(values, _CODE)).as_py():
        return False
    if (pc.max(byte_lengths(found)).as_py() or 0) > _LONGEST:
        return False
    long = found.filter(pc.or_(pc.greater(byte_lengths(found), pa.scalar(MAX_DIGITS)), _like(found, "[eE]")))
    plain = (str(text).replace(form.thousands, "").replace(form.decimal, ".") for text in long.to_pylist())
    return all(bounded_number(text)[1] is None for text in plain)


def is_few(odd: int, total: int) -> bool:
    """Return whether the odd values are few enough to be mistakes in the file, and not the column's format.

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


@dataclass(frozen=True, slots=True)
class Finding:
    """What a column holds. `values` counts its values, `odd` those not of the type; `nulls` are its words for none."""

    name: str
    type: ColumnType = "S"
    words: tuple[str, str] | None = None
    values: int = 0
    odd: int = 0
    nulls: tuple[str, ...] = ()

    def declared(self) -> ColumnType | Column:
        """Return the column as a feed declares it."""
        if self.words is None or (self.words[0] in TRUE_WORDS and self.words[1] in FALSE_WORDS):
            return self.type
        return Column(type=self.type, true=self.words[:1], false=self.words[1:])


def find_columns(table: pa.Table, form: NumberFormat) -> list[Finding]:
    """Return what each column holds.

    A word such as NA means a missing value only if all other cells of the column are numbers or booleans, and only if
    no text column contains it: there it may be a name.
    """
    findings = _judge_all(table, form, NULL_WORDS)
    doubtful = _words_in_text(table, findings)
    if doubtful:
        findings = _judge_all(table, form, [word for word in NULL_WORDS if word not in doubtful])
    return findings


def values_without_nulls(table: pa.Table) -> list[AnyArray]:
    """Return each column's cells without those that mean, or could mean, 'no value'."""
    words = pa.array(NULL_WORDS, pa.string())
    columns = (column.drop_null().combine_chunks() for column in table.columns)
    return [cells.filter(pc.invert(pc.is_in(cells, value_set=words))) for cells in columns]


def null_values(table: pa.Table, findings: list[Finding]) -> tuple[str, ...]:
    """Return all cells that mean 'no value' in a file."""
    found = {word for finding in findings for word in finding.nulls}
    if POSTGRES_NULL not in found and any(_count(column, [POSTGRES_NULL]) for column in table.columns):
        found.add(POSTGRES_NULL)
    return ("", *(word for word in NULL_WORDS if word in found))


def _judge_all(table: pa.Table, form: NumberFormat, words: Collection[str]) -> list[Finding]:
    return [
        _judge(name, column.drop_null().combine_chunks(), form, words)
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]


def _judge(name: str, cells: AnyArray, form: NumberFormat, words: Collection[str]) -> Finding:
    is_word = pc.is_in(cells, value_set=pa.array(words, pa.string()))
    values = cells.filter(pc.invert(is_word))
    if not len(values):
        return Finding(name)
    nulls = tuple(str(word) for word in pc.unique(cells.filter(is_word)).to_pylist())
    if is_number_column(values, form) and not _IDENTIFIERS.search(name):
        return Finding(name, "N", None, len(values), _count_bad_numbers(values, form), nulls)
    for pair in _BOOLEANS:
        counts = _counts(values, pair)
        odd = len(values) - counts.total()
        if is_few(odd, len(values)) and (len(counts) == 2 or pair == _BOOLEANS[0]):
            found = Finding(name, "BOOL", pair, len(values), odd, nulls)
            return replace(found, odd=len(values) - _counts(values, _accepted(found.declared())).total())
    return Finding(name, values=len(cells))


def without_odd_rows(table: pa.Table, findings: list[Finding], form: NumberFormat) -> pa.Table:
    """Return a table without the rows that would be rejected for an odd value in a column."""
    odd: set[int] = set()
    for at, finding in enumerate(findings):
        cells: AnyArray = table.column(at).combine_chunks()
        if finding.odd and finding.type == "N":
            odd.update(error.row for error in numbers(cells, _target(form)).bad)
        elif finding.odd:
            accepted = pa.array(_accepted(finding.declared()), pa.string())
            is_odd = pc.and_(pc.is_valid(cells), pc.invert(pc.is_in(pc.utf8_lower(cells), value_set=accepted)))
            odd.update(rows_where(is_odd))
    kept = [row for row in range(table.num_rows) if row not in odd] if odd else []
    return table.take(kept).combine_chunks() if odd else table


def _count_bad_numbers(values: AnyArray, form: NumberFormat) -> int:
    """Return how many values would be rejected as numbers: a load accepts more forms than `NumberFormat.pattern`."""
    odd = values.filter(pc.invert(pc.match_substring_regex(values, form.pattern())))
    return len(numbers(odd, _target(form)).bad)


def _target(form: NumberFormat) -> Target:
    return Target("", "", Column("N"), form.decimal, form.thousands)


def _accepted(declared: ColumnType | Column) -> tuple[str, ...]:
    column = declared if isinstance(declared, Column) else Column(declared)
    return (*column.true, *column.false)


def _counts(values: AnyArray, words: tuple[str, ...]) -> Counter[str]:
    lower = pc.utf8_lower(values)
    found = pc.value_counts(lower.filter(pc.is_in(lower, value_set=pa.array(words, pa.string()))))
    return Counter({entry["values"]: entry["counts"] for entry in cast(Any, found).to_pylist()})


def _words_in_text(table: pa.Table, findings: list[Finding]) -> set[str]:
    """Return the words for 'no value' in typed columns that also occur in text columns, where they may be names."""
    used = {word for finding in findings for word in finding.nulls} - {POSTGRES_NULL}
    texts = [
        column
        for column, finding in zip(table.columns, findings, strict=True)
        if finding.values and finding.type == "S"
    ]
    return {word for word in used if any(_count(column, [word]) for column in texts)}


def _count(column: "pa.ChunkedArray[Any]", words: list[str]) -> int:
    return count_true(pc.is_in(column, value_set=pa.array(words, pa.string())))


_NUMBER = r"[+-]?(?:\d[\d.,_' \u00a0\u202f\u2019]*|\.\d+)(?:[eE][+-]?\d+)?\s?%?"
_DATE = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}.*)?"
_WORD = r"true|false|yes|no"
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_ADDRESS = r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+"
_WORDS = re.compile(rf"(?:{_WORD})\Z", re.IGNORECASE)
_VALUE = re.compile(rf"(?:{_NUMBER}|{_DATE}|{_TIME}|{_WORD}|{_UUID}|{_ADDRESS})\Z", re.IGNORECASE)
_DATE_OR_TIME = re.compile(rf"(?:{_DATE}|{_TIME})\Z")
_CLOCK = re.compile(rf"(?:{_TIME})\Z")
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_LOOKED_AT = 64  # characters: longer cells are text


def is_value(cell: str) -> bool:
    """Return whether a cell looks like a number, date, time, yes or no, identifier or address, and not like a name.

    >>> [is_value(cell) for cell in ("1.234,50", "2026-11-01", "ja@nein.de", "Umsatz EUR")]
    [True, True, True, False]
    """
    cell = cell.strip()
    return len(cell) <= _LOOKED_AT and _VALUE.match(cell) is not None


def is_word(cell: str) -> bool:
    """Return whether a cell is yes, no, true or false: it may be a value or the name of a column."""
    return _WORDS.match(cell.strip()) is not None


def is_date(cell: str) -> bool:
    """Return whether a cell looks like a date or a time of day."""
    cell = cell.strip()
    return len(cell) <= _LOOKED_AT and _DATE_OR_TIME.match(cell) is not None


def is_time(cell: str) -> bool:
    """Return whether a cell looks like a time of day without its date."""
    return _CLOCK.match(cell.strip()) is not None


def is_year(cell: str) -> bool:
    """Return whether a cell looks like a year: a number that may also be a column name."""
    return _YEAR.match(cell) is not None


def shape(cell: str, *, is_exact: bool = False) -> str:
    """Return a cell's shape: each run of digits, and unless `is_exact` of letters in one case, becomes one character.

    >>> shape("O-700123"), shape("C 1042/be"), shape("AB12", is_exact=True)
    ('A-9', 'A 9/a', 'AA9')
    """
    digits = re.sub(r"\d+", "9", cell[:_LOOKED_AT])
    signs = "".join("A" if sign.isupper() else "a" if sign.isalpha() else sign for sign in digits)
    return signs if is_exact else re.sub(r"([Aa])\1+", r"\1", signs)
