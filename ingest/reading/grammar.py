"""Where records end, in exactly the sense of `pyarrow.csv`'s parser. Knows bytes, no cells.

The parser's states (arrow/csv/parser.cc): a quote opens a quoted cell only as the first character of a cell; inside,
a doubled quote is a quote and any other quote ends the quoting; what follows up to the delimiter is literal, quotes
included. The escape character takes the next byte as it is, in and out of quotes. LF, CR and CRLF end a record.
Counting quotes is therefore wrong (`x"y` is literal); these patterns are the same automaton, run by `re` in C.
Possessive repeats keep them linear. Where a quote follows an ordinary byte and no quote follows it, the automaton is in
the same state whatever came before; so the last record's end is mostly found without reading what stands before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.feeds.dialect import Csv

LINE_ENDS = (b"\n", b"\r\n", b"\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_LONE_CR = re.compile(rb"\r(?!\n)")
# A CR at the end of the data may be half of a CRLF, so it ends a record only when another byte follows.
_END = rb"(?:\n|\r\n|\r(?=[\s\S]))"
TAILS = (4 * 1024, 64 * 1024)  # bytes at the end that mostly suffice to find the last record end


@dataclass(frozen=True, slots=True)
class Span:
    """A record's place in its block: bytes [start, end) with its line end, and the line it begins on, from 0."""

    start: int
    end: int
    line: int


class Grammar:
    """Finds record ends for one dialect. `tails`: how many of the last bytes are tried before all are read."""

    def __init__(self, csv: Csv, *, tails: tuple[int, ...] = TAILS) -> None:
        self._tails = tails
        self._comment = csv.comment.encode()
        self._marks = [mark.encode() for mark in (csv.quote, csv.escape) if mark]
        record, line = _record_pattern(csv), _record_pattern(csv, one_line=True)
        self._records = re.compile(rb"(?:%s%s)*+" % (record, _END))
        self._lines = re.compile(rb"(?:%s%s)*+" % (line, _END))
        self._rest = re.compile(rb"%s%s(?:%s%s)*+" % (_rest_pattern(csv), _END, record, _END))
        self._known = _known_pattern(csv)
        self._record = re.compile(rb"%s(\n|\r\n|\r|\Z)" % record)
        self._whole = re.compile(rb"(?:%s(?:\n|\r\n|\r|\Z))*+\Z" % record)

    def end_of_last_record(self, data: bytes, start: int, end: int) -> int:
        """Return where the last whole record of data[start:end] ends; `start`, a record start, if none does.

        >>> Grammar(Csv()).end_of_last_record(b'a,b\\n1,"x\\ny', 0, 10)
        4
        """
        if any(data.find(mark, start, end) >= 0 for mark in self._marks):
            return self._end_in_tail(data, start, end) or self._end_from(data, start, end)
        last = data.rfind(b"\n", start, end) + 1 or start
        return max(last, data.rfind(b"\r", last, end - 1) + 1)

    def _end_from(self, data: bytes, start: int, end: int) -> int:
        match = self._records.match(data, start, end)
        return match.end() if match else start

    def _end_in_tail(self, data: bytes, start: int, end: int) -> int | None:
        """Return where the last record ends, read from a place near the end; None if it is not clear from there.

        A quote behind an ordinary byte opens nothing: it closes a quoted cell or is a letter. Unless another quote
        follows, what stands behind it is therefore literal up to the next delimiter, whatever stands before it.
        """
        for length in self._tails:
            known = self._known.search(data, end - length, end) if self._known and end - length > start else None
            match = self._rest.match(data, known.end(), end) if known else None
            if match:
                return match.end()
        return None

    def end_of_lines(self, data: bytes, start: int, end: int) -> int:
        """Return where the last of the records at `start` ends that are one line each."""
        match = self._lines.match(data, start, end)
        return match.end() if match else start

    def is_whole(self, data: bytes, start: int) -> bool:
        """Return whether the rest of the file, from a record start on, leaves no quote open."""
        has_marks = any(data.find(mark, start) >= 0 for mark in self._marks)
        return not has_marks or self._whole.match(data, start) is not None

    def end_of_first_record(self, data: bytes, start: int = 0, *, at_end: bool) -> int | None:
        """Return where the record at `start` ends, with its line end; None if it does not end in `data`.

        With `at_end` nothing follows `data`, so its end ends a record too, unless a quote is still open.
        """
        match = self._record.match(data, start)
        if match is None or (match.end() == len(data) and not at_end and match[1] in (b"", b"\r")):
            return None
        return match.end()

    def is_record(self, line: bytes) -> bool:
        """Return whether what stands where a record could is one, and no blank line or comment."""
        return line not in LINE_ENDS and not (self._comment and line.startswith(self._comment))

    def without_comments(self, data: bytes) -> bytes:
        """Return the records of a block as the parser may have them: it knows no comments."""
        if not self._comment or self._comment not in data:
            return data
        return b"".join(data[span.start : span.end] for span in self.spans(data))

    def spans(self, data: bytes) -> Iterator[Span]:
        """Yield the records of a block in order, without blank lines, which the parser skips too, and comments."""
        start, line = 0, 0
        while start < len(data):
            match = self._record.match(data, start)
            end = match.end() if match else len(data)
            record = data[start:end]
            if self.is_record(record):
                yield Span(start, end, line)
            start, line = end, line + count_lines(record)


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
    """Return where the last physical lines of `data` begin; a line end at the very end belongs to the last of them.

    >>> start_of_last_lines(b"a\\r\\nb\\nc\\rd\\n", 2)
    5
    """
    start = len(data)
    for _ in range(line_count):
        end = start - data.endswith((b"\n", b"\r"), 0, start)
        if end > 0 and data[end - 1 : end + 1] == b"\r\n":
            end -= 1
        start = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
    return start


