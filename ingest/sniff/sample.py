"""The beginning of a file, decompressed and as UTF-8, from which a feed is proposed. Its encoding is guessed."""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ingest.errors import EmptyFile, NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.compression import LOOKED_AT_BYTES, decode, refuse_other_text
from ingest.reading.grammar import BOM, SEPARATORS, end_of_line, likely_line_end

SAMPLE_BYTES = 4 * 1024 * 1024
# Control characters that do not occur in text; those that occur in text or old exports are left out.
_NO_TEXT = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1a\x1b\x01\x02\x1c\x1d\x1e\x1f")

_FEW = 16
_LEAST_LINE = 1024 * 1024  # a line of up to this length is never too long
_DELIMITERS = ",;\t|"  # the first of these in the line is used to recognize records between other marks


@dataclass(frozen=True, slots=True)
class Sample:
    """Whole lines from the beginning of a file, as UTF-8 without byte order mark. `is_whole`: it is the whole file.

    `line_end` is the character that ends them in the file, if it is an unusual one; in `text` it is LF.
    """

    text: bytes
    encoding: str
    is_whole: bool
    line_end: str = ""


def take_sample(portions: Iterator[bytes], *, limit_bytes: int = SAMPLE_BYTES) -> Sample:
    """Return the beginning of a file's text; it reads no more than necessary.

    Raises:
        EmptyFile, NotCsv, BadCompression: the file has no readable text.
    """
    data, is_whole = _beginning(decode(portions, Csv()), limit_bytes)
    if not data:
        raise EmptyFile("The file is empty: it has not even a header; write it again, with its header.")
    encoding = find_encoding(data, is_whole=is_whole)
    csv = Csv(encoding=encoding, compression="none")
    text = _text(data, csv)
    refuse_other_text(text[:LOOKED_AT_BYTES], Csv())
    _refuse_binary(text)
    line_end = find_line_end(text)
    text = _text(data, csv.changed(line_end=line_end)) if line_end else text
    return Sample(text if is_whole else _whole_lines(text), encoding, is_whole, line_end)


def _text(data: bytes, csv: Csv) -> bytes:
    return b"".join(decode(iter([data]), csv)).removeprefix(BOM).rstrip(b"\x1a")


def find_line_end(text: bytes) -> str:
    """Return the character that ends records if no usual line end does; "" if the first line ends with a usual one.

    >>> find_line_end("id;v\x851;a\x852;b\x85".encode()), find_line_end(b"id;v\\n1;a\\n")
    ('\x85', '')
    """
    text = text.lstrip(b"\r\n")
    end = end_of_line(text, 0, min(len(text), _LEAST_LINE), at_end=len(text) <= _LEAST_LINE)
    is_alone = not (end and text[end:].strip(b"\r\n"))
    line = text[: end or _LEAST_LINE].decode("utf-8", "replace").rstrip("\r\n")
    for delimiter in filter(line.__contains__, _DELIMITERS):
        mark = likely_line_end(line, delimiter, is_alone=False)
        if mark and (is_alone or mark in SEPARATORS):
            return mark
    return likely_line_end(line, "", is_alone=True) if is_alone else ""


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
    """Return the text up to its last line end; a CR at its very end may be the first half of CRLF."""
    end = max(text.rfind(b"\n"), text.rfind(b"\r", 0, len(text) - 1)) + 1
    if not end:
        raise NotCsv(f"The first line does not end within {len(text):,} bytes: the file is not a CSV.")
    return text[:end]


