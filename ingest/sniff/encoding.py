"""Which encoding the first bytes of a file are in. Certain for marks and UTF-8, a guess for the rest."""

import codecs

GUESSED = ("cp1252", "latin-1")
_MARKS = (  # the longer first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8"),
)
_LOOKED_AT_BYTES = 64 * 1024


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
