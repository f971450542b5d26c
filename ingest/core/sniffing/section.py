"""A feed -> its section of feeds.toml, with remarks. Only what differs from the defaults is written."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ingest.columns import Column
from ingest.dialect import Csv
from ingest.feeds import Feed

Remarks = Mapping[str, Sequence[str]]  # "" for the section, else a field: "csv.encoding", "columns.NAME"
_LINE = 120
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def to_toml(name: str, feed: Feed, remarks: Remarks) -> str:
    """Return TOML text that reads as this feed."""
    return "\n".join(_lines(name, feed, remarks)) + "\n"


def quoted(text: str) -> str:
    r"""Return text as a TOML string on one line, in characters that any terminal shows.

    >>> print(quoted('5" \t\x7f'))
    "5\" \t\u007f"
    """
    return '"' + "".join(_ESCAPES.get(sign) or _spelled(sign) for sign in text) + '"'


def _lines(name: str, feed: Feed, remarks: Remarks) -> Iterator[str]:
    yield from _remarks(remarks, "")
    yield f"[feeds.{_key(name)}]"
    for field in ("prefix", "table", "partition_key", "sort_key"):
        if getattr(feed, field):
            yield from _field(field, getattr(feed, field), remarks, field)
    dialect = [field for field in Csv.__struct_fields__ if getattr(feed.csv, field) != getattr(Csv(), field)]
    if dialect or any(place.startswith("csv.") for place in remarks):
        yield ""
        yield f"[feeds.{_key(name)}.csv]"
    for field in dialect:
        yield from _field(field, getattr(feed.csv, field), remarks, f"csv.{field}")
    if feed.columns or "columns" in remarks:
        yield ""
        yield f"[feeds.{_key(name)}.columns]"
    yield from _remarks(remarks, "columns")
    for column, declared in feed.columns.items():
        yield from _field(_key(column), declared, remarks, f"columns.{column}")


def _field(key: str, value: object, remarks: Remarks, place: str) -> Iterator[str]:
    yield from _remarks(remarks, place)
    yield f"{key} = {_value(value)}"


def _remarks(remarks: Remarks, place: str) -> Iterator[str]:
    for remark in remarks.get(place, ()):
        yield f"# {remark}"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else quoted(name)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, tuple):
        return _array([_value(member) for member in value])
    if isinstance(value, Column):
        fields = [field for field in Column.__struct_fields__ if getattr(value, field) != getattr(Column(), field)]
        return "{ " + ", ".join(f"{field} = {_value(getattr(value, field))}" for field in fields) + " }"
    return str(value)


def _array(members: list[str]) -> str:
    line = f"[{', '.join(members)}]"
    return line if len(line) < _LINE else "[\n    " + ",\n    ".join(members) + ",\n]"


def _spelled(sign: str) -> str:
    """Return a character, or its escape where it would not show, or would turn the line around."""
    if sign.isprintable():
        return sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"
