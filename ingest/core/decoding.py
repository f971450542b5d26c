"""Any file's bytes -> the same text as UTF-8 bytes: expanded and transcoded while they stream.

Plain UTF-8 passes through untouched. Offsets after this step are offsets in what it yields.
"""

import codecs
import io
import re
from collections.abc import Iterator

import pyarrow as pa

from ingest.errors import BadCompression, Bomb, NotCsv
from ingest.feeds import Csv

EXPANDED_PORTION_BYTES = 1024 * 1024
_RATIO_FROM_BYTES = 64 * 1024 * 1024  # so much is harmless, whatever it came from
_TO_SURROGATES = "ingest.to_surrogates"
_FROM_SURROGATES = "ingest.from_surrogates"
# Encodings that put a byte order mark before whatever they encode -> the same without it, and the mark.
_WITHOUT_MARK = {
    "utf-16": ("utf-16-le", codecs.BOM_UTF16_LE),
    "utf-32": ("utf-32-le", codecs.BOM_UTF32_LE),
    "utf-8-sig": ("utf-8", codecs.BOM_UTF8),
}
_MAGIC = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bz2"),  # a header may begin with BZh
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
)
_LONGEST_MAGIC = 10


def decode(portions: Iterator[bytes], csv: Csv) -> Iterator[bytes]:
    """Yield the file's text as UTF-8. Bytes that are no text in its encoding come out as invalid UTF-8.

    Raises (while iterating):
        BadCompression: the compressed stream is damaged or cut short.
        Bomb: it expands to more, or by more, than the feed allows.
        NotCsv: the encoding cannot make text of the bytes at all.
    """
    first = _first_bytes(portions)
    codec = find_codec(first) if csv.compression == "auto" else csv.compression
    stream = _chain(first, portions)
    if codec not in (None, "none"):
        stream = _expand(stream, codec, csv)
    return _transcode(stream, csv.encoding)


def find_codec(first_bytes: bytes) -> str | None:
    """Return the compression the first bytes of a file tell of, if any.

    >>> find_codec(b"\\x1f\\x8b\\x08")
    'gzip'
    """
    return next((codec for magic, codec in _MAGIC if magic.match(first_bytes)), None)


def _first_bytes(portions: Iterator[bytes]) -> bytes:
    """Return portions joined until they are long enough to show their magic bytes."""
    first = b""
    while len(first) < _LONGEST_MAGIC and (portion := next(portions, None)) is not None:
        first += portion
    return first


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _expand(portions: Iterator[bytes], codec: str | None, csv: Csv) -> Iterator[bytes]:
    """Arrow's codecs: they go on over concatenated members and notice a truncated stream."""
    reader = _PortionReader(portions)
    stream = pa.CompressedInputStream(pa.PythonFile(reader, mode="r"), codec)
    expanded_bytes = 0
    while True:
        try:
            expanded = stream.read(EXPANDED_PORTION_BYTES)
        except (OSError, pa.ArrowException) as error:
            raise BadCompression(f"The {codec} stream cannot be expanded: {error}; send the file again.") from error
        if not expanded:
            return
        expanded_bytes += len(expanded)
        _refuse_bomb(reader.taken_bytes, expanded_bytes, csv)
        yield expanded


def _refuse_bomb(compressed_bytes: int, expanded_bytes: int, csv: Csv) -> None:
    if expanded_bytes > csv.max_expanded_bytes:
        raise Bomb(
            f"The file expands to more than {csv.max_expanded_bytes:,} bytes, the feed's max_expanded_bytes; "
            "raise that if the file is what it should be."
        )
    if expanded_bytes > _RATIO_FROM_BYTES and expanded_bytes > csv.max_ratio * compressed_bytes:
        raise Bomb(
            f"The file expands to more than {csv.max_ratio} times its size, the feed's max_ratio; "
            "raise that if the file is what it should be."
        )


def _transcode(portions: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if codecs.lookup(encoding).name == "utf-8":
        yield from portions
        return
    codecs.register_error(_TO_SURROGATES, _to_surrogates)
    decoder = codecs.getincrementaldecoder(encoding)(errors=_TO_SURROGATES)
    try:
        for portion in portions:
            yield decoder.decode(portion).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", True).encode("utf-8", "surrogatepass")
    except UnicodeError as error:  # UTF-16 and UTF-32 without the byte order mark that tells which
        raise NotCsv(f"The file is no {encoding} text: {error}; set the feed's encoding.") from error


def original_bytes(text: bytes, encoding: str, *, at_start: bool) -> bytes:
    """Return a piece of what `decode` yielded as the file had it, byte for byte. `at_start`: with its byte order mark.

    >>> original_bytes("ü".encode(), "cp1252", at_start=False)
    b'\\xfc'
    """
    name = codecs.lookup(encoding).name
    if name == "utf-8":
        return text
    codecs.register_error(_FROM_SURROGATES, _from_surrogates)
    plain, mark = _WITHOUT_MARK.get(name, (name, b""))
    return (mark if at_start else b"") + text.decode("utf-8", "surrogatepass").encode(plain, _FROM_SURROGATES)


def _from_surrogates(error: UnicodeError) -> tuple[bytes, int]:
    assert isinstance(error, UnicodeEncodeError)
    return bytes(ord(character) - 0xDC00 for character in error.object[error.start : error.end]), error.end


def _to_surrogates(error: UnicodeError) -> tuple[str, int]:
    """Stand in a lone surrogate for each byte that is no text: it never becomes valid UTF-8.

    Python's own "surrogateescape" would give the bytes back, which may be UTF-8 by chance, and fails below 0x80.
    """
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


class _PortionReader(io.RawIOBase):
    """Portions as the file object Arrow wants to read from."""

    def __init__(self, portions: Iterator[bytes]) -> None:
        self.taken_bytes = 0
        self._portions = portions
        self._left = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        while not self._left:
            portion = next(self._portions, None)
            if portion is None:
                return b""
            self._left = portion
            self.taken_bytes += len(portion)
        taken, self._left = self._left[:size], self._left[size:]
        return taken
