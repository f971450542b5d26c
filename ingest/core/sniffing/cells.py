"""What a single cell looks like: a value of some kind, or a word that could be a name."""

import re

_NUMBER = r"[+-]?(?:\d[\d.,_' \u00a0\u202f\u2019]*|\.\d+)(?:[eE][+-]?\d+)?\s?%?"
_DATE = r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?"
_TIME = r"\d{1,2}:\d{2}(?::\d{2}.*)?"
_WORD = r"true|false|yes|no"
_UUID = r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
_ADDRESS = r"[^@\s]+@[^@\s]+\.[^@\s]+|https?://\S+"
_VALUE = re.compile(rf"(?:{_NUMBER}|{_DATE}|{_TIME}|{_WORD}|{_UUID}|{_ADDRESS})\Z", re.IGNORECASE)
_DATE_OR_TIME = re.compile(rf"(?:{_DATE}|{_TIME})\Z")
_YEAR = re.compile(r"(?:19|20)\d\d\Z")
_LOOKED_AT = 64  # characters: longer cells are text


def is_value(cell: str) -> bool:
    """Return whether a cell looks like a number, date, time, yes or no, identifier or address: not like a name.

    >>> [is_value(cell) for cell in ("1.234,50", "2026-11-01", "ja@nein.de", "Umsatz EUR")]
    [True, True, True, False]
    """
    cell = cell.strip()
    return len(cell) <= _LOOKED_AT and _VALUE.match(cell) is not None


def is_date(cell: str) -> bool:
    """Return whether a cell looks like a date or a time of day."""
    cell = cell.strip()
    return len(cell) <= _LOOKED_AT and _DATE_OR_TIME.match(cell) is not None


def is_year(cell: str) -> bool:
    """Return whether a cell looks like a year: a number that names columns too."""
    return _YEAR.match(cell) is not None


def shape(cell: str) -> str:
    """Return what a cell is made of: runs of digits and letters are one sign each.

    >>> shape("O-700123"), shape("C 1042/b")
    ('a-9', 'a 9/a')
    """
    return re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", cell[:_LOOKED_AT]))
