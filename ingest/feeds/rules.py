"""What must hold among the settings of feeds.toml beyond their types. Each rule raises one sentence, or nothing."""

import codecs
import string
from collections.abc import Iterator
from datetime import datetime
from encodings.aliases import aliases
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.errors import SettingsFault
from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed, is_template, template_parts
from ingest.feeds.schema_errors import did_you_mean

_SAMPLE_TIME = datetime(2003, 11, 22, 13, 45, 56, 789_012)
_NAMED_FORMS = ("iso", "epoch_s", "epoch_ms")


def check_feed(feed: Feed, path: str) -> None:
    """Check what a feed says of keys, attributes, expiry and indexes against its columns."""
    _check_table(feed, path)
    _check_keys(feed, path)
    _check_names(feed, path)
    _check_ttl(feed, path)
    _check_indexes(feed, path)


def check_column(column: Column, path: str) -> None:
    """Check one column's settings against each other."""
    if column.null == "empty" and column.type != "S":
        raise SettingsFault(f"`{path}.null` = 'empty' is wrong: an empty string is not of type {column.type}.")
    if column.timestamp:
        _check_times(column, path)


def _check_times(column: Column, path: str) -> None:
    if column.type not in ("S", "N"):
        raise SettingsFault(f"`{path}.type` = {column.type!r} is wrong: a timestamp becomes 'S' or 'N'.")
    if column.unit == "day" and column.type == "N":
        raise SettingsFault(f"`{path}.unit` = 'day' is wrong: it is for type 'S' only.")
    if column.null == "empty":
        raise SettingsFault(f"`{path}.null` = 'empty' is wrong: an empty string is not a time.")
    for form in column.timestamp:
        if form not in _NAMED_FORMS and not _has_a_day(form):
            raise SettingsFault(
                f"`{path}.timestamp` = {form!r} is wrong: accepted are {', '.join(_NAMED_FORMS)} and patterns of "
                "Python's strptime with year, month and day, as '%d.%m.%Y %H:%M'."
            )
    try:
        ZoneInfo(column.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsFault(
            f"`{path}.zone` = {column.zone!r} is wrong: accepted is a zone's IANA name, as 'Europe/Berlin'."
        ) from None


def _has_a_day(pattern: str) -> bool:
    """Return whether a pattern reads back what it writes, but for the smaller parts of a day. %Z loses the offset."""
    t = _SAMPLE_TIME
    whole = [
        t,
        t.replace(microsecond=0),
        t.replace(second=0, microsecond=0),
        t.replace(minute=0, second=0, microsecond=0),
    ]
    whole.append(t.replace(hour=0, minute=0, second=0, microsecond=0))
    try:
        return "%Z" not in pattern and datetime.strptime(t.strftime(pattern), pattern).replace(tzinfo=None) in whole
    except ValueError:
        return False


def check_template(text: str, path: str) -> None:
    """Check that braces enclose columns."""
    if any("{" in part or "}" in part for part in template_parts(text)):
        raise SettingsFault(f"`{path}` = {text!r} is wrong: columns stand in braces, as 'CUST#{{id}}'.")


def check_csv(csv: Csv, path: str) -> None:
    """Check the settings of a dialect against each other."""
    _check_marks(csv, path)
    _check_comment(csv, path)
    _check_column_names(csv, path)
    _check_encoding(csv, path)


_MARKS = ("delimiter", "quote", "escape")


def _check_marks(csv: Csv, path: str) -> None:
    for field in _MARKS:
        mark = getattr(csv, field)
        if mark and mark in "\r\n\0\ufeff":
            raise SettingsFault(
                f"`{path}.{field}` = {mark!r} is wrong: accepted is one character that is not a line end or NUL."
            )
    marks = [getattr(csv, field) for field in _MARKS if getattr(csv, field)]
    if len(set(marks)) != len(marks):
        raise SettingsFault(f"`{path}`: delimiter, quote and escape must differ; found {marks!r}.")
    if csv.escapes != "none" and not csv.escape:
        raise SettingsFault(f"`{path}.escapes` = {csv.escapes!r} needs the character they begin with: escape = '\\'.")


def _check_comment(csv: Csv, path: str) -> None:
    begins_as_cell = csv.comment[:1] in (csv.delimiter, csv.quote, csv.escape)
    if csv.comment and (begins_as_cell or set("\r\n") & set(csv.comment)):
        raise SettingsFault(
            f"`{path}.comment` = {csv.comment!r} is wrong: accepted is text that does not begin with the delimiter, "
            "quote or escape, without line ends."
        )


def _check_column_names(csv: Csv, path: str) -> None:
    for field, names in (("header", csv.header), ("names", csv.names or "-")):
        if isinstance(names, tuple) and (not names or "" in names or len(set(names)) != len(names)):
            raise SettingsFault(
                f"`{path}.{field}` = {list(names)!r} is wrong: accepted are names, each once, none empty."
            )
    if csv.names and isinstance(csv.header, tuple):
        raise SettingsFault(f"`{path}`: header and names both give the names; give one of them.")


def _check_encoding(csv: Csv, path: str) -> None:
    try:
        "".encode(csv.encoding)  # unlike codecs.lookup, this refuses 'hex' and its kind
        codecs.getincrementaldecoder(csv.encoding)("surrogateescape").decode(b"a")  # and this 'idna' and its kind
    except (LookupError, ValueError):
        hint = did_you_mean(csv.encoding, sorted(set(aliases.values())))
        raise SettingsFault(
            f"`{path}.encoding` = {csv.encoding!r} is wrong{hint}: accepted is a text encoding Python knows, as "
            "'cp1252'."
        ) from None
    for field in _MARKS:
        mark = getattr(csv, field)
        if mark.encode(csv.encoding, "replace").decode(csv.encoding, "replace") != mark:
            raise SettingsFault(f"`{path}.{field}` = {mark!r} is wrong: no file in {csv.encoding} has that character.")


def _check_table(feed: Feed, path: str) -> None:
    for field in ("role", "region"):
        if getattr(feed, field) and not feed.existing:
            raise SettingsFault(
                f"`{path}.{field}` = {getattr(feed, field)!r} is wrong without `existing = true`: "
                "the stack makes tables in its own account and region only."
            )


def _check_keys(feed: Feed, path: str) -> None:
    for field, text in (("partition_key", feed.partition_key), ("sort_key", feed.sort_key)):
        if text is None:
            continue
        if is_template(text):
            check_template(text, f"{path}.{field}")
            continue
        column = feed.column(text)
        if column.drop:
            raise SettingsFault(f"`{path}.columns.{text}` is dropped, but it is the {field}.")
        if column.type not in ("S", "N", "B"):
            raise SettingsFault(f"`{path}.columns.{text}` has type {column.type}; a key can be 'S', 'N' or 'B'.")


def _check_names(feed: Feed, path: str) -> None:
    names = feed.made_attributes() + [name for name in (feed.lineage.file, feed.lineage.line) if name]
    names += [key.name for key in feed.key_attributes() if not is_template(key.source)]
    names += [feed.column(c).name or c for c in feed.columns if not feed.column(c).drop and c not in _key_columns(feed)]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise SettingsFault(f"`{path}`: two columns or keys would both be the attribute {doubled[0]!r}.")


def _check_ttl(feed: Feed, path: str) -> None:
    if not feed.ttl:
        return
    column = feed.ttl.column
    if column and not feed.column(column).timestamp:
        hint = "" if column in feed.columns else did_you_mean(column, feed.columns)
        raise SettingsFault(
            f"`{path}.ttl.column` = {column!r} is wrong{hint}: give that column a `timestamp`, so that it is a time."
        )
    if not column and not feed.ttl.after_s:
        raise SettingsFault(
            f"`{path}.ttl.after` is missing: without a column, it says how long after the load items expire."
        )


def _check_indexes(feed: Feed, path: str) -> None:
    policies = {feed.column(c).name or c: feed.column(c).null for c in feed.columns}
    for key, _ in feed.index_keys():
        if key.type not in ("S", "N", "B"):
            raise SettingsFault(f"`{path}.indexes`: {key.name!r} is of type {key.type}; an index key can be S, N or B.")
        if policies.get(key.name) in ("null", "empty"):
            raise SettingsFault(
                f"`{path}.indexes`: {key.name!r} has null = {policies[key.name]!r}, and DynamoDB takes no item whose "
                "index key is NULL or empty; with 'omit' such an item is only left out of the index."
            )


def _key_columns(feed: Feed) -> list[str]:
    return [key.source for key in feed.key_attributes() if not is_template(key.source)]


def check_prefixes(feeds: dict[str, Feed]) -> None:
    """S3 refuses overlapping prefixes for the same event, and a key must belong to one feed."""
    for name, feed in feeds.items():
        for other, rival in feeds.items():
            if name != other and rival.prefix.startswith(feed.prefix):
                raise SettingsFault(
                    f"`feeds.{name}.prefix` = {feed.prefix!r} overlaps `feeds.{other}.prefix` = {rival.prefix!r}; "
                    "a key must belong to one feed."
                )


def check_shared_tables(feeds: dict[str, Feed]) -> None:
    """Check that feeds of one table agree about it."""
    shapes: dict[str, tuple[str, Any]] = {}
    for name, feed in feeds.items():
        keys = [(key.name, key.type) for key in feed.key_attributes()]
        where = (feed.existing, feed.role, feed.region)
        shape = (keys, where, feed.ttl and feed.ttl.attribute, feed.indexes, feed.index_keys())
        first, expected = shapes.setdefault(feed.table, (name, shape))
        if expected != shape:
            raise SettingsFault(
                f"feeds {first} and {name} share the table {feed.table!r} but declare other keys, indexes, `ttl` "
                "or another `existing`, `role` or `region`."
            )


_NUMBERS = string.digits + "+-.eE"
_ACCOUNTING = "()% \u00a0\u202f"
_TIMES = string.ascii_letters + string.digits + "+-.,: "  # as people write them; a reader may take more
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
    """Return the columns that keep a joined text from being read back; nothing if it can be.

    It can be if one column may be anything, those before it end at a character they cannot hold, and those behind it
    begin behind one: then reading it from both ends leaves that column in the middle.
    """
    alphabets = [_alphabet(feed.column(column), feed) for column in columns]
    ends = [_excludes(alphabet, mark) for alphabet, mark in zip(alphabets, [*between, ""], strict=True)]
    begins = [_excludes(alphabet, mark) for alphabet, mark in zip(alphabets, ["", *between], strict=True)]
    if any(all(ends[:at]) and all(begins[at + 1 :]) for at in range(len(columns))):
        return []
    first, last = ends.index(False), len(begins) - 1 - begins[::-1].index(False)
    return list(dict.fromkeys((columns[first], columns[last])))


def _excludes(alphabet: str | None, mark: str) -> bool:
    """Return whether no value can hold the mark whole."""
    return alphabet is not None and bool(set(mark) - set(alphabet))


def _alphabet(column: Column, feed: Feed) -> str | None:
    """Return the characters that values of a column have; None where any may occur."""
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
