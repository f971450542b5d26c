"""A feed -> its section of feeds.toml, with remarks. Only settings that differ from the defaults are written."""

import re
from collections.abc import Iterator, Mapping, Sequence

from ingest.feeds.column import Column
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.sniff.candidate_keys import Key, KeyChoice
from ingest.sniff.columns import Finding
from ingest.sniff.proposal import Proposal
from ingest.sniff.sample import is_guess

Remarks = Mapping[str, Sequence[str]]  # "" for the section, else a field: "csv.encoding", "columns.NAME"
_LINE = 120
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r", "\b": "\\b", "\f": "\\f"}


def to_toml(name: str, feed: Feed, remarks: Remarks) -> str:
    """Return TOML text that declares this feed."""
    return "\n".join(_lines(name, feed, remarks)) + "\n"


def quoted(text: str) -> str:
    r"""Return text as a TOML string on one line, in printable characters.

    >>> print(quoted('5" \t\x7f'))
    "5\" \t\u007f"
    """
    return '"' + "".join(_ESCAPES.get(sign) or _spelled(sign) for sign in text) + '"'


def _lines(name: str, feed: Feed, remarks: Remarks) -> Iterator[str]:
    yield from _remarks(remarks, "")
    yield f"[feeds.{_key(name)}]"
    for field in ("prefix", "table", "partition_key", "sort_key"):
        if getattr(feed, field) is not None:
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
    """Return a character, or its escape if it is invisible or would reverse the direction of the line."""
    if sign.isprintable():
        return sign
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"


_LISTED = 8
_LONGEST = 60


def remarks_on(proposal: Proposal, *, extent: str, outcome: str) -> Remarks:
    """Return the remarks of a proposal; `extent` says which rows were read, `outcome` the result for those rows."""
    feed, notes = proposal.feed, proposal.notes
    usual = Csv()
    set_here = {f"csv.{name}" for name in Csv.__struct_fields__ if getattr(feed.csv, name) != getattr(usual, name)}
    found = {place: [note] for place, note in notes.items() if place in set_here}
    found[""] = [f"From {extent}. Look at keys and types before you trust them.", outcome]
    if proposal.keys.is_open:
        found[""][-1] += f" That is with the key {_declared(proposal.keys.best)}."
    found[""] += filter(None, [notes[""]])
    found["partition_key"] = list(_on_keys(proposal.keys, proposal.row_count))
    found["columns"] = list(_on_strings(proposal.findings))
    for column in proposal.findings:
        if column.odd:
            kind = "a number" if column.type == "N" else "yes or no"
            found[f"columns.{column.name}"] = [
                f"{column.odd:,} of {column.values:,} values cannot be read as {kind} and will be rejected."
            ]
    if is_guess(feed.csv.encoding):
        found["csv.encoding"] = ["A guess: the file is not valid UTF-8 and has no byte order mark."]
    if feed.csv.footer_lines:
        found["csv.footer_lines"] = ["These lines look like totals or remarks."]
    return found


def extent(file: str, rows: int, *, is_whole: bool) -> str:
    """Return the description of a sample, for a remark.

    >>> extent("a.csv", 5000, is_whole=False)
    'the first 5,000 rows of a.csv'
    """
    return f"{'all' if is_whole else 'the first'} {rows:,} rows of {_shown(file)}"


def _on_keys(keys: KeyChoice, rows: int) -> Iterator[str]:
    best = keys.best
    if keys.is_open and best.is_unique:
        yield "Left open: no column can be a key, for its name or its values are too long."
        return
    if keys.is_open:
        yield f"Left open: nothing tried is unique in the {rows:,} rows that can be read. Name what is, in all files."
        for key in (best, *keys.others):
            yield f"Candidate: {_declared(key)} ({_odd_rows(key)})"
        return
    if not rows:
        yield "Without rows it is not known which key is unique."
    elif best.is_unique:
        yield f"Unique in the {rows:,} rows that can be read."
    else:
        yield f"Not unique in the {rows:,} rows that can be read: {_odd_rows(best)}."
    if best.is_measured:
        yield "It has a measurement or a time of day in it, which may repeat in other rows."
    if keys.others:
        yield "Other candidates: " + "; ".join(map(_key_remark, keys.others)) + "."


def _declared(key: Key) -> str:
    """Return a key as feeds.toml declares it, on one line."""
    sort_key = f", sort_key = {quoted(key.sort_key)}" if key.sort_key else ""
    return f"partition_key = {quoted(key.columns[0])}{sort_key}"


def _key_remark(key: Key) -> str:
    names = " with ".join(map(_shown, key.columns))
    return names if key.is_unique else f"{names} (but for {key.odd:,} rows)"


def _odd_rows(key: Key) -> str:
    reported = {"rows that repeat a key, of which the last wins": key.repeated, "rows without a key": key.missing}
    return ", ".join(f"{what}: {count:,}" for what, count in reported.items() if count)


def _on_strings(findings: list[Finding]) -> Iterator[str]:
    names = [_shown(found.name) for found in findings if found.type == "S"]
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    if names:
        yield f"Strings, which need no line: {', '.join(names[:_LISTED])}{more}."


def _shown(name: str) -> str:
    """Return a name on one line, short enough for a remark."""
    shown = quoted(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")
    return name if re.fullmatch(r"\w[\w.-]*", name) and shown == f'"{name}"' else shown
