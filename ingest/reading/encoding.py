"""A file's own characters -> the text the core works on, UTF-8 with ASCII marks, and back again.

The parser knows only ASCII delimiters, quotes and escapes. Where a feed names another (quote = "þ"), that character and
a control character change places in the text, and back again in the cells: nothing is lost, whatever the file holds.
So do a feed's own `line_end` and LF. What else would end a line for the parser (CR) becomes a character that no text
has, and that one what is not text: a record that has it all the same is rejected, as it is everywhere else not UTF-8.
"""

import codecs
import re
import sys
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.errors import NotCsv
from ingest.feeds.dialect import Csv

_STAND_INS = "\x01\x02\x03\x04\x05\x06"  # no white space; twice as many as there are marks, so some are free
_NOT_A_LINE_END = "\U0010ffff"  # by Unicode never a character: for a CR or LF that ends no record
_NOT_TEXT = "\udbff"  # for the one above where a file has it: `_to_surrogates` makes others
_ASCII = bytes(range(128)).decode("ascii")
_TO_SURROGATES = "ingest.to_surrogates"
_BAD_BYTES = re.compile("([\udc00-\udcff]+)")  # as they stand in the text
# Encodings that put a byte order mark before whatever they encode -> the same without it, and the mark.
_WITHOUT_MARK = {
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-32": ("utf-32-le", codecs.BOM_UTF32_LE),
}


class Charset:
    """The characters of one feed's files. `csv` is the feed's dialect as it is in the text: all its marks are ASCII."""

    def __init__(self, csv: Csv) -> None:
        self._encoding = _name(csv.encoding)
        self._to_text = _swaps(csv) | _line_ends(csv.line_end)
        self._to_own = {ord(there): chr(here) for here, there in self._to_text.items()}
        self._is_single_byte = _is_single_byte(self._encoding)
        self._has_ascii = self._encoding == "utf-8" or _is_bytewise(self._encoding)
        self._ascii = _AsciiTable(self._to_text)
        self.csv = csv.translated(self._to_text) if self._to_text else csv

    @property
    def is_seekable(self) -> bool:
        """Whether text can be made from any record's first byte on, without what stands before it."""
        return self._encoding == "utf-8" or self._is_single_byte

    @property
    def is_plain(self) -> bool:
        """Whether the text is the file's own bytes."""
        return self._encoding == "utf-8" and not self._to_text

    @property
    def most_bytes(self) -> int:
        """How many bytes of a file a byte of text may stand for."""
        return 4 if self._to_text else 1

    def to_text(self, portions: Iterator[bytes]) -> Iterator[bytes]:
        """Yield a file's bytes as text. Bytes that are not text in its encoding come out as invalid UTF-8.

        Raises (while iterating):
            NotCsv: the encoding cannot make text of the bytes at all.
        """
        return portions if self.is_plain else self._transcoded(portions)

    def size(self, text: bytes) -> int:
        """Return how many bytes of the file a piece of text is, where each character has one spelling in its encoding.

        >>> Charset(Csv(encoding="cp1252")).size("Köln".encode())
        4
        """
        if self.is_plain or (text.isascii() and (self._is_single_byte or (self._has_ascii and self._ascii.is_own))):
            return len(text)
        if self._is_single_byte:
            return len(text.decode("utf-8", "surrogatepass"))
        return len(original_bytes(self.own(text), self._encoding, at_start=False))

    def size_before_rows(self, header: bytes) -> int:
        """Return how many bytes of the file stand before the rows, with the byte order mark that decoding took away."""
        return len(_WITHOUT_MARK.get(self._encoding, ("", b""))[1]) + self.size(header)

    def own(self, text: bytes) -> bytes:
        """Return a piece of text with the file's own characters in it, as UTF-8."""
        if not self._to_text:
            return text
        own = text.decode("utf-8", "surrogatepass").translate(self._to_own)
        return _encoded(own, "utf-8") if self._encoding == "utf-8" else own.encode("utf-8", "surrogatepass")

    def from_own(self, own: bytes) -> bytes:
        """Return the text of a piece in the file's own characters, as `own` gives it."""
        if not self._to_text:
            return own
        codecs.register_error(_TO_SURROGATES, _to_surrogates)
        errors = _TO_SURROGATES if self._encoding == "utf-8" else "surrogatepass"
        return self._encoded(own.decode("utf-8", errors))

    def own_name(self, name: str) -> str:
        """Return a column's name with the file's own characters in it."""
        return name.translate(self._to_own)

    def own_cells(self, table: pa.Table) -> pa.Table:
        """Return columns of text with the file's own characters in them."""
        for at, name in enumerate(table.column_names if self._to_text else []):
            table = table.set_column(at, name, self._own_column(table.column(at).combine_chunks()))
        return table

    def _own_column(self, cells: "pa.Array[Any]") -> "pa.Array[Any]":
        swapped = [chr(there) for there in self._to_own if chr(there) != _NOT_TEXT]
        if not any(pc.any(pc.match_substring(cells, character)).as_py() for character in swapped):
            return cells
        texts = [text if text is None else text.translate(self._to_own) for text in cells.to_pylist()]
        return pa.array(texts, pa.string())

    def _transcoded(self, portions: Iterator[bytes]) -> Iterator[bytes]:
        codecs.register_error(_TO_SURROGATES, _to_surrogates)
        decoder = codecs.getincrementaldecoder(self._encoding)(errors=_TO_SURROGATES)
        try:
            for portion in portions:
                is_ascii = self._has_ascii and portion.isascii() and not decoder.getstate()[0]
                ascii_text = self._ascii.translated(portion) if is_ascii else None
                yield self._encoded(decoder.decode(portion)) if ascii_text is None else ascii_text
            yield self._encoded(decoder.decode(b"", True))
        except UnicodeError as error:  # UTF-16 or UTF-32 without the BOM that says which byte order
            raise NotCsv(f"The file is not valid {self._encoding} text: {error}; set the feed's encoding.") from error

    def _encoded(self, text: str) -> bytes:
        return (text.translate(self._to_text) if self._to_text else text).encode("utf-8", "surrogatepass")


