"""The beginning of a file, expanded and as UTF-8: all that is looked at to propose a feed."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.errors import EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.compression import decode
from ingest.reading.header import BOM, refuse_other_formats

SAMPLE_BYTES = 4 * 1024 * 1024
# Control characters that no text has, beside those that text or old exports do have.
_NO_TEXT = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1a\x1b\x01\x02\x1c\x1d\x1e\x1f")

_FEW = 16

# Encodings that a file does not show: certain are marks and UTF-8.
GUESSED = ("cp1252", "latin-1")
_MARKS = (  # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_LOOKED_AT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """Whole lines from the beginning of a file, as UTF-8 without byte order mark. `is_whole`: the file has no more."""

    text: bytes
    encoding: str
    is_whole: bool


def take_sample(portions: Iterator[bytes], *, limit_bytes: int = SAMPLE_BYTES) -> Sample:
    """Return the beginning of a file's text; no more is read than it takes.

    Raises:
        EmptyFile, NotCsv, BadCompression: the file has no text that can be read.
    """
    data, is_whole = _beginning(decode(portions, Csv()), limit_bytes)
    if not data:
        raise EmptyFile("The file is empty: it has not even a header; write it again, with its header.")
    encoding = find_encoding(data, is_whole=is_whole)
    if not encoding.startswith(("utf-16", "utf-32")):
        refuse_other_formats(data, Csv())
    text = b"".join(decode(iter([data]), Csv(encoding=encoding, compression="none"))).removeprefix(BOM)
    _refuse_binary(text)
    return Sample(text if is_whole else _whole_lines(text), encoding, is_whole)


def _beginning(portions: Iterator[bytes], limit_bytes: int) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    held = 0
    for portion in portions:
        parts.append(portion)
        held += len(portion)
        if held > limit_bytes:
            return b"".join(parts)[:limit_bytes], False
    return b"".join(parts), True


def _refuse_binary(text: bytes) -> None:
    odd = len(text) - len(text.translate(None, _NO_TEXT))
    if odd > max(_FEW, len(text) * 0.05):
        raise NotCsv("The file is not text: too many of its bytes are control characters.")


def _whole_lines(text: bytes) -> bytes:
    """Return the text up to its last line end; a CR at its very end may be half of one."""
    end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, len(text) - 1)) + 1
    if not end:
        raise NotCsv(f"The first line does not end within {len(text):,} bytes: the file is not a CSV.")
    return text[:end]


def find_encoding(data: bytes, *, is_whole: bool) -> str:
    r"""Return the name of the encoding; unless `is_whole`, the last character may be cut.

    >>> find_encoding("Tür".encode("cp1252"), is_whole=True), find_encoding("Tür".encode()[:2], is_whole=False)
    ('cp1252', 'utf-8')
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    unmarked = _unmarked_utf16(data[:_LOOKED_AT_BYTES])
    if unmarked:
        return unmarked
    if _is_utf8(data, is_whole=is_whole):
        return "utf-8"
    return "cp1252" if _decodes(data, "cp1252") else "latin-1"


def _unmarked_utf16(data: bytes) -> str | None:
    """Return which UTF-16: in Western text every other byte is NUL, and in CSV of any script many are."""
    pairs = len(data) // 2
    even, odd = data[: pairs * 2 : 2].count(0), data[1 : pairs * 2 : 2].count(0)
    for nuls, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if pairs > 1 and nuls >= pairs * 0.3 and others <= pairs * 0.01:
            return name
    return None


def _is_utf8(data: bytes, *, is_whole: bool) -> bool:
    """Return whether it is UTF-8. A few damaged places in much good UTF-8 are damage, not another encoding."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data, is_whole)
    except UnicodeDecodeError:
        text = data.decode("utf-8", "replace")
        damaged = text.count("\ufffd")
        return len(text) - len(text.encode("ascii", "ignore")) - damaged >= 10 * damaged
    return True


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
