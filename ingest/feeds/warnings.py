"""Warnings about settings in feeds.toml that are valid but probably not intended, a sentence each."""

import string
from collections.abc import Iterator
from itertools import chain

from ingest.feeds.column import Column
from ingest.feeds.feed import Feed, is_template, template_parts

_NUMBERS = string.digits + "+-.eE"
_ACCOUNTING = "()% \u00a0\u202f"
_TIMES = string.ascii_letters + string.digits + "+-.,: "  # as people write them; a parser may accept more
_BYTES = {"hex": string.hexdigits + string.whitespace, "base64": string.ascii_letters + string.digits + "+/="}


def key_warnings(feed: Feed, path: str) -> Iterator[str]:
    """Yield a sentence for each key template that can give two rows one key; `path` is the feed's, as "feeds.orders".

    >>> [warning] = key_warnings(Feed("o/", "Orders", "K#{a}#{b}"), "feeds.orders")
    >>> print(warning[:102])
    `feeds.orders.partition_key` = 'K#{a}#{b}': rows of different values can get one key, as values of 'a'
    """
    for field, template in (("partition_key", feed.partition_key), ("sort_key", feed.sort_key)):
        if template and is_template(template):
            parts = template_parts(template)
            unclear = _unclear_columns(parts[1::2], parts[2:-1:2], feed)
            if unclear:
                yield (
                    f"`{path}.{field}` = {template!r}: rows of different values can get one key, as values of "
                    f"{' and '.join(map(repr, unclear))} may contain what stands between the columns. Put something "
                    "there that no value contains, or give a column a type that excludes it, as N."
                )


def _unclear_columns(columns: list[str], between: list[str], feed: Feed) -> list[str]:
    """Return the columns that make a joined text ambiguous; an empty list if it can be split into its values.

    It can be split if, for some column, each column before it is followed by text it cannot contain, and each column
    after it is preceded by such text: then splitting from both ends leaves that column in the middle.
    """
    alphabets = [_alphabet(feed.column(column), feed) for column in columns]
    ends = [_excludes(alphabet, mark) for alphabet, mark in zip(alphabets, [*between, ""], strict=True)]
    begins = [_excludes(alphabet, mark) for alphabet, mark in zip(alphabets, ["", *between], strict=True)]
    if any(all(ends[:at]) and all(begins[at + 1 :]) for at in range(len(columns))):
        return []
    first, last = ends.index(False), len(begins) - 1 - begins[::-1].index(False)
    return list(dict.fromkeys((columns[first], columns[last])))


def _excludes(alphabet: str | None, mark: str) -> bool:
    """Return whether no value can contain the whole mark."""
    return alphabet is not None and bool(set(mark) - set(alphabet))


def _alphabet(column: Column, feed: Feed) -> str | None:
    """Return the characters that values of a column may have; None if any may occur."""
    if column.timestamp:
        return _TIMES + "".join(chain(*column.timestamp))
    match column.type:
        case "N":
            return _NUMBERS + feed.csv.decimal + feed.csv.thousands + _ACCOUNTING * feed.csv.accounting
        case "BOOL":
            words = "".join(column.true + column.false)
            return words.lower() + words.upper()
        case "B":
            return _BYTES[column.encoding]
        case _:
            return None


def glob_warnings(feed: Feed, path: str) -> Iterator[str]:
    """Yield a sentence for each glob that begins with the prefix's folder, which globs are not compared with.

    >>> [warning] = glob_warnings(Feed("in/", "Orders", "id", include=("in/*.csv",)), "feeds.orders")
    >>> print(warning)
    `feeds.orders.include` has 'in/*.csv', and 'in/' is not part of what globs are compared with: write '*.csv'.
    """
    for field in ("exclude", "include"):
        for glob in getattr(feed, field):
            if feed.folder and glob.lstrip("/").startswith(feed.folder):
                rest = glob.lstrip("/")[len(feed.folder) :]
                yield (
                    f"`{path}.{field}` has {glob!r}, and {feed.folder!r} is not part of what globs are compared with: "
                    f"write {rest or '*'!r}."
                )


MAX_FILTERS = 100  # notifications of a bucket


def bucket_warnings(feeds: dict[str, Feed]) -> Iterator[str]:
    """Yield a sentence if there are more prefixes than an existing bucket can notify of without EventBridge."""
    if len(feeds) > MAX_FILTERS:
        yield (
            f"feeds.toml has {len(feeds)} prefixes, and a bucket takes {MAX_FILTERS} notifications: an existing bucket "
            "must notify through EventBridge."
        )
