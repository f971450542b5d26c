"""Numbers as columns of digits, four at a time from tables, with their linear hashes."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.hashing import MASK, U64, linear, powers

Fields = list[NDArray[np.void]]  # parts of a cell, filled up with NUL bytes
_GROUP = 10_000


@cache
def _tables() -> tuple[NDArray[np.void], U64, NDArray[np.int64]]:
    """Return texts, linear hashes and lengths of four digits: whole; without zeros before; the same, but 0 is "0"."""
    whole = [b"%04d" % n for n in range(_GROUP)]
    bare = [text.lstrip(b"0") for text in whole]
    texts = whole + bare + [b"0", *bare[1:]]
    hashes, lengths = linear(texts)
    return np.frombuffer(b"".join(text.rjust(4, b"\0") for text in texts), "V4"), hashes, lengths


def padded(numbers: NDArray[np.int64], groups: int) -> tuple[Fields, U64]:
    """Return numbers as fields of four digits each, zeros before them, and their linear hashes."""
    texts, hashes, _ = _tables()
    fields: Fields = []
    total = np.zeros(len(numbers), np.uint64)
    for digits, _ in _groups(numbers, groups):
        fields.append(texts.take(digits))
        total = total * powers(5)[4] + hashes.take(digits)
    return fields, total


def plain(numbers: NDArray[np.int64], groups: int) -> tuple[Fields, U64, NDArray[np.int64]]:
    """Return numbers from 0 on without zeros before them: fields, linear hashes, lengths."""
    texts, hashes, lengths = _tables()
    fields: Fields = []
    total = np.zeros(len(numbers), np.uint64)
    length = np.zeros(len(numbers), np.int64)
    for place, (digits, higher) in enumerate(_groups(numbers, groups), start=1):
        table = _GROUP if place < groups else 2 * _GROUP
        chosen = digits + (higher == 0) * table
        fields.append(texts.take(chosen))
        total = total * powers(5)[4] + hashes.take(chosen)
        length += lengths.take(chosen)
    return fields, total, length


def _groups(numbers: NDArray[np.int64], count: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return four digits at a time, the highest first, and what is higher than they."""
    found = []
    for _ in range(count):
        higher = numbers // _GROUP
        found.append((numbers - higher * _GROUP, higher))
        numbers = higher
    return found[::-1]


def void(texts: Sequence[bytes]) -> NDArray[np.void]:
    """Return texts as one column of equal width, filled up with NUL bytes behind them."""
    width = max(1, *map(len, texts)) if texts else 1
    return np.frombuffer(b"".join(text.ljust(width, b"\0") for text in texts), f"V{width}")


class Fractions:
    """The digits behind the point, for a number of decimals from 0 to 4: as they are written, and as they count."""

    def __init__(self, decimals: int, mark: bytes) -> None:
        digits = [b"%0*d" % (decimals, n) if decimals else b"" for n in range(10**decimals)]
        written = [mark + text if text else b"" for text in digits]
        bare = [text.rstrip(b"0") for text in digits]
        self.divisor = 10**decimals
        self.texts = void(written)
        self.written, self.written_lengths = linear(written)
        self.hashes, self.lengths = linear([b"." + text if text else b"" for text in bare])


def joined_hash(*parts: bytes) -> int:
    """Return the linear hash of a text as a plain number."""
    return int(linear([b"".join(parts)])[0][0]) & MASK
