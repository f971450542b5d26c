"""Read everything before the rows: BOM, preamble, header. Finds the column names, or says in an error why not."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from ingest.errors import BadHeader, EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.feeds.rules import MAX_NAME_BYTES
from ingest.reading.blocks import BLOCK_BYTES
from ingest.reading.compression import LOOKED_AT_BYTES, is_undecided, refuse_other_text
from ingest.reading.grammar import BOM, Grammar, count_lines, end_of_line, likely_line_end, name_of
from ingest.reading.quotes import swallowed_rows

MAX_COLUMNS = 30_000  # Arrow needs about 9 KB for each
MAX_NAME = 200  # characters of a column's name that an error shows
_LEAST_LINE = 1024 * 1024  # bytes that any line may have, whatever the feed's limit
_MAX_SETTING = 300  # characters of a setting that an error shows in full
_FOREIGN_BOM = "ï»¿".encode()  # the UTF-8 mark decoded as Latin-1, cp1252 or similar
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_BLANK_LINES = re.compile(rb"[\r\n]*+")
# Excel's own first line, which names the delimiter of the cells below it.
_SEP_LINE = re.compile(rb"(\"?)sep=([^\r\n\x80-\xff])\1[,;\t|]*(?:\r\n|\n|\r|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """The column names, and everything before the rows (`raw`): byte order mark, preamble, header.

    `records` are the header's records, if the file has a header.
    """

    columns: tuple[str, ...]
    raw: bytes
    line_count: int
    records: tuple[bytes, ...] = ()

    @property
    def byte_count(self) -> int:
        """Where the rows begin."""
        return len(self.raw)


def read_header(portions: Iterator[bytes], csv: Csv, grammar: Grammar) -> tuple[Header, bytes]:
    """Return the header, and the bytes that were read beyond it.

    Raises:
        EmptyFile, NotCsv, BadHeader: there are no usable column names.
    """
    data, at_end = b"", False
    while not at_end:
        portion = next(portions, None)
        data, at_end = data + (portion or b""), portion is None
        text = data[: grammar.end_of_text(data)] if at_end else data
        header = _find_header(text, csv, grammar, at_end=at_end)
        if header:
            return header, data[header.byte_count :]
        if len(data) > max(BLOCK_BYTES, csv.max_record_bytes):
            raise NotCsv(f"The header does not end within {len(data):,} bytes; check the feed's delimiter and quote.")
    raise EmptyFile("The file is empty: it has not even a header; write it again, with its header.")


def _find_header(data: bytes, csv: Csv, grammar: Grammar, *, at_end: bool) -> Header | None:
    refuse_utf16_and_foreign_marks(data, csv)
    start = _end_of_preamble(data, csv, at_end=at_end)
    if start is None:
        return _without_rows(data, csv) if at_end else None
    if not csv.line_end and not _first_line_ends(data, start, csv, at_end=at_end):
        return None
    if isinstance(csv.header, tuple):
        return _given(csv, data, start, grammar, at_end=at_end)
    if csv.header == "none":
        first = _first_sound_record(data, start, csv, grammar, at_end=at_end)
        names = csv.names or _numbered(len(_cells(first, csv, grammar))) if first else ()
        no_rows = _without_rows(data, csv) if at_end else None
        return Header(names, data[:start], count_lines(data[:start])) if first else no_rows
    records, end = _first_records(data, start, csv.header if isinstance(csv.header, int) else 1, grammar, at_end=at_end)
    if not records:
        return None
    for fault in filter(None, map(grammar.quotes.fault, records)):
        raise BadHeader(f"The header cannot be read: {fault.message}.")
    names = csv.names or _unique(_joined(records, csv, grammar))
    _refuse_long_names(_raw_names(records, csv) if csv.names else [name.encode() for name in names])
    return Header(names, data[:end], count_lines(data[:end]), tuple(records))


def _end_of_preamble(data: bytes, csv: Csv, *, at_end: bool) -> int | None:
    """Return where the header or the rows begin; None if that is not known yet, or the file ends before.

    Raises:
        NotCsv, BadHeader: what begins there is not CSV, or says that it has another delimiter.
    """
    start = len(BOM) if data.startswith(BOM) else 0
    for _ in range(csv.skip_lines):
        start = end_of_line(data, start, len(data), at_end=at_end)
        if not start:
            return None
    beginning = data[start : start + LOOKED_AT_BYTES]
    if is_undecided(beginning) and not at_end and len(data) <= BLOCK_BYTES:
        return None
    refuse_other_text(beginning, csv)
    return start if csv.skip_lines else end_of_sep_line(data, start, csv)


def _first_line_ends(data: bytes, start: int, csv: Csv, *, at_end: bool) -> bool:
    """Return whether the first line is known to end as the feed says, so that it does not join several records.

    Raises:
        NotCsv: it does not end within the bytes a record may have, or shows that records end with another character.
    """
    start = _end_of_blank_lines(data, start)
    end = end_of_line(data, start, len(data), at_end=at_end)
    has_other_lines = bool(end) and end < len(data)
    if not at_end and not has_other_lines and len(data) - start <= max(_LEAST_LINE, csv.max_record_bytes):
        return False
    line = data[start : end or len(data)].decode("utf-8", "replace").rstrip("\r\n")
    is_header = csv.header == "first" or isinstance(csv.header, int)
    if found := _joined_by(line, csv, is_header=is_header, is_alone=not has_other_lines, is_ended=bool(end)):
        raise NotCsv(f"Where the first line should end, {_line_end_advice(found)}")
    if not at_end and not has_other_lines:
        raise NotCsv(
            f"The first {len(data) - start:,} bytes have no line end; check the feed's encoding, and set `line_end` to "
            "the character that ends records."
        )
    return True


def _joined_by(line: str, csv: Csv, *, is_header: bool, is_alone: bool, is_ended: bool) -> str:
    """Return the character that most likely ends the records joined in the first line; "" if it joins none.

    Cells may contain such characters, names hardly ever: so a first line of cells that has a line end is not checked.
    """
    if not is_header and is_ended:
        return ""
    are_cells = not is_header and csv.delimiter in line
    found = likely_line_end(line, csv.delimiter, is_alone=is_alone and not are_cells)
    return "" if found in (csv.quote, csv.escape, csv.comment) else found


def _line_end_advice(found: str) -> str:
    setting = f"line_end = {json.dumps(found)}"
    return f"{name_of(found)} stands: most likely it ends the records; set {setting} in the feed's csv section."


def _without_rows(data: bytes, csv: Csv) -> Header | None:
    """Return the header of a file without any records, if its feed requires no header in it: a file without rows.

    If nothing defines how many columns there are, it has no columns.
    """
    if csv.header == "none":
        return Header(csv.names, data, count_lines(data))
    return Header(csv.header, data, count_lines(data)) if isinstance(csv.header, tuple) else None


def _given(csv: Csv, data: bytes, start: int, grammar: Grammar, *, at_end: bool) -> Header | None:
    """Return the header of a file whose column names the feed gives. A first record that repeats them is not a row."""
    assert isinstance(csv.header, tuple)
    before = data[:start]
    while start < len(data):
        end = end_of_line(data, start, len(data), at_end=at_end) or at_end * len(data)
        if not end:
            return None
        if grammar.is_record(data[start:end]):
            if not _repeats(csv.header, data[start:end], csv, grammar):
                return Header(csv.header, before, count_lines(before))
            return Header(csv.header, data[:end], count_lines(data[:end]), (data[start:end],))
        start = end
    return _without_rows(data, csv) if at_end else None


def _repeats(names: tuple[str, ...], line: bytes, csv: Csv, grammar: Grammar) -> bool:
    """Return whether a line is a header of these names: its non-empty cells equal names, more than half of them.

    Other cells may be empty: gaps that the names fill, or trailing delimiters, as the rows may have them.
    """
    if grammar.quotes.fault(line) or grammar.end_of_first_record(line, at_end=True) != len(line):
        return False
    try:
        cells = _cells(line, csv, grammar)
    except NotCsv:
        return False
    same = sum(cell == name for cell, name in zip(cells, names, strict=False))
    return same * 2 > len(names) and same == sum(map(bool, cells))


def _first_sound_record(data: bytes, start: int, csv: Csv, grammar: Grammar, *, at_end: bool) -> bytes | None:
    """Return the first record with correct quotes: it defines how many columns a file without a header has.

    Raises:
        BadHeader: there are records, but none has correct quotes.
    """
    found = False
    while start < len(data):
        end = grammar.end_of_first_record(data, start, at_end=at_end)
        if end is None and not at_end and len(data) - start <= csv.max_record_bytes:
            return None
        record = data[start : end or end_of_line(data, start, len(data), at_end=at_end) or len(data)]
        found = found or grammar.is_record(record)
        if end and grammar.is_record(record) and not grammar.quotes.fault(record):
            return record
        start += len(record)
    if found and at_end:
        raise BadHeader(
            "No record of the file has its quotes closed where a cell ends; check the feed's quote character."
        )
    return None


def _first_records(data: bytes, start: int, count: int, grammar: Grammar, *, at_end: bool) -> tuple[list[bytes], int]:
    """Return the first `count` records, skipping blank lines and comments, and their end; none if any is incomplete."""
    records: list[bytes] = []
    while len(records) < count:
        start = _end_of_blank_lines(data, start)
        if start == len(data):
            return [], start
        end = grammar.end_of_first_record(data, start, at_end=at_end)
        if end is None and at_end:
            raise BadHeader("The header opens a quote that is never closed; check the feed's quote character.")
        if end is None:
            return [], start
        if grammar.is_record(data[start:end]):
            records.append(data[start:end])
        start = end
    return records, start


def _end_of_blank_lines(data: bytes, start: int) -> int:
    match = _BLANK_LINES.match(data, start)
    assert match is not None  # it may be empty
    return match.end()


def _joined(records: list[bytes], csv: Csv, grammar: Grammar) -> tuple[str, ...]:
    """Return each column's name: its cells in the header records, joined by blanks."""
    cells = [_cells(record, csv, grammar) for record in records]
    for name in chain.from_iterable(cells):
        if swallowed_rows(name, max(map(len, cells)), csv):
            raise BadHeader("The header has a name with rows of the file in it; close the quote that opens it.")
    return tuple(" ".join(filter(None, column)) for column in zip_longest(*cells, fillvalue=""))


