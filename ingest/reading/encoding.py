"""Convert a file's own characters to the text that is parsed (UTF-8 with ASCII marks), and back.

The parser accepts only ASCII delimiters, quotes and escapes. If a feed names another one (quote = "þ"), that character
and a control character are swapped in the text and swapped back in the cells, so no content of the file is lost.
A feed's own `line_end` and LF are swapped in the same way. Other line ends of the parser (CR) become U+10FFFF, which
text does not contain; if a file does contain it, it becomes invalid UTF-8, and its record is rejected as such.
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
_NOT_A_LINE_END = "\U0010ffff"  # a Unicode noncharacter: replaces a CR or LF that does not end a record
_NOT_TEXT = "\udbff"  # replaces the one above if a file contains it; `_to_surrogates` never makes it
_ASCII = bytes(range(128)).decode("ascii")
_TO_SURROGATES = "ingest.to_surrogates"
_BAD_BYTES = re.compile("([\udc00-\udcff]+)")  # as `_to_surrogates` makes them
# Encodings that add a byte order mark when encoding -> the same encoding without it, and the mark.
_WITHOUT_MARK = {
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-32": ("utf-32-le", codecs.BOM_UTF32_LE),
}


class Charset:
    """Converts the characters of one feed's files. `csv` is the feed's dialect in the text: all its marks are ASCII."""

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
        """Whether decoding can start at any record's first byte, without the bytes before it."""
        return self._encoding == "utf-8" or self._is_single_byte

    @property
    def is_plain(self) -> bool:
        """Whether the text is the file's own bytes."""
        return self._encoding == "utf-8" and not self._to_text

    @property
    def most_bytes(self) -> int:
        """The most bytes of a file that one byte of text may represent."""
        return 4 if self._to_text else 1

    def to_text(self, portions: Iterator[bytes]) -> Iterator[bytes]:
        """Yield a file's bytes as text. Bytes invalid in its encoding come out as invalid UTF-8.

        Raises (while iterating):
            NotCsv: the bytes cannot be decoded at all.
        """
        return portions if self.is_plain else self._transcoded(portions)

    def size(self, text: bytes) -> int:
        """Return how many bytes of the file a text occupies, if its encoding has one byte sequence for each character.

        >>> Charset(Csv(encoding="cp1252")).size("Köln".encode())
        4
        """
        if self.is_plain or (text.isascii() and (self._is_single_byte or (self._has_ascii and self._ascii.is_own))):
            return len(text)
        if self._is_single_byte:
            return len(text.decode("utf-8", "surrogatepass"))
        return len(original_bytes(self.own(text), self._encoding, at_start=False))

    def size_before_rows(self, header: bytes) -> int:
        """Return how many bytes of the file precede the rows, including the byte order mark that decoding removed."""
        return len(_WITHOUT_MARK.get(self._encoding, ("", b""))[1]) + self.size(header)

    def own(self, text: bytes) -> bytes:
        """Return a piece of text with the file's own characters restored, as UTF-8."""
        if not self._to_text:
            return text
        own = text.decode("utf-8", "surrogatepass").translate(self._to_own)
        return _encoded(own, "utf-8") if self._encoding == "utf-8" else own.encode("utf-8", "surrogatepass")

    def from_own(self, own: bytes) -> bytes:
        """Return the text for a piece in the file's own characters: the reverse of `own`."""
        if not self._to_text:
            return own
        codecs.register_error(_TO_SURROGATES, _to_surrogates)
        errors = _TO_SURROGATES if self._encoding == "utf-8" else "surrogatepass"
        return self._encoded(own.decode("utf-8", errors))

    def own_name(self, name: str) -> str:
        """Return a column's name with the file's own characters restored."""
        return name.translate(self._to_own)

    def own_cells(self, table: pa.Table) -> pa.Table:
        """Return columns of text with the file's own characters restored."""
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
    """Translates ASCII bytes to text, faster than as characters. `is_own`: ASCII in the text is ASCII in the file."""

    def __init__(self, to_text: dict[int, str]) -> None:
        table = {chr(here): there for here, there in to_text.items() if here < 128}
        self._others = [here.encode() for here, there in table.items() if not there.isascii()]
        stay = {here: there for here, there in table.items() if there.isascii()}
        self._table = bytes.maketrans("".join(stay).encode(), "".join(stay.values()).encode()) if stay else None
        self.is_own = not any(here >= 128 and there.isascii() for here, there in to_text.items())

    def translated(self, data: bytes) -> bytes | None:
        """Return the text for some ASCII bytes; None if that text is not all ASCII."""
        if any(other in data for other in self._others):
            return None
        return data.translate(self._table) if self._table else data


def original_bytes(text: bytes, encoding: str, *, at_start: bool) -> bytes:
    """Return the file's own bytes for a text. `at_start`: include the byte order mark the encoding begins with.

    >>> original_bytes("ü".encode(), "cp1252", at_start=False)
    b'\\xfc'
    """
    name = _name(encoding)
    if name == "utf-8":
        return text
    plain, mark = _WITHOUT_MARK.get(name, (name, b""))
    return (mark if at_start else b"") + _encoded(text.decode("utf-8", "surrogatepass"), plain)


def _encoded(text: str, encoding: str) -> bytes:
    """Return text in an encoding; the surrogates that represent undecodable bytes become those bytes again."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        chunks = enumerate(_BAD_BYTES.split(text))
        return b"".join(bytes(ord(c) & 0xFF for c in chunk) if i % 2 else chunk.encode(encoding) for i, chunk in chunks)


def _name(encoding: str) -> str:
    """Return an encoding's canonical name. Whether UTF-8 begins with a byte order mark depends on the file."""
    return codecs.lookup(encoding).name.removesuffix("-sig")


def _is_bytewise(name: str) -> bool:
    """Return whether an encoding has one character for each byte, and bytes below 0x80, and only these, are ASCII."""
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
    """Return the replacements after which a feed's `line_end` is the only character that ends lines in the text."""
    if not line_end:
        return {}
    others = [mark for mark in "\r\n" if mark != line_end]
    swaps = {line_end: "\n"} | dict.fromkeys(others, _NOT_A_LINE_END) | {_NOT_A_LINE_END: _NOT_TEXT}
    if line_end not in "\r\n":
        swaps["\n"] = line_end
    return {ord(here): there for here, there in swaps.items() if here != there}


def _swaps(csv: Csv) -> dict[int, str]:
    """Return which characters are swapped: each non-ASCII mark with a character that is not a mark."""
    foreign = dict.fromkeys(mark for mark in (csv.delimiter, csv.quote, csv.escape) if not mark.isascii())
    free = [mark for mark in _STAND_INS if mark not in (csv.delimiter, csv.quote, csv.escape, csv.line_end)]
    pairs = list(zip(foreign, free, strict=False))
    return {ord(a): b for pair in pairs for a, b in (pair, pair[::-1])}


def _to_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Replace each undecodable byte with a lone surrogate, which never becomes valid UTF-8.

    Python's own "surrogateescape" would restore the bytes, which may be valid UTF-8 by chance, and fails below 0x80.
    """
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end
