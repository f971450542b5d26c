"""Decompress and transcode a file's bytes to text as a stream; refuse files that are not CSV, naming what they are.

Plain UTF-8 passes through unchanged.
"""

import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import chain

import pyarrow as pa

from ingest.errors import BadCompression, Bomb, NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.encoding import Charset
from ingest.reading.grammar import end_of_line

# Yields a file's raw bytes from one offset up to, but not including, another; None: to the end of the file.
RangeReader = Callable[[int, int | None], Iterator[bytes]]

EXPANDED_PORTION_BYTES = 1024 * 1024
_FED_BYTES = 256 * 1024  # compressed bytes per call: zlib copies input that a full output portion leaves over
_GZIP = 31  # zlib's `wbits` for a gzip header and trailer
_GZIP_MAGIC = b"\x1f\x8b"
_LIKE_TEXT = re.compile(rb"[\t\r\n -~\x80-\xff]+")
_RATIO_FROM_BYTES = 64 * 1024 * 1024  # up to this size, any compression ratio is harmless
_MAGIC = (
    (re.compile(rb"\x1f\x8b"), "gzip"),
    (re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), "bz2"),  # BZh alone may begin a CSV header
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
)
_LONGEST_MAGIC = 10
_TAR_MAGIC = re.compile(rb"[^\0]{1,100}\0[\s\S]{156,}")  # a name padded with NUL, before "ustar"
_TAR_MAGIC_AT = 257
_READ = "; only plain text and text compressed by gzip, bz2 or zstd is read"
_OTHER_FILES = (
    (re.compile(rb"\xfd7zXZ\0"), f"xz-compressed data{_READ}"),
    (re.compile(rb"PK\x03\x04|PK\x05\x06"), f"a ZIP archive or an Excel workbook; export it as CSV{_READ}"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), f"a 7-Zip archive{_READ}"),
    (re.compile(rb"\x04\x22\x4d\x18"), f"lz4-compressed data{_READ}"),
    (re.compile(rb"Rar!\x1a\x07"), f"a RAR archive{_READ}"),
    (re.compile(rb"\x1f\x9d"), f"data compressed by compress (.Z){_READ}"),
    (re.compile(rb"Obj\x01"), "an Avro file; export it as CSV"),
    (re.compile(rb"ARROW1\0\0"), "an Arrow or Feather file; export it as CSV"),
    (re.compile(rb"SQLite format 3\0"), "an SQLite database; export its table as CSV"),
    (re.compile(rb"PAR1\x15[\0-\x0c]"), "a Parquet file; export it as CSV"),  # PAR1 alone may be a column's name
    (re.compile(rb"%PDF-"), "a PDF; export its table as CSV"),
    (re.compile(rb"\xd0\xcf\x11\xe0"), "an old Excel workbook; export it as CSV"),
    (re.compile(rb"(?:\x84|\x85[\0-\x04])[\s\S]\x03"), "a PGP message; decrypt it first"),
)
LOOKED_AT_BYTES = 64 * 1024
_TAG = rb"<[a-z_][\w:.-]*(?:\s[^<>]*)?>"
_OTHER_TEXTS = (
    (re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE), "an HTML page, perhaps of an error or a login"),
    (re.compile(rb"<\?xml\s|<!--|%s\s*[\r\n]\s*<" % _TAG, re.IGNORECASE), "XML or HTML"),
    (re.compile(rb"-----BEGIN PGP "), "a PGP message; decrypt it first"),
    (re.compile(rb"version https://git-lfs\.github\.com/spec/"), "a Git LFS pointer; send the file it points to"),
)
_ONE_LINE_OF_XML = re.compile(rb"%s<" % _TAG, re.IGNORECASE)
_JSON = "JSON; convert it to CSV"
_JSON_BEGINNING = re.compile(r'[\[{]\s*\Z|(?:\[\s*)?\{\s*"(?:[^"\\]|\\.)*"\s*:')


def decode(portions: Iterator[bytes], csv: Csv) -> Iterator[bytes]:
    """Yield the file's text (`ingest.reading.encoding`). Bytes invalid in its encoding come out as invalid UTF-8.

    Raises (while iterating):
        BadCompression: the compressed stream is damaged or cut short.
        Bomb: its expanded size, or its compression ratio, exceeds the feed's limit.
        NotCsv: it is another kind of file, or the bytes cannot be decoded at all.
    """
    first = first_bytes(portions)
    codec = codec_of(first, csv)
    stream: Iterator[bytes] = chain([first], portions)
    if codec == "gzip":
        stream = _gunzip(stream, csv)
    elif codec:
        stream = _expand(stream, codec, csv)
    return Charset(csv).to_text(_refuse_other_files(stream))


def expanded_sizes(portions: Iterator[bytes], csv: Csv) -> Iterator[int]:
    """Yield the size of each portion of the text, in bytes of the expanded file. Raises as `decode`."""
    return map(Charset(csv).size, decode(portions, csv))


def codec_of(first_bytes: bytes, csv: Csv) -> str:
    """Return the compression of a file, by its feed or else by its first bytes; "" if it has none."""
    codec = find_codec(first_bytes) if csv.compression == "auto" else csv.compression
    return codec if codec and codec != "none" else ""


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