def _raw_names(records: list[bytes], csv: Csv) -> list[bytes]:
    return [name for record in records for name in record.rstrip(b"\r\n").split(csv.delimiter.encode())]


def _refuse_long_names(names: list[bytes]) -> None:
    longest = max(map(len, names))
    if longest > MAX_NAME_BYTES:
        raise NotCsv(
            f"The header has a name of {longest:,} bytes, and an attribute name has at most {MAX_NAME_BYTES:,}: check "
            "the feed's delimiter, quote and `line_end`."
        )


def _cells(record: bytes, csv: Csv, grammar: Grammar) -> tuple[str, ...]:
    if b"\0" in record:
        raise NotCsv("The first record holds NUL bytes: this is not text, or text in another encoding than the feed's.")
    try:
        record.decode()
    except UnicodeDecodeError:
        raise NotCsv(f"The first record is not valid {csv.encoding} text; set the feed's encoding.") from None
    if record.count(csv.delimiter.encode()) > MAX_COLUMNS:
        raise NotCsv(f"The first record has more than {MAX_COLUMNS:,} cells; check the feed's delimiter.")
    record = grammar.without_blanks(record)
    table = arrow_csv.read_csv(
        io.BytesIO(b"\n" + record + b"\n"),  # a blank line first: Arrow removes a byte order mark at the start
        arrow_csv.ReadOptions(autogenerate_column_names=True, use_threads=False, block_size=len(record) + 3),
        parse_options(csv),
        arrow_csv.ConvertOptions(default_column_type=pa.string()),  # type: ignore[call-arg]  # newer than the stubs
    )
    names = tuple(column[0].as_py() for column in table.columns)
    return tuple(name.strip() for name in names) if csv.trim else names


