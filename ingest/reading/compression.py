"""Any file's bytes -> its text: expanded and transcoded while they stream. Plain UTF-8 passes through untouched."""

import io
import re
from collections.abc import Callable, Iterator

import pyarrow as pa

from ingest.errors import BadCompression, Bomb
from ingest.feeds.dialect import Csv
from ingest.reading.encoding import Charset

# A file's own bytes from one offset to before another, or to its end.
RangeReader = Callable[[int, int | None], Iterator[bytes]]

EXPANDED_PORTION_BYTES = 1024 * 1024
_RATIO_FROM_BYTES = 64 * 1024 * 1024  # this much is harmless, whatever it came from
_MAGIC = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bz2"),  # a header may begin with BZh
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
)
_LONGEST_MAGIC = 10


def decode(portions: Iterator[bytes], csv: Csv) -> Iterator[bytes]:
    """Yield the file's text (`ingest.reading.encoding`). Bytes that are not text in its encoding are invalid UTF-8.

    Raises (while iterating):
        BadCompression: the compressed stream is damaged or cut short.
        Bomb: it expands to more, or by more, than the feed allows.
        NotCsv: the encoding cannot make text of the bytes at all.
    """
    first = first_bytes(portions)
    codec = find_codec(first) if csv.compression == "auto" else csv.compression
    stream = _chain(first, portions)
    if codec not in (None, "none"):
        stream = _expand(stream, codec, csv)
    return Charset(csv).to_text(stream)


def expanded_sizes(portions: Iterator[bytes], csv: Csv) -> Iterator[int]:
    """Yield how many bytes of the file, expanded, each portion of its text is. Raises as `decode`."""
    return map(Charset(csv).size, decode(portions, csv))


def find_codec(first_bytes: bytes) -> str | None:
    """Return the compression that the first bytes of a file show, if any.

    >>> find_codec(b"\\x1f\\x8b\\x08")
    'gzip'
    """
    return next((codec for magic, codec in _MAGIC if magic.match(first_bytes)), None)


def first_bytes(portions: Iterator[bytes]) -> bytes:
    """Return portions joined until they are long enough to show the magic bytes of a compressed file."""
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
    stream = pa.CompressedInputStream(pa.PythonFile(reader, mode="r"), codec)  # type: ignore[arg-type]  # the stubs want literals
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
