"""Any file's bytes -> the same text as UTF-8 bytes: expanded and transcoded while they stream.

Plain UTF-8 passes through untouched. Offsets after this step are offsets in what it yields.
"""

import codecs
import io
from collections.abc import Iterator

import pyarrow as pa

from ingest.errors import BadCompression
from ingest.feeds import Csv

EXPANDED_PORTION_BYTES = 4 * 1024 * 1024
_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bz2"), (b"\x28\xb5\x2f\xfd", "zstd"))


def decode(portions: Iterator[bytes], csv: Csv) -> Iterator[bytes]:
    """Yield the file's text as UTF-8. Bytes that are no text in its encoding come out as invalid UTF-8.

    Raises (while iterating):
        BadCompression: the compressed stream is damaged or cut short.
    """
    first = next(portions, b"")
    codec = find_codec(first) if csv.compression == "auto" else csv.compression
    stream = _chain(first, portions)
    if codec not in (None, "none"):
        stream = _expand(stream, codec)
    return _transcode(stream, csv.encoding)


def find_codec(first_bytes: bytes) -> str | None:
    """Return the compression the first bytes of a file tell of, if any.

    >>> find_codec(b"\\x1f\\x8b\\x08")
    'gzip'
    """
    return next((codec for magic, codec in _MAGIC if first_bytes.startswith(magic)), None)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _expand(portions: Iterator[bytes], codec: str | None) -> Iterator[bytes]:
    """Arrow's codecs: they go on over concatenated members and notice a truncated stream."""
    stream = pa.CompressedInputStream(pa.PythonFile(_PortionReader(portions), mode="r"), codec)
    while True:
        try:
            expanded = stream.read(EXPANDED_PORTION_BYTES)
        except OSError as error:
            raise BadCompression(f"The {codec} stream cannot be expanded: {error}; send the file again.") from error
        if not expanded:
            return
        yield expanded


def _transcode(portions: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if codecs.lookup(encoding).name == "utf-8":
        yield from portions
        return
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    for portion in portions:
        yield decoder.decode(portion).encode("utf-8", "surrogateescape")
    yield decoder.decode(b"", True).encode("utf-8", "surrogateescape")


class _PortionReader(io.RawIOBase):
    """Portions as the file object Arrow wants to read from."""

    def __init__(self, portions: Iterator[bytes]) -> None:
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
        taken, self._left = self._left[:size], self._left[size:]
        return taken