def parse_options(csv: Csv, **more: Any) -> arrow_csv.ParseOptions:
    """Return pyarrow's parser settings for a dialect. Line breaks in quotes are always allowed."""
    return arrow_csv.ParseOptions(
        delimiter=csv.delimiter,
        quote_char=csv.quote or False,
        escape_char=csv.escape or False,
        newlines_in_values=True,
        **more,
    )


def _unique(names: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for position, name in enumerate(names, start=1):
        if not name:
            raise BadHeader(
                f"Column {position} of the header has no name; name it in the file or set {_with_all_names(names)}."
            )
        if name in seen:
            raise BadHeader(
                f"The header names {name[:MAX_NAME]!r} twice; rename one in the file or set {_with_all_names(names)}."
            )
        seen.add(name)
    return names


def _with_all_names(names: tuple[str, ...]) -> str:
    """Return the setting that replaces a header; if it is short enough, in full and ready to copy."""
    setting = f"names = {json.dumps(usable_names(names), ensure_ascii=False)}"
    where = "in the feed's csv section, which stands in for the header"
    return f"{setting if len(setting) <= _MAX_SETTING else 'names (one for each column)'} {where}"


def usable_names(names: Sequence[str]) -> list[str]:
    """Return names as close to the given ones as possible, but each only once and none empty.

    >>> usable_names(["a", "", "a", "a_2"])
    ['a', 'column_2', 'a_3', 'a_2']
    """
    taken = set(names)
    used: set[str] = set()
    usable = []
    for position, name in enumerate(names, start=1):
        unique = name if name and name not in used else _fresh(name, position, taken)
        used.add(unique)
        taken.add(unique)
        usable.append(unique)
    return usable


def _fresh(name: str, position: int, taken: set[str]) -> str:
    """Return a name that is not taken: it contains the position, which no other column shares."""
    fresh = f"{name}_{position}" if name else f"column_{position}"
    while fresh in taken:
        fresh += "_"
    return fresh


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"column_{n}" for n in range(1, count + 1))


