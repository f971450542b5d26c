"""The beginning of a file, expanded and as UTF-8: all that is looked at to propose a feed."""

from collections.abc import Iterator
from dataclasses import dataclass

from ingest.errors import EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.compression import decode
from ingest.reading.header import BOM, refuse_other_text
from ingest.sniff.encoding import find_encoding

SAMPLE_BYTES = 4 * 1024 * 1024
# Control characters that no text has, beside those that text or old exports do have.
_NO_TEXT = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1a\x1b\x01\x02\x1c\x1d\x1e\x1f")

_FEW = 16
_BEGINNING_BYTES = 64 * 1024


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
    text = b"".join(decode(iter([data]), Csv(encoding=encoding, compression="none"))).removeprefix(BOM)
    refuse_other_text(text[:_BEGINNING_BYTES], Csv())
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
