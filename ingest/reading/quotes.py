"""The rules of quoting: patterns for a dialect's cells, and the check that a block's quotes satisfy strict quoting.

The patterns do what `pyarrow.csv`'s parser does (arrow/csv/parser.cc): a quote opens a quoted cell only as the first
character of a cell; inside, a doubled quote is a quote and any other ends the quoting; the text from there to the
delimiter is literal, quotes included. The escape character makes the next byte literal, inside and outside quotes. LF,
CR and CRLF end a record. Strict quoting (docs/decisions/0017) differs in one case: if a quoted cell spans a line end
and text follows its closing quote, its record ends with the line that opened the quote. All repeats are possessive.

Nearly all blocks are sound, so confirming that must be cheap. If quotes are few, a pattern jumps from quote to quote.
Otherwise Arrow makes bitmaps of the quotes and the separators, one bit per byte, and additions of Python integers carry
"a quote is open" from each quote that may open a cell to the next that may close one, across all bytes between. This
may reject a sound block but never accepts a faulty one; a block that it rejects is checked with the exact pattern.
"""

import re
from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.feeds.dialect import Csv

# A CR at the end of the data may be half of a CRLF, so it ends a record only when another byte follows.
END = rb"(?:\n|\r\n|\r(?=[\s\S]))"
LAST_END = rb"(\n|\r\n|\r|\Z)"
INNER_MARKS = rb"(?:\xef\xbb\xbf)*+"
SAMPLE_BYTES = 64 * 1024
FEW = 100  # with this many bytes or more per quote, the pattern that jumps is faster
NEARLY_ALL = 0.9  # if this share of the lines in a cell look like rows, the cell has swallowed rows
_LINE_END = re.compile(r"\r\n|\n|\r")
SLICE_BYTES = 512 * 1024  # makes integers of 64 KiB: the allocator reuses these, and releases larger ones each time


@dataclass(frozen=True, slots=True)
class CellPatterns:
    """Patterns of a cell. `opening` is how a quoted cell begins, `blanks` the blanks allowed around its quotes.

    `rest`: literal text up to a cell's end; `good`: a cell that is valid with strict quoting; `any`: a cell that does
    not end its record early; `lost`: from a stray quote to the end of its line, if the text that proves it to be stray
    is present; `given_up`: the same, whether that text is present or not.
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
    plain = rb"[^%s%s%s]*+" % (quote, escape, line_end)
    quoted = rb"%s%s(?:(?:%s%s%s)%s)*+%s" % (quote, plain, quote, quote, escaped, plain, quote)
    cell = rb"(?:%s%s%s|(?!%s%s)%s)" % (blanks, quoted, rest, blanks, quote, rest)
    cells = CellPatterns(delimiter, blanks, blanks + quote, quoted, rest, cell, cell, b"", b"")
    if csv.quoting == "lenient":
        return cells
    return _strict(cells, quoted if one_line else cell_patterns(csv, one_line=True).quoted)


def _strict(cells: CellPatterns, quoted_on_one_line: bytes) -> CellPatterns:
    """Return the patterns for strict quoting, from those for lenient quoting."""
    whole, on_one_line = (cells.blanks + quoted + cells.blanks for quoted in (cells.quoted, quoted_on_one_line))
    bare = rb"(?!%s)%s" % (cells.opening, cells.rest)
    cell_end, text = rb"(?=[\r\n%s]|\Z)" % cells.delimiter, rb"(?=[^\r\n%s])" % cells.delimiter
    given_up = cells.opening + rb"[^\r\n]*+"
    return replace(
        cells,
        good=rb"(?:%s%s|%s)" % (whole, cell_end, bare),
        any=rb"(?:%s%s|%s%s%s|%s)" % (whole, cell_end, on_one_line, text, cells.rest, bare),
        lost=rb"(?!%s)(?=%s%s)%s" % (on_one_line, whole, text, given_up),
        given_up=given_up,
    )


def record_pattern(csv: Csv, cells: CellPatterns, *, lost: bytes = b"") -> bytes:
    """Return a pattern for one record without its line end: cells between delimiters; `lost` may be the last.

    A byte order mark may precede it, where files were joined: a quote after the mark opens a cell.
    """
    more = more_cells(cells, lost=lost)
    record = rb"(?>%s%s|%s)" % (cells.any, more, lost) if lost else cells.any + more
    comment = re.escape(csv.comment.encode())
    record = rb"(?:%s[^\r\n]*+|(?!%s)%s)" % (comment, comment, record) if comment else record
    return INNER_MARKS + record


def more_cells(cells: CellPatterns, *, lost: bytes = b"") -> bytes:
    """Return a pattern for everything after the first cell of a record."""
    last = rb"(?:%s%s)?+" % (cells.delimiter, lost) if lost else b""
    return rb"(?:%s%s)*+%s" % (cells.delimiter, cells.any, last)


@dataclass(frozen=True, slots=True)
class BadQuote:
    """What is wrong with a record's quotes, in one sentence, and in which of its cells, counted from 0."""

    cell: int
    message: str


