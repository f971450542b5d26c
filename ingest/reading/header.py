"""What surrounds the rows: BOM, preamble, header; footer. Decides the column names, or says why it cannot."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from ingest.errors import BadHeader, EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.blocks import BLOCK_BYTES
from ingest.reading.grammar import Grammar, count_lines, end_of_line, start_of_last_lines
from ingest.reading.quotes import swallowed_rows

MAX_COLUMNS = 30_000  # Arrow takes some 9 KB for each
MAX_NAME = 200  # characters of a column's name that are repeated in an error
BOM = b"\xef\xbb\xbf"
_FOREIGN_BOM = "ï»¿".encode()  # what the mark becomes when it is read as Latin-1, cp1252 and their like
_NOT_CSV = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; export it as CSV"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; export it as CSV"),
    (b"\xff\xfe", 'UTF-16 text; set encoding = "utf-16" in the feed'),
    (b"\xfe\xff", 'UTF-16 text; set encoding = "utf-16" in the feed'),
)


@dataclass(frozen=True, slots=True)
class Header:
    """The column names, and all that stands before the rows: byte order mark, preamble, header."""

    columns: tuple[str, ...]
    raw: bytes
    line_count: int

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
        header = _find_header(data, csv, grammar, at_end=at_end)
        if header:
            return header, data[header.byte_count :]
        if len(data) > BLOCK_BYTES:
            raise NotCsv(f"The header does not end within {BLOCK_BYTES} bytes; check the feed's delimiter and quote.")
    raise EmptyFile("The file is empty: it has not even a header; write it again, with its header.")


def _find_header(data: bytes, csv: Csv, grammar: Grammar, *, at_end: bool) -> Header | None:
    refuse_other_formats(data, csv)
    start = len(BOM) if data.startswith(BOM) else 0
    for _ in range(csv.skip_lines):
        start = end_of_line(data, start, len(data), at_end=at_end)
        if not start:
            return None
    if isinstance(csv.header, tuple):
        return _given(csv.header, data, start, grammar, at_end=at_end)
    if csv.header == "none":
        first = _first_sound_record(data, start, csv, grammar, at_end=at_end)
        names = csv.names or _numbered(len(_cells(first, csv, grammar))) if first else ()
        return Header(names, data[:start], count_lines(data[:start])) if first else None
    records, end = _first_records(data, start, csv.header if isinstance(csv.header, int) else 1, grammar, at_end=at_end)
    if not records:
        return None
    for fault in filter(None, map(grammar.quotes.fault, records)):
        raise BadHeader(f"The header cannot be read: {fault.message}.")
    return Header(csv.names or _unique(_joined(records, csv, grammar)), data[:end], count_lines(data[:end]))


def _given(names: tuple[str, ...], data: bytes, start: int, grammar: Grammar, *, at_end: bool) -> Header | None:
    """Return the header of a file whose names the feed knows; a file without any record is empty all the same."""
    before = data[:start]
    while start < len(data):
        end = end_of_line(data, start, len(data), at_end=at_end) or at_end * len(data)
        if not end:
            return None
        if grammar.is_record(data[start:end]):
            return Header(names, before, count_lines(before))
        start = end
    return None


def _first_sound_record(data: bytes, start: int, csv: Csv, grammar: Grammar, *, at_end: bool) -> bytes | None:
    """Return the first record whose quotes do not go wrong: it says how many columns a file without header has.

    Raises:
        BadHeader: there are records, and none is sound.
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
    """Return the first records behind blank lines and comments, and where they end; none if they are not all there."""
    records: list[bytes] = []
    while len(records) < count:
        start = len(data) - len(data[start:].lstrip(b"\r\n")) if data[start : start + 1] in (b"\r", b"\n") else start
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


def _joined(records: list[bytes], csv: Csv, grammar: Grammar) -> tuple[str, ...]:
    """Return each column's name: what the header records say of it, joined by blanks."""
    cells = [_cells(record, csv, grammar) for record in records]
    for name in chain.from_iterable(cells):
        if swallowed_rows(name, max(map(len, cells)), csv):
            raise BadHeader("The header has a name with rows of the file in it; close the quote that opens it.")
    return tuple(" ".join(filter(None, column)) for column in zip_longest(*cells, fillvalue=""))


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
        io.BytesIO(b"\n" + record + b"\n"),  # before it a blank line, because Arrow takes away a mark it begins with
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
            raise BadHeader(f"Column {position} of the header has no name; name it in the file or give a header list.")
        if name in seen:
            raise BadHeader(
                f"The header names {name[:MAX_NAME]!r} twice; rename one in the file or give a header list."
            )
        seen.add(name)
    return names


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(f"column_{n}" for n in range(1, count + 1))


def refuse_other_formats(data: bytes, csv: Csv) -> None:
    """Say what a file is that is plainly not text in the feed's encoding.

    Raises:
        NotCsv: it begins like another format, or with the mark of UTF-8 where the feed expects something else.
    """
    for magic, what in _NOT_CSV:
        if data.startswith(magic):
            raise NotCsv(f"This is not CSV: it begins like {what}.")
    if data.startswith(_FOREIGN_BOM) and csv.encoding != "utf-8":
        raise NotCsv(f'This is UTF-8 text, by its byte order mark, and not {csv.encoding}; set encoding = "utf-8".')


def without_footer(portions: Iterator[bytes], line_count: int) -> Iterator[bytes]:
    """Yield all but the last physical lines. No more than these is held back.

    >>> b"".join(without_footer(iter([b"a\\n1\\nTo", b"tal: 1\\n"]), 1))
    b'a\\n1\\n'
    """
    if not line_count:
        yield from portions
        return
    held = b""
    for portion in portions:
        held += portion
        start = start_of_last_lines(held, line_count)
        if start:
            yield held[:start]
            held = held[start:]
