"""Whether a record is a header, judged by the records below it."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from ingest.sniff.columns import is_value, is_word, is_year, shape

_SERIES = re.compile(r"(.*?)(\d{1,9})\Z", re.DOTALL)
_MOST = 0.8


def is_header(first: list[str], body: list[list[str]]) -> bool:
    """Return whether a record is a header.

    Where all cells are text it is taken for one: files without a header are the exception.

    >>> is_header(["name", "age"], [["Ann", "31"]]), is_header(["Ann", "31"], [["Bob", "40"]])
    (True, False)
    """
    votes = header_votes(first, body)
    if votes:
        return votes > 0
    names = [cell.strip() for cell in first if cell.strip()]
    are_words = all(map(is_word, names))
    has_values = any(is_value(name) and not is_year(name) and (are_words or not is_word(name)) for name in names)
    is_described = are_words and any(any(row) for row in body)  # below a header `No` stands something else
    return bool(names) and (is_described or not has_values) and len(set(names)) * 2 > len(first)


def header_votes(first: list[str], body: list[list[str]]) -> int:
    """Return how many columns speak for a record as a header, less those that speak against it.

    Files that were joined repeat their header: its copies are not what it is judged by, and one vote for it.
    """
    rows = [row for row in body if row != first]
    votes = sum(_vote(cell.strip(), [row[at] for row in rows or body]) for at, cell in enumerate(first))
    is_series = _is_series(first) and not any(map(_is_series, rows[:20]))
    is_repeated = bool(rows) and len(rows) < len(body) and votes >= 0
    return votes + len(first) * is_series + is_repeated


def _vote(cell: str, column: list[str]) -> int:
    """Return 1 where a column speaks for a header, -1 against one, 0 where it says nothing."""
    values = [value for value in column if value]
    if not cell or not values:
        return 0
    if _are_most(values, is_word):
        return -1 if is_word(cell) else 1
    if _are_most(values, is_value):
        if is_year(cell) and sum(map(is_year, values)) * 2 < len(values):
            return 0
        return -1 if is_value(cell) and not is_word(cell) else 1
    if is_word(cell):
        return 0
    return -1 if cell in values or _is_alike(cell, values) else 0


def _are_most(values: list[str], test: Callable[[str], bool]) -> bool:
    return sum(map(test, values)) >= _MOST * len(values)


def _is_alike(cell: str, values: list[str]) -> bool:
    """Return whether a cell with digits is made as most values are: O-1 as O-22, but not item1 as AB12.

    As many letters in the same case, where the values agree in that; else only runs of letters in the same case.
    """
    if not re.search(r"\d", cell):
        return False
    for is_exact in (True, False):
        usual, count = Counter(shape(value, is_exact=is_exact) for value in values).most_common(1)[0]
        if count >= _MOST * len(values):
            return shape(cell, is_exact=is_exact) == usual
    return False


def _is_series(cells: list[str]) -> bool:
    """Return whether most cells of a record are one text with counted numbers: q1, q2, q3."""
    ends = [_SERIES.match(cell.strip()) for cell in cells]
    steps = sum(
        bool(one and two and one[1] and one[1] == two[1] and int(two[2]) == int(one[2]) + 1)
        for one, two in pairwise(ends)
    )
    return steps > 1 and steps * 2 >= len(cells) - 1