class QuoteCheck:
    """Checks records of one dialect; with lenient quoting all are sound."""

    def __init__(self, csv: Csv, *, slice_bytes: int = SLICE_BYTES) -> None:
        self._is_strict = bool(csv.quote) and csv.quoting == "strict"
        self._quote, self._escape = csv.quote.encode(), csv.escape.encode()
        self._has_blanks = bool(csv.blanks)
        cells = cell_patterns(csv)
        self._cell = re.compile(cells.good + cells.delimiter)
        self._quoted = re.compile(rb"%s(%s)%s" % (cells.blanks, cells.quoted, cells.blanks))
        self._record = re.compile(rb"%s(?:%s%s)*+%s" % (cells.good, cells.delimiter, cells.good, LAST_END))
        self._records = re.compile(rb"(?:%s[\r\n%s])*+(?:%s\Z)?+" % (cells.good, cells.delimiter, cells.good))
        self._sparse = _sparse_pattern(csv)
        self._bits = QuoteBits(csv, slice_bytes=slice_bytes)

    def is_sound(self, data: bytes) -> bool:
        """Return whether each quoted cell of a block ends at a delimiter, at a line end or with the block.

        >>> QuoteCheck(Csv()).is_sound(b'1,"a"\\n'), QuoteCheck(Csv()).is_sound(b'1,"a"b\\n')
        (True, False)
        """
        if not self._is_strict or self._quote not in data:
            return True
        has_escapes = bool(self._escape) and self._escape in data
        few = data.count(self._quote, 0, SAMPLE_BYTES) * FEW < min(len(data), SAMPLE_BYTES)
        if few and not has_escapes and not self._has_blanks and self._sparse.match(data):
            return True
        if not self._has_blanks and self._bits.are_sound(data, has_escapes=has_escapes):
            return True
        match = self._records.match(data)
        return match is not None and match.end() == len(data)

    def fault(self, record: bytes) -> BadQuote | None:
        """Return what is wrong with a record of a block, or with the line that is left of it; None if it is sound."""
        if not self._is_strict or self._quote not in record or self._record.fullmatch(record):
            return None
        at = cell = 0
        while match := self._cell.match(record, at):
            at, cell = match.end(), cell + 1
        closed = self._quoted.match(record, at)
        if closed is None:
            return BadQuote(
                cell,
                "a quote opens in this line and is closed on a later one, before more text: "
                'close it in its own cell, or set quoting = "lenient"',
            )
        behind = record[closed.end() : closed.end() + 4].decode("utf-8", "replace")[0]
        is_escaped = not self._escape and closed[1].endswith(b"\\" + self._quote)
        advice = r'set escape = "\\"' if is_escaped else "double quotes inside a cell"
        return BadQuote(
            cell,
            f"a quote closes before the end of the cell: behind it stands {behind!r}, not a delimiter or a line end; "
            f'{advice}, or set quoting = "lenient"',
        )


def _sparse_pattern(csv: Csv) -> re.Pattern[bytes]:
    """Return a pattern for a block in which each quote opens a cell, closes one at its end, or is doubled in one."""
    delimiter, quote = re.escape(csv.delimiter.encode()), re.escape(csv.quote.encode() or b"\0")
    stop, text = rb"\r\n" + delimiter, rb"[^%s]*+" % quote
    quoted = rb"%s%s(?:%s%s%s)*+%s" % (quote, text, quote, quote, text, quote)
    return re.compile(rb"(?:%s(?<![^%s])%s(?![^%s]))*+%s\Z" % (text, stop, quoted, stop, text))


def swallowed_rows(text: str, columns: int, csv: Csv) -> int:
    """Return how many lines inside a text have a cell for each column; 0 unless two or more, and nearly all, have.

    >>> swallowed_rows("Box 24,n10\\n11,ok,n11\\n12,ok,n12\\n13,", 3, Csv()), swallowed_rows("a,b\\nc,d\\ne", 2, Csv())
    (2, 0)
    """
    if columns < 2 or not csv.quote or csv.quoting == "lenient" or text.count(csv.delimiter) < 2 * (columns - 1):
        return 0
    inside = [line for line in _LINE_END.split(text)[1:-1] if line]
    rows = sum(line.count(csv.delimiter) == columns - 1 for line in inside)
    return rows if len(inside) >= 2 and rows >= NEARLY_ALL * len(inside) else 0


