"""Names made from a file's name: of the feed, and of its table."""

import re
import unicodedata

from ingest.errors import SettingsFault

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
