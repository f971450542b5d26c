"""A file's text: its head, and what follows from any place on. Reads as little as that takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from ingest.errors import ServiceFault
from ingest.feeds.dialect import Csv
from ingest.reading.blocks import Position
from ingest.reading.compression import decode, first_bytes
from ingest.reading.encoding import Charset
from ingest.reading.grammar import Grammar
from ingest.reading.header import Header, read_header
from ingest.reading.segments import is_splittable


def without_footer(portions: Iterator[bytes], line_count: int) -> Iterator[bytes]:
    """Yield all but the last physical lines. So much is held back and no more.

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


RangeReader = Callable[
    [int, int | None], Iterator[bytes]
]  # a file's own bytes from one offset to before another, or its end


@dataclass(slots=True)
class Reader:
    """A file that was opened.

    `start` is where its rows begin. `can_jump`: text may be read from any byte on; else all before it is read again.
    """

    head: Header
    start: Position
    can_jump: bool
    _read: RangeReader
    _charset: Charset
    _rest: Iterator[bytes]
    _portions: Iterator[bytes]

    def after(self, place: Position, end_byte: int | None = None) -> Iterator[bytes]:
        """Yield the text from a place on, to the end of the file or to a byte of it. May be asked for once."""
        if place.byte == self.start.byte and end_byte is None:
            return self._rest
        if self.can_jump:
            self.close()
            return self._charset.to_text(self._read(place.byte, end_byte))
        return _skip(self._rest, place.text_byte - self.start.text_byte)

    def close(self) -> None:
        """Stop reading."""
        close = getattr(self._portions, "close", None)
        if close:
            close()


def open_file(read: RangeReader, csv: Csv, charset: Charset, grammar: Grammar) -> Reader:
    """Return a file's text, its head read.

    Raises:
        FileFault: there is no usable head.
    """
    portions = read(0, None)
    first = first_bytes(portions)
    text = without_footer(decode(chain([first], portions), csv), csv.footer_lines)
    head, rest = read_header(text, charset.csv, grammar)
    start = Position(charset.size_of_head(head.raw), 1 + head.line_count, text_byte=len(head.raw))
    return Reader(head, start, is_splittable(csv, first), read, charset, chain([rest], text), portions)


def _skip(text: Iterator[bytes], count: int) -> Iterator[bytes]:
    for portion in text:
        if count < len(portion):
            yield portion[count:]
            yield from text
            return
        count -= len(portion)
    if count:
        raise ServiceFault("The file ends before the place it was read to: it was read another way before.")
