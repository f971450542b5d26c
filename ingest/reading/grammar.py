"""Find where records end, by exactly the rules of `ingest.reading.quotes`. Works on bytes, not on cells.

Counting quotes would be wrong (`x"y` is literal). The patterns are the parser's own automaton, run by `re` in C, in
linear time. After a quote that follows an ordinary byte, and that no quote follows, the automaton's state does not
depend on what came before. So the end of the last record is mostly found without reading the data before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.feeds.dialect import Csv
from ingest.reading.quotes import (
    END,
    INNER_MARKS,
    LAST_END,
    CellPatterns,
    QuoteCheck,
    cell_patterns,
    more_cells,
    record_pattern,
)

LINE_ENDS = (b"\n", b"\r\n", b"\r")
BOM = b"\xef\xbb\xbf"  # inside a file, it shows where another file was appended
_CTRL_Z = b"\x1a"
_BLANK = b"\r\n" + _CTRL_Z
_LINE_END = re.compile(rb"\r\n|\n|\r")
_INNER_MARK = re.compile(rb"(?:\A|[\r\n])" + BOM)
_LONE_CR = re.compile(rb"\r(?!\n)")
TAILS = (4 * 1024, 64 * 1024)  # bytes at the end that usually suffice to find the last record end


@dataclass(frozen=True, slots=True)
class Span:
    """A record's place in its block: bytes [start, end) with its line end, and the line it begins on, from 0."""

    start: int
    end: int
    line: int


