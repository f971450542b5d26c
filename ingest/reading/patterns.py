"""A dialect's cells and records as sources of regular expressions, in exactly the sense of `pyarrow.csv`'s parser.

The parser's states (arrow/csv/parser.cc): a quote opens a quoted cell only as the first character of a cell; inside,
a doubled quote is a quote and any other quote ends the quoting; what follows up to the delimiter is literal, quotes
included. The escape character takes the next byte as it is, in and out of quotes. LF, CR and CRLF end a record.

Strict quoting (docs/decisions/0017) reads the same, but for a quoted cell that goes over a line end and has text behind
its closing quote: there its record ends with the line on which the quote opened. All repeats are possessive.
"""

import re
from dataclasses import dataclass

from ingest.feeds.dialect import Csv

# A CR at the end of the data may be half of a CRLF, so it ends a record only when another byte follows.
END = rb"(?:\n|\r\n|\r(?=[\s\S]))"
LAST_END = rb"(\n|\r\n|\r|\Z)"


@dataclass(frozen=True, slots=True)
class CellPatterns:
    """Patterns of a cell. `rest` is literal text up to a cell's end.

    `opening` is what a quoted cell begins with, `blanks` what may stand around its quotes.

    `good`: a cell as strict quoting wants it; `any`: every cell that strict quoting does not end the record in;
    `lost`: from a quote that ends its record with its own line to that line's end. It looks for the text behind the
    closing quote; `given_up` is the same where it is known that no cell begins here.
    """

    delimiter: bytes
    blanks: bytes
    opening: bytes
    quoted: bytes
    rest: bytes
    good: bytes
    any: bytes
    lost: bytes
    given_up: bytes


def cell_patterns(csv: Csv, *, one_line: bool = False) -> CellPatterns:
    """Return the patterns of a dialect's cells; with `one_line`, of those without a line end in them."""
    line_end, any_byte = (rb"\r\n", rb"[^\r\n]") if one_line else (b"", rb"[\s\S]")
    delimiter, quote, escape = (re.escape(mark.encode()) for mark in (csv.delimiter, csv.quote, csv.escape))
    escaped = rb"|%s%s" % (escape, any_byte) if escape else b""
    stop = rb"\r\n" + delimiter + escape
    rest = rb"(?:[^%s]++%s)*+" % (stop, escaped) if escape else rb"[^%s]*+" % stop
    if not quote:
        return CellPatterns(delimiter, b"", rb"(?!)", rb"(?!)", rest, rest, rest, b"", b"")
    blanks = rb"[%s]*+" % re.escape(csv.blanks.encode()) if csv.blanks else b""
    opening = blanks + quote
    plain = rb"[^%s%s%s]*+" % (quote, escape, line_end)
    quoted = rb"%s%s(?:(?:%s%s%s)%s)*+%s" % (quote, plain, quote, quote, escaped, plain, quote)
    bare = rb"(?!%s)%s" % (opening, rest)
    if csv.quoting == "lenient":
        any_cell = rb"(?:%s%s%s|%s)" % (blanks, quoted, rest, bare)
        return CellPatterns(delimiter, blanks, opening, quoted, rest, any_cell, any_cell, b"", b"")
    whole = blanks + quoted + blanks
    cell_end, text = rb"(?=[\r\n%s]|\Z)" % delimiter, rb"(?=[^\r\n%s])" % delimiter
    on_one_line = whole if one_line else cell_patterns(csv, one_line=True).quoted.join((blanks, blanks))
    good = rb"(?:%s%s|%s)" % (whole, cell_end, bare)
    any_cell = rb"(?:%s%s|%s%s%s|%s)" % (whole, cell_end, on_one_line, text, rest, bare)
    given_up = opening + rb"[^\r\n]*+"
    lost = rb"(?!%s)(?=%s%s)%s" % (on_one_line, whole, text, given_up)
    return CellPatterns(delimiter, blanks, opening, quoted, rest, good, any_cell, lost, given_up)


def record_pattern(csv: Csv, cells: CellPatterns, *, lost: bytes = b"") -> bytes:
    """Return a pattern for one record without its line end: cells between delimiters; `lost` may be the last."""
    more = more_cells(cells, lost=lost)
    record = rb"(?>%s%s|%s)" % (cells.any, more, lost) if lost else cells.any + more
    comment = re.escape(csv.comment.encode())
    return rb"(?:%s[^\r\n]*+|(?!%s)%s)" % (comment, comment, record) if comment else record


def more_cells(cells: CellPatterns, *, lost: bytes = b"") -> bytes:
    """Return a pattern for what stands behind the first cell of a record."""
    last = rb"(?:%s%s)?+" % (cells.delimiter, lost) if lost else b""
    return rb"(?:%s%s)*+%s" % (cells.delimiter, cells.any, last)