def _refuse_other_files(portions: Iterator[bytes]) -> Iterator[bytes]:
    """Yield a file's expanded bytes; raise NotCsv if they begin like another kind of file."""
    first = first_bytes(portions)
    while len(first) < _TAR_MAGIC_AT + 5 and b"\n" not in first and (portion := next(portions, None)) is not None:
        first += portion
    for magic, what in _OTHER_FILES:
        if magic.match(first):
            raise NotCsv(f"This is not CSV: it begins like {what}.")
    if first.startswith(b"ustar", _TAR_MAGIC_AT) and _TAR_MAGIC.match(first):
        raise NotCsv(f"This is not CSV: it begins like a tar archive; send its files one by one{_READ}.")
    yield first
    yield from portions


def _gunzip(portions: Iterator[bytes], csv: Csv) -> Iterator[bytes]:
    """Expand concatenated gzip members. Zero bytes after a member are padding, as tapes and block devices add it."""
    member = zlib.decompressobj(_GZIP)
    taken_bytes = expanded_bytes = 0
    for left in _slices(portions):
        taken_bytes += len(left)
        while left:
            if member.eof:
                left = left.lstrip(b"\0")  # noqa: PLW2901
                if not left:
                    break
                _refuse_other_bytes(left, taken_bytes)
                member = zlib.decompressobj(_GZIP)
            for expanded in _expanded(member, left):
                expanded_bytes += len(expanded)
                _refuse_bomb(taken_bytes, expanded_bytes, csv)
                yield expanded
            left = member.unused_data  # noqa: PLW2901
    if taken_bytes and not member.eof:
        raise BadCompression("The gzip stream cannot be expanded: it is cut short; send the file again.")


def _slices(portions: Iterator[bytes]) -> Iterator[bytes]:
    for portion in portions:
        for at in range(0, len(portion), _FED_BYTES):
            yield portion[at : at + _FED_BYTES]


def _expanded(member: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Yield the expansion of some bytes of a member; bytes after the member's end are in its `unused_data`."""
    is_full = False
    while (data or is_full) and not member.eof:
        try:
            expanded = member.decompress(data, EXPANDED_PORTION_BYTES)
        except zlib.error as error:
            raise BadCompression(f"The gzip stream cannot be expanded: {error}; send the file again.") from error
        data, is_full = member.unconsumed_tail, len(expanded) == EXPANDED_PORTION_BYTES
        if expanded:
            yield expanded


def _refuse_other_bytes(data: bytes, end_byte: int) -> None:
    """Raise BadCompression if the data after a gzip member is not another member."""
    if not data.startswith(_GZIP_MAGIC[: len(data)]):
        what = "text" if _LIKE_TEXT.fullmatch(data[:16]) else f"0x{data[:4].hex()}"  # it may be row data: not shown
        raise BadCompression(
            f"Behind the end of the gzip stream, from byte {end_byte - len(data):,} of the file on, are other bytes "
            f"({what}); send the file again without them."
        )


def _expand(portions: Iterator[bytes], codec: str, csv: Csv) -> Iterator[bytes]:
    """Expand with Arrow's codecs, which continue across concatenated members and detect a truncated stream."""
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
    """A file object over portions, for Arrow to read from."""

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


def is_undecided(text: bytes) -> bool:
    """Return whether more text is needed to identify a file: its first line, or more if it begins like XML or JSON.

    So the result does not depend on how the file is divided into portions.
    """
    bare = text.lstrip()
    may_be_other = bare.startswith((b"<", b"{", b"["))
    return len(text) < LOOKED_AT_BYTES and (may_be_other or not end_of_line(bare, 0, len(bare), at_end=False))


def refuse_other_text(text: bytes, csv: Csv) -> None:
    """Refuse text that is clearly not rows of cells, with or without a header, and name its kind.

    Raises:
        NotCsv: its beginning shows that it is HTML, XML, JSON, JSON Lines, a PGP message or a Git LFS pointer.
    """
    text = text.lstrip()
    what = next((what for pattern, what in _OTHER_TEXTS if pattern.match(text)), "") or _json(text)
    line = text[: end_of_line(text, 0, len(text), at_end=True) or len(text)]
    if _ONE_LINE_OF_XML.match(line) and csv.delimiter.encode() not in line:
        what = "XML or HTML"
    if what:
        raise NotCsv(f"This is not CSV: it looks like {what}.")


def _json(text: bytes) -> str:
    """Return the kind of JSON a text is; "" if it is none. JSON with more text after it on the line is a CSV cell."""
    line = text[: end_of_line(text, 0, len(text), at_end=True) or len(text)].decode("utf-8", "replace").strip()
    if not line.startswith(("{", "[")):
        return ""
    try:
        value, end = json.JSONDecoder().raw_decode(line)
    except (ValueError, RecursionError):
        return _JSON if _JSON_BEGINNING.match(line) else ""
    if line[end:]:
        return ""
    return "JSON Lines (one object a line); convert it to CSV" if isinstance(value, dict) else _JSON