class Grammar:
    """Finds record ends for one dialect. `tails`: how many of the last bytes to try before reading all."""

    def __init__(self, csv: Csv, *, tails: tuple[int, ...] = TAILS) -> None:
        self._tails = tails
        self._comment = csv.comment.encode()
        self._quote = csv.quote.encode()
        self._marks = [mark.encode() for mark in (csv.quote, csv.escape) if mark]
        marks = (csv.delimiter, csv.quote, csv.escape, csv.line_end)
        self._end_of_file = b"" if _CTRL_Z.decode() in marks else _CTRL_Z
        self.quotes = QuoteCheck(csv)
        self.is_strict = bool(csv.quote) and csv.quoting == "strict"
        self.keeps_open_quotes = bool(csv.quote) and csv.quoting == "lenient"
        cells = cell_patterns(csv)
        record = record_pattern(csv, cells, lost=cells.lost)
        line = record_pattern(csv, cell_patterns(csv, one_line=True))
        rest = cells.rest + more_cells(cells, lost=cells.lost)
        self._records = re.compile(rb"(?:%s%s)*+" % (record, END))
        self._lines = re.compile(rb"(?:%s%s)*+" % (line, END))
        self._rest = re.compile(rb"%s%s(?:%s%s)*+" % (rest, END, record, END))
        self._known = _known_pattern(csv)
        self._record = re.compile(record + LAST_END)
        self._whole = re.compile(rb"(?:%s(?:\n|\r\n|\r|\Z))*+\Z" % record)
        self._span = re.compile(record_pattern(csv, cells, lost=cells.given_up) + LAST_END)
        before = INNER_MARKS + rb"(?:%s%s)*+" % (cells.any, cells.delimiter)
        self._open = re.compile(rb"%s(?!%s)(%s)" % (before, cells.any, cells.opening))
        self._rest_of_cell = re.compile(cells.rest)
        escaped = rb"%s[\s\S]|" % re.escape(csv.escape.encode()) if csv.escape else b""
        self._marks_in_cell = re.compile(escaped + re.escape(self._quote))
        self._blanks = _blanks_pattern(csv, cells) if csv.blanks else None
        empty = _empty_pattern(csv) if csv.empty_rows == "skip" else None
        self._empty = re.compile(empty + rb"[\r\n]*+") if empty else None
        self._empty_line = re.compile(rb"(?:\A|[\r\n])%s(?:[\r\n]|\Z)" % empty) if empty else None

    def end_of_last_record(self, data: bytes, start: int, end: int) -> int:
        """Return where the last whole record of data[start:end] ends; `start`, a record start, if none does.

        >>> Grammar(Csv()).end_of_last_record(b'a,b\\n1,"x\\ny', 0, 10)
        4
        """
        if self.has_marks(data, start, end):
            return self._end_in_tail(data, start, end) or self._end_from(data, start, end)
        last = data.rfind(b"\n", start, end) + 1 or start
        return max(last, data.rfind(b"\r", last, end - 1) + 1)

    def _end_from(self, data: bytes, start: int, end: int) -> int:
        match = self._records.match(data, start, end)
        return match.end() if match else start

    def _end_in_tail(self, data: bytes, start: int, end: int) -> int | None:
        """Return where the last record ends, found from the last bytes alone; None if they do not show it.

        A quote after an ordinary byte does not open a cell: it closes a quoted cell or is literal. Unless another quote
        follows, the text after it is therefore literal up to the next delimiter, regardless of the data before it.
        """
        for length in self._tails:
            known = self._known.search(data, end - length, end) if self._known and end - length > start else None
            match = self._rest.match(data, known.end(), end) if known else None
            if match:
                return match.end()
        return None

    def end_of_text(self, data: bytes) -> int:
        """Return where the last bytes of a file end without trailing Ctrl-Z bytes, with which DOS ends a file."""
        return len(data.rstrip(self._end_of_file)) if self._end_of_file else len(data)

    def end_of_lines(self, data: bytes, start: int, end: int) -> int:
        """Return where the last of the one-line records from `start` on ends."""
        match = self._lines.match(data, start, end)
        return match.end() if match else start

    def is_whole(self, data: bytes, start: int) -> bool:
        """Return whether the rest of the file, from a record start on, leaves no quote open."""
        return not self.has_marks(data, start) or self._whole.match(data, start) is not None

    def has_marks(self, data: bytes, start: int = 0, end: int | None = None) -> bool:
        """Return whether quotes or escapes are in data[start:end]: without them, each line is a record."""
        return any(data.find(mark, start, end) >= 0 for mark in self._marks)

    def end_of_first_record(self, data: bytes, start: int = 0, *, at_end: bool) -> int | None:
        """Return where the record at `start` ends, with its line end; None if it does not end in `data`.

        With `at_end` nothing follows `data`, so its end ends a record too, unless a quote is still open.
        """
        match = self._record.match(data, start)
        if match is None or (match.end() == len(data) and not at_end and match[1] in (b"", b"\r")):
            return None
        return match.end()

    def open_quote(self, data: bytes, start: int, end: int) -> int | None:
        """Return the place of the quote that keeps the record at `start` open to the end of data[start:end], if any.

        >>> Grammar(Csv()).open_quote(b'1,"a\\n",b,"c\\n', 0, 14)
        9
        """
        if self._comment and without_mark(data[start:end]).startswith(self._comment):
            return None
        match = self._open.match(data, start, end)
        return match.end() - len(self._quote) if match else None

    def needs_what_follows(self, data: bytes) -> bool:
        """Return whether the chunks of a part of a file, which ends with a record, may depend on what follows it."""
        return bool(self._quote) and self._quote in data

    def is_record(self, line: bytes) -> bool:
        """Return whether a line is a record, and not a blank line, a comment or an empty row to skip."""
        line = without_mark(line)
        if not line or line in LINE_ENDS or (self._comment and line.startswith(self._comment)):
            return False
        return self._empty is None or not self._empty.fullmatch(line)

    def may_skip(self, data: bytes) -> bool:
        """Return whether a block may have comments or empty rows to skip, which the parser would read as records."""
        if self._comment and self._comment in data:
            return True
        return self._empty_line is not None and self._empty_line.search(data) is not None

    def with_literal_quote(self, data: bytes) -> bytes:
        """Return a record that has an unclosed quote, with that cell quoted, so that the parser reads it as text.

        >>> Grammar(Csv(quote="%", quoting="lenient")).with_literal_quote(b"1,%a%%b,2\\n")
        b'1,%%%a%%%%b%,2\\n'
        """
        at = self.open_quote(data, 0, len(data))
        if at is None:
            return data
        match = self._rest_of_cell.match(data, at)
        assert match is not None  # it may be empty
        end = match.end()
        text = self._marks_in_cell.sub(lambda mark: mark[0] * 2 if mark[0] == self._quote else mark[0], data[at:end])
        return data[:at] + self._quote + text + self._quote + data[end:]

    def without_blanks(self, data: bytes) -> bytes:
        """Return whole records without the blanks around quoted cells, which the parser would read as text.

        >>> Grammar(Csv(trim=True)).without_blanks(b'1, "a, ""b" , c "d"\\n')
        b'1,"a, ""b", c "d"\\n'
        """
        return self._blanks.sub(rb"\1\2\3\4", data) if self._blanks and self._quote in data else data

    def spans(self, data: bytes) -> Iterator[Span]:
        """Yield the records of a block in order, without comments and without blank lines (the parser skips these)."""
        start, line = 0, 0
        while start < len(data):
            match = self._span.match(data, start)
            end = match.end() if match else len(data)
            record = data[start:end]
            if self.is_record(record):
                yield Span(start, end, line)
            start, line = end, line + count_lines(record)


def without_mark(record: bytes) -> bytes:
    """Return a record without the byte order marks it begins with: they belong to no cell."""
    while record.startswith(BOM):
        record = record[len(BOM) :]
    return record


def has_inner_marks(data: bytes) -> bool:
    """Return whether a record of a block, or a line in one, begins with a byte order mark."""
    return BOM in data and _INNER_MARK.search(data) is not None


def count_lines(data: bytes) -> int:
    """Return the number of physical line ends: LF, CRLF and lone CR each count once.

    >>> count_lines(b"a\\nb\\r\\nc\\rd")
    3
    """
    if b"\r" not in data or not _LONE_CR.search(data):
        return data.count(b"\n")
    return data.count(b"\n") + data.count(b"\r") - data.count(b"\r\n")