def refuse_utf16_and_foreign_marks(data: bytes, csv: Csv) -> None:
    """Refuse a file that begins with the byte order mark of another encoding than its feed's, and name that encoding.

    Raises:
        NotCsv: it begins with the mark of UTF-16, or with that of UTF-8 where the feed expects another encoding.
    """
    if data.startswith(_UTF16_MARKS):
        raise NotCsv('This is not CSV: it begins like UTF-16 text; set encoding = "utf-16" in the feed.')
    if data.startswith(_FOREIGN_BOM) and csv.encoding != "utf-8":
        raise NotCsv(f'This is UTF-8 text, by its byte order mark, and not {csv.encoding}; set encoding = "utf-8".')


def end_of_sep_line(data: bytes, start: int, csv: Csv) -> int:
    """Return where Excel's line `sep=;` ends if it is at `start`, else `start`.

    Raises:
        BadHeader: it names another delimiter than the feed.
    """
    match = _SEP_LINE.match(data, start)
    if match and match[2] != csv.delimiter.encode():
        raise BadHeader(
            f"The file's first line says that its delimiter is {match[2].decode('utf-8', 'replace')!r}, and the feed's "
            f"is {csv.delimiter!r}; set `delimiter`, or skip_lines = 1 if the line is wrong."
        )
    return match.end() if match else start


def sep_line(text: bytes) -> re.Match[bytes] | None:
    """Return Excel's line `sep=;` at the beginning of a text; its second group is the delimiter."""
    return _SEP_LINE.match(text)
