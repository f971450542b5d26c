"""Markdown: tables, and parts of a page that stand between <!-- begin: NAME --> and <!-- end -->."""

import re
from collections.abc import Iterable, Mapping

PART = re.compile(r"(<!-- begin: (?P<name>[^>]+) -->\n?).*?(<!-- end -->)", re.DOTALL)


def table(titles: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table.

    >>> print(table(["a", "b"], [["1", "2|3"]]), end="")
    | a | b |
    |---|---|
    | 1 | 2\\|3 |
    """
    titles = list(titles)
    lines = [_line(titles), "|" + "---|" * len(titles), *map(_line, rows)]
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def with_parts(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with what stands between its comments as it is today.

    >>> with_parts("a <!-- begin: x -->\\nold<!-- end --> b", {"x": "new"})
    'a <!-- begin: x -->\\nnew<!-- end --> b'

    Raises:
        KeyError: the page names a part that there is not.
    """
    return PART.sub(lambda match: match[1] + parts[match["name"]] + match[3], page)


def part_names(page: str) -> list[str]:
    """Return the names of a page's parts, in order."""
    return [match["name"] for match in PART.finditer(page)]
