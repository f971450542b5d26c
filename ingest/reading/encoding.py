"""A file's own characters -> the text the core works on, UTF-8 with ASCII marks, and back again.

The parser knows only ASCII delimiters, quotes and escapes. Where a feed names another (quote = "þ"), that character and
a control character change places in the text, and back again in the cells: nothing is lost, whatever the file holds.
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
        self._swaps = _swaps(csv)
        self._is_bytewise = not self._swaps and _is_bytewise(self._encoding)
        self.csv = csv.translated(self._swaps) if self._swaps else csv

    @property
    def is_seekable(self) -> bool:
        """Whether text can be made from any record's first byte on, without what stands before it."""
        return self._is_bytewise or (self._encoding == "utf-8" and not self._swaps)

    def to_text(self, portions: Iterator[bytes]) -> Iterator[bytes]:
        """Yield a file's bytes as text. Bytes that are not text in its encoding come out as invalid UTF-8.

        Raises (while iterating):
            NotCsv: the encoding cannot make text of the bytes at all.
        """
        return portions if self._encoding == "utf-8" and not self._swaps else self._transcoded(portions)

    def size(self, text: bytes) -> int:
        """Return how many bytes of the file a piece of text is, where each character has one spelling in its encoding.

        >>> Charset(Csv(encoding="cp1252")).size("Köln".encode())
        4
        """
        if self._encoding == "utf-8" and not self._swaps:
            return len(text)
        if self._is_bytewise:
            return len(text) if text.isascii() else len(text.decode("utf-8", "surrogatepass"))
        return len(original_bytes(self.own(text), self._encoding, at_start=False))

    def size_before_rows(self, header: bytes) -> int:
        """Return how many bytes of the file stand before the rows, with the byte order mark that decoding took away."""
        return len(_WITHOUT_MARK.get(self._encoding, ("", b""))[1]) + self.size(header)

    def own(self, text: bytes) -> bytes:
        """Return a piece of text with the file's own characters in it, as UTF-8."""
        if not self._swaps:
            return text
        own = text.decode("utf-8", "surrogatepass").translate(self._swaps)
        return _encoded(own, "utf-8") if self._encoding == "utf-8" else own.encode("utf-8", "surrogatepass")

    def own_name(self, name: str) -> str:
        """Return a column's name with the file's own characters in it."""
        return name.translate(self._swaps)

    def own_cells(self, table: pa.Table) -> pa.Table:
        """Return columns of text with the file's own characters in them."""
        for at, name in enumerate(table.column_names if self._swaps else []):
            table = table.set_column(at, name, self._own_column(table.column(at).combine_chunks()))
        return table

    def _own_column(self, cells: "pa.Array[Any]") -> "pa.Array[Any]":
        if not any(pc.any(pc.match_substring(cells, chr(swapped))).as_py() for swapped in self._swaps):
            return cells
        texts = [text if text is None else text.translate(self._swaps) for text in cells.to_pylist()]
        return pa.array(texts, pa.string())

    def _transcoded(self, portions: Iterator[bytes]) -> Iterator[bytes]:
        codecs.register_error(_TO_SURROGATES, _to_surrogates)
        decoder = codecs.getincrementaldecoder(self._encoding)(errors=_TO_SURROGATES)
        try:
            for portion in portions:
                is_text = self._is_bytewise and portion.isascii()
                yield portion if is_text else self._encoded(decoder.decode(portion))
            yield self._encoded(decoder.decode(b"", True))
        except UnicodeError as error:  # UTF-16 or UTF-32 without the BOM that says which byte order
            raise NotCsv(f"The file is not valid {self._encoding} text: {error}; set the feed's encoding.") from error

    def _encoded(self, text: str) -> bytes:
        return (text.translate(self._swaps) if self._swaps else text).encode("utf-8", "surrogatepass")


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
    if name in ("ascii", "iso8859-1"):
        return True
    decoder = codecs.lookup(name).incrementaldecoder
    table: str = getattr(sys.modules.get(decoder.__module__ if decoder else ""), "decoding_table", "")
    return table[:128] == _ASCII and len(table) == 256 and not any(map(str.isascii, table[128:]))


def _swaps(csv: Csv) -> dict[int, str]:
    """Return which characters change places: each mark that is not ASCII and one that no mark is."""
    foreign = dict.fromkeys(mark for mark in (csv.delimiter, csv.quote, csv.escape) if not mark.isascii())
    free = [mark for mark in _STAND_INS if mark not in (csv.delimiter, csv.quote, csv.escape)]
    pairs = list(zip(foreign, free, strict=False))
    return {ord(a): b for pair in pairs for a, b in (pair, pair[::-1])}


def _to_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Stand in a lone surrogate for each byte that is not text: it never becomes valid UTF-8.

    Python's own "surrogateescape" would give the bytes back, which may be UTF-8 by chance, and fails below 0x80.
    """
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end
