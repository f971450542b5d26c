"""A file's text: its head, and what follows from any place on. Reads as little as that takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain

from ingest.core.charset import Charset
from ingest.core.cutter import CutState
from ingest.core.decoding import decode, first_bytes
from ingest.core.footer import without_footer
from ingest.core.grammar import Grammar
from ingest.core.head import Head, read_head
from ingest.core.planner import is_splittable
from ingest.dialect import Csv
from ingest.errors import ServiceFault

Read = Callable[[int, int | None], Iterator[bytes]]  # a file's own bytes from one offset to before another, or its end


@dataclass(slots=True)
class Text:
    """A file that was opened.

    `start` is where its rows begin. `can_jump`: text may be read from any byte on; else all before it is read again.
    """

    head: Head
    start: CutState
    can_jump: bool
    _read: Read
    _charset: Charset
    _rest: Iterator[bytes]
    _portions: Iterator[bytes]

    def after(self, place: CutState, end_byte: int | None = None) -> Iterator[bytes]:
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


def open_text(read: Read, csv: Csv, charset: Charset, grammar: Grammar) -> Text:
    """Return a file's text, its head read.

    Raises:
        FileFault: there is no usable head.
    """
    portions = read(0, None)
    first = first_bytes(portions)
    text = without_footer(decode(chain([first], portions), csv), csv.footer_lines)
    head, rest = read_head(text, charset.csv, grammar)
    start = CutState(charset.size_of_head(head.raw), 1 + head.line_count, text_byte=len(head.raw))
    return Text(head, start, is_splittable(csv, first), read, charset, chain([rest], text), portions)


def _skip(text: Iterator[bytes], count: int) -> Iterator[bytes]:
    for portion in text:
        if count < len(portion):
            yield portion[count:]
            yield from text
            return
        count -= len(portion)
    if count:
        raise ServiceFault("The file ends before the place it was read to: it was read another way before.")