class QuoteBits:
    """Checks blocks like `QuoteCheck`, but with bitmaps: bit n stands for byte n. It never accepts a faulty block."""

    def __init__(self, csv: Csv, *, slice_bytes: int) -> None:
        self._delimiter, self._quote, self._escape = (m.encode() for m in (csv.delimiter, csv.quote, csv.escape))
        self._slice_bytes = slice_bytes

    def are_sound(self, data: bytes, *, has_escapes: bool) -> bool:
        """Return whether a block is certainly sound. `has_escapes`: the escape character occurs in it."""
        at, is_open = 0, 0
        while at < len(data):
            end = len(data) if has_escapes else self._end_of_slice(data, at)
            is_sound, is_open = self._slice(data[at:end], is_open)
            if not is_sound:
                return False
            at = end
        return not is_open

    def _end_of_slice(self, data: bytes, at: int) -> int:
        """Return the end of a slice: after a line feed, where it cuts no run of quotes and a cell may begin."""
        limit = at + self._slice_bytes
        return (data.rfind(b"\n", at, limit) + 1 if limit < len(data) else 0) or len(data)

    def _slice(self, data: bytes, is_open: int) -> tuple[bool, int]:
        """Return whether a slice is sound, and the open quotes after it; `is_open` is their number before it, 0 or 1.

        The bit after a run of quotes represents the run: a run of odd length opens or closes a cell. A run that opens
        has a separator on its left only, one that closes on its right only; with both, it opens if no quote is open.
        `outside` has the bits where no quote is open: openings are added to it, and each addition carries through the
        ones up to the next zero, which is where a quote may close.
        """
        quotes, separators = self._maps(data)
        odd, at_start = _runs(quotes, separators, len(data))
        begins, closes = at_start & odd, odd & separators
        either = begins & closes
        opens = begins ^ either
        amid = odd ^ opens ^ closes
        closed_at_once = _without(at_start ^ begins, separators)
        everywhere = (1 << (len(data) + 1)) - 1
        outside = (everywhere ^ closes) + opens + is_open
        if late := _without(either, outside):  # cells that begin with a separator
            opens, closes, either = opens | late, closes ^ late, either ^ late
            outside = (everywhere ^ closes) + opens + is_open
        wrong = (opens | closed_at_once) & outside | _without(amid | either, outside)
        return not wrong, outside >> (len(data) + 1)

    def _maps(self, data: bytes) -> tuple[int, int]:
        """Return the bits of the quotes, and of the delimiters, line ends and the end; without those escaped."""
        quotes = _bits(data, self._quote)
        separated = data.replace(b"\n", self._delimiter)  # one comparison finds all
        separators = _bits(separated.replace(b"\r", self._delimiter), self._delimiter)
        if self._escape and self._escape in data:
            escaped = _odd_ends(_bits(data, self._escape), len(data))
            quotes, separators = _without(quotes, escaped), _without(separators, escaped)
        return quotes, separators | 1 << len(data)


def _bits(data: bytes, byte: bytes) -> int:
    """Return the bits where a byte occurs."""
    array = pa.Array.from_buffers(pa.uint8(), len(data), [None, pa.py_buffer(data)])
    found = pc.equal(array, pa.scalar(byte[0], pa.uint8())).buffers()[1]
    return int.from_bytes(memoryview(cast(Any, found)), "little") & ((1 << len(data)) - 1)


def _without(bits: int, others: int) -> int:
    return bits ^ (bits & others)


def _runs(quotes: int, separators: int, size: int) -> tuple[int, int]:
    """Return the bits after the runs of odd length, and after the runs at the beginning of a cell."""
    behind = quotes << 1
    pairs = behind & quotes
    if not pairs:
        return behind, behind & (separators << 2 | 2)
    return _odd_ends(quotes, size), _without(quotes + ((quotes ^ pairs) & (separators << 1 | 1)), quotes)


def _odd_ends(marks: int, size: int) -> int:
    """Return the bits after the runs of odd length: at an odd place if a run begins at an even one, or the reverse."""
    even = int.from_bytes(b"\x55" * (size // 8 + 2), "little")
    behind = marks << 1
    pairs = behind & marks
    from_even = _without(marks + ((marks ^ pairs) & even), marks)
    return _without(from_even, even) | ((behind ^ pairs ^ from_even) & even)