class _AsciiTable:
    """What becomes of ASCII in the text, which is quicker to do to bytes. `is_own`: ASCII of the text was ASCII."""

    def __init__(self, to_text: dict[int, str]) -> None:
        table = {chr(here): there for here, there in to_text.items() if here < 128}
        self._others = [here.encode() for here, there in table.items() if not there.isascii()]
        stay = {here: there for here, there in table.items() if there.isascii()}
        self._table = bytes.maketrans("".join(stay).encode(), "".join(stay.values()).encode()) if stay else None
        self.is_own = not any(here >= 128 and there.isascii() for here, there in to_text.items())

    def translated(self, data: bytes) -> bytes | None:
        """Return the text of some ASCII; None where it is not all ASCII."""
        if any(other in data for other in self._others):
            return None
        return data.translate(self._table) if self._table else data


def original_bytes(text: bytes, encoding: str, *, at_start: bool) -> bytes:
    """Return text as the file had it, byte for byte. `at_start`: with the byte order mark the encoding begins with.

    >>> original_bytes("ü".encode(), "cp1252", at_start=False)
    b'\\xfc'
    """
    name = _name(encoding)
    if name == "utf-8":
        return text
    plain, mark = _WITHOUT_MARK.get(name, (name, b""))
    return (mark if at_start else b"") + _encoded(text.decode("utf-8", "surrogatepass"), plain)


def _encoded(text: str, encoding: str) -> bytes:
    """Return text in an encoding, and what stands in for bytes that are not text as these bytes."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        chunks = enumerate(_BAD_BYTES.split(text))
        return b"".join(bytes(ord(c) & 0xFF for c in chunk) if i % 2 else chunk.encode(encoding) for i, chunk in chunks)


def _name(encoding: str) -> str:
    """Return an encoding's one name. Whether UTF-8 begins with a mark is seen in the file, not in the feed."""
    return codecs.lookup(encoding).name.removesuffix("-sig")


def _is_bytewise(name: str) -> bool:
    """Return whether an encoding has one character for each byte, ASCII for ASCII and nothing else for it."""
    table = _decoding_table(name)
    return name in ("ascii", "iso8859-1") or (table[:128] == _ASCII and not any(map(str.isascii, table[128:])))


def _is_single_byte(name: str) -> bool:
    """Return whether an encoding has one character for each byte, as EBCDIC has, too."""
    return name in ("ascii", "iso8859-1") or len(_decoding_table(name)) == 256


def _decoding_table(name: str) -> str:
    decoder = codecs.lookup(name).incrementaldecoder
    table: str = getattr(sys.modules.get(decoder.__module__ if decoder else ""), "decoding_table", "")
    return table


def _line_ends(line_end: str) -> dict[int, str]:
    """Return what becomes of the characters that end lines in the text, so that only a feed's own does."""
    if not line_end:
        return {}
    others = [mark for mark in "\r\n" if mark != line_end]
    swaps = {line_end: "\n"} | dict.fromkeys(others, _NOT_A_LINE_END) | {_NOT_A_LINE_END: _NOT_TEXT}
    if line_end not in "\r\n":
        swaps["\n"] = line_end
    return {ord(here): there for here, there in swaps.items() if here != there}


def _swaps(csv: Csv) -> dict[int, str]:
    """Return which characters change places: each mark that is not ASCII and one that no mark is."""
    foreign = dict.fromkeys(mark for mark in (csv.delimiter, csv.quote, csv.escape) if not mark.isascii())
    free = [mark for mark in _STAND_INS if mark not in (csv.delimiter, csv.quote, csv.escape, csv.line_end)]
    pairs = list(zip(foreign, free, strict=False))
    return {ord(a): b for pair in pairs for a, b in (pair, pair[::-1])}


def _to_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Stand in a lone surrogate for each byte that is not text: it never becomes valid UTF-8.

    Python's own "surrogateescape" would give the bytes back, which may be UTF-8 by chance, and fails below 0x80.
    """
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end
