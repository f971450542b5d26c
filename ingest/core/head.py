"""What stands before the rows: BOM, preamble, header. Decides the column names, or says why it cannot."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import csv as arrow_csv

from ingest.core.cutter import BLOCK_BYTES
from ingest.core.grammar import Grammar, count_lines, end_of_line
from ingest.errors import BadHeader, EmptyFile, NotCsv
from ingest.feeds import Csv

MAX_NAME = 200  # of a column's name, so much is repeated in an error
_BOM = b"\xef\xbb\xbf"
_NOT_CSV = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook; export it as CSV"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook; export it as CSV"),
    (b"\xff\xfe", 'UTF-16 text; set encoding = "utf-16" in the feed'),
    (b"\xfe\xff", 'UTF-16 text; set encoding = "utf-16" in the feed'),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The column names, and all that stands before the rows: byte order mark, preamble, header."""

    columns: tuple[str, ...]
    raw: bytes
    line_count: int

    @property
    def byte_count(self) -> int:
        """Where the rows begin."""
        return len(self.raw)


def read_head(portions: Iterator[bytes], csv: Csv, grammar: Grammar) -> tuple[Head, bytes]:
    """Return the head, and the bytes that were read beyond it.

    Raises:
        EmptyFile, NotCsv, BadHeader: there are no usable column names.
    """
    data, at_end = b"", False
    while not at_end:
        portion = next(portions, None)
        data, at_end = data + (portion or b""), portion is None
        head = _find_head(data, csv, grammar, at_end=at_end)
        if head:
            return head, data[head.byte_count :]
        if len(data) > BLOCK_BYTES:
            raise NotCsv(f"The header does not end within {BLOCK_BYTES} bytes; check the feed's delimiter and quote.")
    raise EmptyFile("The file is empty: it has not even a header.")


def _find_head(data: bytes, csv: Csv, grammar: Grammar, *, at_end: bool) -> Head | None:
    _refuse_other_formats(data)
    start = len(_BOM) if data.startswith(_BOM) else 0
    for _ in range(csv.skip_lines):
        start = end_of_line(data, start, len(data), at_end=at_end)
        if not start:
            return None
    record = _first_record(data[start:], grammar, at_end=at_end)
    if record is None:
        return None
    blank, header = record
    if csv.header == "first":
        end = start + blank + len(header)
        return Head(_unique(_cells(header, csv)), data[:end], count_lines(data[:end]))
    names = csv.header if isinstance(csv.header, tuple) else _numbered(len(_cells(header, csv)))
    return Head(names, data[:start], count_lines(data[:start]))


def _first_record(data: bytes, grammar: Grammar, *, at_end: bool) -> tuple[int, bytes] | None:
    """Return the bytes of blank lines before the first record, and the record."""
    blank = len(data) - len(data.lstrip(b"\r\n"))
    if blank == len(data):
        return None
    end = grammar.end_of_first_record(data[blank:], at_end=at_end)
    if end is None and at_end:
        raise BadHeader("The header opens a quote that is never closed; check the feed's quote character.")
    return None if end is None else (blank, data[blank : blank + end])


def _cells(record: bytes, csv: Csv) -> tuple[str, ...]:
    if b"\0" in record:
        raise NotCsv("The first record holds NUL bytes: this is no text, or text in another encoding than the feed's.")
    try:
        record.decode()
    except UnicodeDecodeError:
        raise NotCsv(f"The first record is no {csv.encoding} text; set the feed's encoding.") from None
    table = arrow_csv.read_csv(
        io.BytesIO(record.rstrip(b"\r\n") + b"\n"),
        arrow_csv.ReadOptions(autogenerate_column_names=True, use_threads=False, block_size=len(record) + 2),
        parse_options(csv),
        arrow_csv.ConvertOptions(default_column_type=pa.string()),
    )
    names = tuple(column[0].as_py() for column in table.columns)
    return tuple(name.strip() for name in names) if csv.trim else names


def parse_options(csv: Csv, **more: object) -> arrow_csv.ParseOptions:
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


def _refuse_other_formats(data: bytes) -> None:
    for magic, what in _NOT_CSV:
        if data.startswith(magic):
            raise NotCsv(f"This is not CSV: it begins like {what}.")