def _known_pattern(csv: Csv) -> re.Pattern[bytes] | None:
    """Return what is followed by literal text wherever it stands, if the dialect has such.

    Comments have no cells, so a delimiter in them begins none: whether a line is one must be known from its start.
    """
    if not csv.quote or csv.comment:
        return None
    quote = re.escape(csv.quote.encode())
    stop = rb"\r\n" + quote + b"".join(re.escape(mark.encode()) for mark in (csv.delimiter, csv.escape))
    return re.compile(rb"%s(?<=[^%s]%s)(?=[^%s])" % (quote, stop, quote, quote))


def _rest_pattern(csv: Csv) -> bytes:
    """Return a pattern for what is left of a record, without its line end, from literal text on."""
    cell, rest = _cell_patterns(csv)
    return rb"%s(?:%s%s)*+" % (rest, re.escape(csv.delimiter.encode()), cell)


def _record_pattern(csv: Csv, *, one_line: bool = False) -> bytes:
    """Return a pattern for one record without its line end: cells between delimiters."""
    cell, _ = _cell_patterns(csv, one_line=one_line)
    cells = rb"%s(?:%s%s)*+" % (cell, re.escape(csv.delimiter.encode()), cell)
    comment = re.escape(csv.comment.encode())
    return rb"(?:%s[^\r\n]*+|(?!%s)%s)" % (comment, comment, cells) if comment else cells


def _cell_patterns(csv: Csv, *, one_line: bool = False) -> tuple[bytes, bytes]:
    """Return patterns for a cell, and for the literal text one is or goes on with."""
    line_end, any_byte = (rb"\r\n", rb"[^\r\n]") if one_line else (b"", rb"[\s\S]")
    delimiter, quote, escape = (re.escape(mark.encode()) for mark in (csv.delimiter, csv.quote, csv.escape))
    escaped = rb"|%s%s" % (escape, any_byte) if escape else b""
    stop = rb"\r\n" + delimiter + escape
    rest = rb"(?:[^%s]++%s)*+" % (stop, escaped) if escape else rb"[^%s]*+" % stop
    if not quote:
        return rest, rest
    plain = rb"[^%s%s%s]*+" % (quote, escape, line_end)
    inside = rb"%s%s(?:(?:%s%s%s)%s)*+%s" % (quote, plain, quote, quote, escaped, plain, quote)
    return rb"(?:%s%s|(?!%s)%s)" % (inside, rest, quote, rest), rest
