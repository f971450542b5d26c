"""Whether the first record names the columns, and names that will do where it names them badly."""

import re
import unicodedata

from ingest.errors import SettingsFault
from ingest.sniff.columns import is_value, is_year, shape


def is_header(first: list[str], body: list[list[str]]) -> bool:
    """Return whether a record is a header, judged by the records below it.

    Where all is text nothing can be told, and files without a header are the exception.

    >>> is_header(["name", "age"], [["Ann", "31"]]), is_header(["Ann", "31"], [["Bob", "40"]])
    (True, False)
    """
    votes = sum(_vote(cell.strip(), [row[at] for row in body]) for at, cell in enumerate(first))
    if votes:
        return votes > 0
    names = [cell.strip() for cell in first if cell.strip()]
    has_values = any(is_value(name) and not is_year(name) for name in names)
    return bool(names) and not has_values and len(set(names)) * 2 > len(first)


def usable_names(names: list[str]) -> list[str]:
    """Return names, each once and none empty, as near to the given ones as that allows.

    >>> usable_names(["a", "", "a", "a_2"])
    ['a', 'column_2', 'a_3', 'a_2']
    """
    taken = set(names)
    used: set[str] = set()
    usable = []
    for position, name in enumerate(names, start=1):
        if not name or name in used:
            name = _fresh(name, position, taken)  # noqa: PLW2901
        used.add(name)
        taken.add(name)
        usable.append(name)
    return usable


def _fresh(name: str, position: int, taken: set[str]) -> str:
    """Return a name nobody has: the position is in it, which no other column shares."""
    fresh = f"{name}_{position}" if name else f"column_{position}"
    while fresh in taken:
        fresh += "_"
    return fresh


def _vote(cell: str, column: list[str]) -> int:
    """Return 1 where a column speaks for a header, -1 against one, 0 where it says nothing."""
    values = [value for value in column if value]
    if not cell or not values:
        return 0
    if sum(map(is_value, values)) >= 0.8 * len(values):
        if is_year(cell) and sum(map(is_year, values)) * 2 < len(values):
            return 0
        return -1 if is_value(cell) else 1
    own = shape(cell)
    is_alike = "9" in own and sum(shape(value) == own for value in values) >= 0.8 * len(values)
    return -1 if is_alike or cell in values else 0


_MAX_TABLE = 255
_SUFFIXES = re.compile(r"(?:\.(?:gz|bz2|zst|zstd|csv|tsv|tab|psv|txt|dat|data|asc))+\Z", re.IGNORECASE)


def feed_name(file: str) -> str:
    """Return a name for the feed of a file.

    >>> feed_name("s3://drop/2026/Verkäufe 2026.csv.gz"), feed_name("???")
    ('verkaufe_2026', 'feed')
    """
    stem = _SUFFIXES.sub("", re.split(r"[/\\]", file)[-1])
    return "_".join(word.lower() for word in _words(stem)) or "feed"


def table_name(feed: str) -> str:
    """Return a name for the table of a feed.

    >>> table_name("sales_2026"), table_name("x")
    ('Sales2026', 'XTable')
    """
    name = "".join(word[:1].upper() + word[1:] for word in _words(feed))[:_MAX_TABLE]
    return name if len(name) >= 3 else f"{name}Table"


def checked_feed_name(name: str) -> str:
    """Return a name that a user gave.

    Raises:
        SettingsFault: it is empty.
    """
    if not name.strip():
        raise SettingsFault(f"--name {name!r} is wrong: accepted is any text that is not empty.")
    return name


def _words(text: str) -> list[str]:
    """Return the runs of ASCII letters and digits, letters without their accents."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", bare)