_MARKS = (  # longer ones first: that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)


def find_encoding(data: bytes, *, is_whole: bool) -> str:
    r"""Return the name of the encoding; unless `is_whole`, the last character may be incomplete.

    >>> find_encoding("Tür".encode("cp1252"), is_whole=True), find_encoding("Tür".encode()[:2], is_whole=False)
    ('cp1252', 'utf-8')
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    unmarked = _unmarked_utf16(data[:LOOKED_AT_BYTES])
    if unmarked:
        return unmarked
    if _is_utf8(data, is_whole=is_whole):
        return "utf-8"
    if _is_ebcdic(data[:LOOKED_AT_BYTES]):
        return "cp037"
    is_western = _decodes(data, "cp1252", is_whole=is_whole)
    return _east_asian(data, may_be_western=is_western) or ("cp1252" if is_western else "latin-1")


def _is_ebcdic(data: bytes) -> bool:
    """Return whether most characters would be letters, digits or blanks in EBCDIC, and few are common in ASCII."""
    plain = sum(sign.isascii() and (sign.isalnum() or sign == " ") for sign in data.decode("cp037"))
    letters = sum(map(data.count, (bytes([byte]) for byte in b"aeinorst,;0123456789")))
    return len(data) >= _FEW and plain >= 0.6 * len(data) and letters * 20 < len(data)


def is_guess(encoding: str) -> bool:
    """Return whether an encoding is only a guess: a byte order mark and UTF-8 are certain."""
    return not encoding.startswith("utf-")


def _unmarked_utf16(data: bytes) -> str | None:
    """Return the kind of UTF-16, or None: every other byte is NUL in Western text, and many are in any CSV."""
    pairs = len(data) // 2
    even, odd = data[: pairs * 2 : 2].count(0), data[1 : pairs * 2 : 2].count(0)
    for nuls, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if pairs > 1 and nuls >= pairs * 0.3 and others <= pairs * 0.01:
            return name
    return None


def _is_utf8(data: bytes, *, is_whole: bool) -> bool:
    """Return whether it is UTF-8. A few invalid bytes among many valid characters are damage, not another encoding."""
    if _decodes(data, "utf-8", is_whole=is_whole):
        return True
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    return len(text) - len(text.encode("ascii", "ignore")) - damaged >= 10 * damaged


def _decodes(data: bytes, encoding: str, *, is_whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data, is_whole)
    except UnicodeDecodeError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _EastAsian:
    """An encoding of two bytes a character. `wider`: the same with vendors' extensions, for files that use them."""

    name: str
    wider: str
    is_common: Callable[[str], bool]


def _has_common_lead(encoding: str, first: int, last: int) -> Callable[[str], bool]:
    """Return a test for an encoding's most frequent characters, which share a range of first bytes."""

    def is_common(character: str) -> bool:
        encoded = character.encode(encoding, "ignore")
        return len(encoded) == 2 and first <= encoded[0] <= last

    return is_common


_has_kanji = _has_common_lead("shift_jis", 0x88, 0x97)
_has_kanji_of_unix = _has_common_lead("euc_jp", 0xB0, 0xCF)


def _is_kana(character: str) -> bool:
    return "\u3041" <= character <= "\u30fe"


_EAST_ASIAN = (  # the first of equal results is used: one with fewer characters is stronger evidence
    _EastAsian("euc_kr", "cp949", _has_common_lead("euc_kr", 0xB0, 0xC8)),
    _EastAsian("shift_jis", "cp932", lambda character: _is_kana(character) or _has_kanji(character)),
    _EastAsian("big5", "cp950", _has_common_lead("big5", 0xA4, 0xC6)),
    _EastAsian("gb18030", "gb18030", _has_common_lead("gb2312", 0xB0, 0xD7)),
    _EastAsian("euc_jp", "euc_jp", lambda character: _is_kana(character) or _has_kanji_of_unix(character)),
)
_RUN = re.compile(r"[^\x00-\x7f]+")
_PUNCTUATION = re.compile(r"[\u3000-\u303f\uff01-\uff5e\u2010-\u2026]+")


def _east_asian(data: bytes, *, may_be_western: bool) -> str | None:
    """Return the encoding in which most non-ASCII characters are frequent ones, next to one another; None if none fits.

    Western text decoded as such gives rare characters, each alone between letters.
    """
    sample = data[:LOOKED_AT_BYTES]
    shares = [(_share(sample, one), one) for one in _EAST_ASIAN]
    share, best = max(shares, key=lambda found: found[0])
    if share < (0.8 if may_be_western else 0.6):
        return None
    return best.name if _decodes(data, best.name, is_whole=False) else best.wider


def _share(data: bytes, candidate: _EastAsian) -> float:
    """Return the share of the non-ASCII characters that are frequent ones in runs of at least two."""
    try:
        text = codecs.getincrementaldecoder(candidate.wider)().decode(data)
    except UnicodeDecodeError:
        return 0.0
    runs = _RUN.findall(_PUNCTUATION.sub("", text))
    count = sum(map(len, runs))
    return sum(sum(map(candidate.is_common, run)) for run in runs if len(run) > 1) / count if count else 0.0