def end_of_line(data: bytes, start: int, end: int, *, at_end: bool) -> int:
    """Return where the first physical line of data[start:end] ends, line end included; 0 if it does not.

    A CR as the last byte does not end a line yet, unless nothing follows (`at_end`): it may be half of a CRLF.
    """
    match = _LINE_END.search(data, start, end)
    if match is None or (match.group() == b"\r" and match.end() == end and not at_end):
        return 0
    return match.end()


def start_of_last_lines(data: bytes, line_count: int) -> int:
    """Return where the last physical lines of `data` begin. Blank lines at the very end do not count.

    >>> start_of_last_lines(b"a\\r\\nb\\nc\\rd\\n\\n", 2)
    5
    """
    start = len(without_blank_end(data)) if line_count else len(data)
    for _ in range(line_count):
        end = start - data.endswith((b"\n", b"\r"), 0, start)
        if end > 0 and data[end - 1 : end + 1] == b"\r\n":
            end -= 1
        start = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
    return start


def without_blank_end(data: bytes) -> bytes:
    """Return bytes without the line end, blank lines and Ctrl-Z that they end with."""
    return data.rstrip(_BLANK)


# Characters that may end records in place of a line end: control characters and line separators, which cells hardly
# ever contain; and other marks, which count only if the text between them looks like records.
SEPARATORS = {
    "\x85": "NEL (U+0085)",
    "\x1e": "RS (0x1E)",
    "\x0c": "FF (0x0C)",
    "\x0b": "VT (0x0B)",
    "\x1d": "GS (0x1D)",
    "\x1c": "FS (0x1C)",
    "\u2028": "LINE SEPARATOR (U+2028)",
    "\u2029": "PARAGRAPH SEPARATOR (U+2029)",
    "\0": "NUL (0x00)",
}
OTHER_MARKS = "~^¬¦§¶#$!@\x01\x02\x03\x04\x1f"
_NEARLY_ALL = 0.9


def likely_line_end(line: str, delimiter: str, *, is_alone: bool) -> str:
    """Return the character that most likely ends the records joined in a line; "" if the line is one record.

    `is_alone`: the file has no other line, so any of `SEPARATORS` is accepted. Otherwise, and for the other characters,
    the parts between them must be records with equal numbers of cells. The delimiter may be unknown ("").

    >>> likely_line_end("id,v~1,a~2,b~", ",", is_alone=True), likely_line_end("id,price~net", ",", is_alone=True)
    ('~', '')
    """
    among = [mark for mark in (*SEPARATORS, *OTHER_MARKS) if mark != delimiter and mark in line]
    shown = [mark for mark in among if delimiter and _are_records(line, mark, delimiter)]
    found = shown or [mark for mark in among if mark in SEPARATORS and is_alone]
    return max(found, key=line.count, default="")


def _are_records(line: str, mark: str, delimiter: str) -> bool:
    """Return whether a mark cuts a line into records that nearly all have as many cells as the first, two or more."""
    *records, last = line.split(mark)
    records += [last] if last else []
    width = records[0].count(delimiter)
    alike = sum(record.count(delimiter) == width for record in records)
    is_cut = len(records) > 2 or (len(records) == 2 and not last)
    return width > 0 and is_cut and alike >= _NEARLY_ALL * len(records)


def name_of(character: str) -> str:
    """Return what a character is called: `~`, NEL (U+0085)."""
    return SEPARATORS.get(character) or repr(character)


def _known_pattern(csv: Csv) -> re.Pattern[bytes] | None:
    """Return a pattern for a quote after which text is literal regardless of what precedes it, if there is one.

    With comments there is none: a delimiter in a comment begins no cell, and only a line's start shows a comment.
    """
    if not csv.quote or csv.comment:
        return None
    quote = re.escape(csv.quote.encode())
    marks = (csv.delimiter, csv.escape, csv.blanks)
    stop = rb"\r\n" + BOM[-1:] + quote + b"".join(re.escape(mark.encode()) for mark in marks)
    return re.compile(rb"%s(?<=[^%s]%s)(?=[^%s])" % (quote, stop, quote, quote))


def _empty_pattern(csv: Csv) -> bytes:
    """Return a pattern for a record of two or more empty cells, without its line end."""
    delimiter = re.escape(csv.delimiter.encode())
    blanks = b" \t".replace(csv.delimiter.encode(), b"")
    blank = rb"[%s]*+" % blanks if csv.trim else b""
    return rb"%s(?:%s%s)++" % (blank, delimiter, blank)


def _blanks_pattern(csv: Csv, cells: CellPatterns) -> re.Pattern[bytes]:
    """Return a pattern for cells to keep, then a quoted cell with blanks around its quotes, or all remaining data."""
    blank = rb"[%s]" % re.escape(csv.blanks.encode())
    stop = rb"\r\n" + cells.delimiter
    tight = rb"(?:%s(?!%s)%s|(?!%s)%s)" % (cells.quoted, blank, cells.rest, cells.opening, cells.rest)
    padded = rb"%s*+(%s)(?:%s*+(?=[%s]|\Z)|(%s))" % (blank, cells.quoted, blank, stop, cells.rest)
    return re.compile(rb"((?:%s[%s])*+)(?:%s|([\s\S]*+))" % (tight, stop, padded))
