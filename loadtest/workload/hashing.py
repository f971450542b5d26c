"""Hashes of values and rows that can be computed column by column, and put together from the parts of a text.

A text's `linear` hash is its bytes as the digits of a number to the base BASE, modulo 2^64: that of `a + b` follows
from those of `a` and `b`, and that of a number from tables of its digits. What follows is not linear: a value's hash
mixes that with its length, its attribute and its type, and a row's mixes the sum of its values'. So values that changed
places, within a row or between rows, change the sum over all rows.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
BASE = 0x9E3779B97F4A7C15  # odd, and 5 modulo 8: its powers come round as late as they can
MASK = (1 << 64) - 1
_MOST_BYTES = 1 << 22  # hashed at a time: memory is some 25 times that
_powers = np.ones(1, np.uint64)


def powers(count: int) -> U64:
    """Return BASE to the power of 0 to `count` - 1, and maybe more."""
    global _powers  # noqa: PLW0603 - a table that only grows, of constants
    if len(_powers) < count:
        factors = np.full(max(1024, 2 * count), BASE, np.uint64)
        factors[0] = 1
        _powers = np.multiply.accumulate(factors)
    return _powers


def linear(values: Sequence[bytes]) -> tuple[U64, NDArray[np.int64]]:
    """Return the linear hash and the length of each value."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    if int(lengths.sum()) > _MOST_BYTES and len(values) > 1:
        middle = len(values) // 2
        first, second = linear(values[:middle]), linear(values[middle:])
        return np.concatenate([first[0], second[0]]), np.concatenate([first[1], second[1]])
    hashes = np.zeros(len(values), np.uint64)
    data = np.frombuffer(b"".join(values), np.uint8)
    if len(data):
        ends = np.cumsum(lengths)
        table = powers(int(lengths.max()) + 1)
        places = np.repeat(ends, lengths)
        places -= np.arange(1, len(data) + 1)
        terms = table[places]
        terms *= data
        filled = lengths > 0  # reduceat has no empty sums
        hashes[filled] = np.add.reduceat(terms, (ends - lengths)[filled])
    return hashes, lengths


def mix(values: U64) -> U64:
    """Return numbers of which every bit depends on every bit of what was given (the finalizer of SplitMix64)."""
    mixed: Any = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed  # type: ignore[no-any-return]


def attribute_seed(name: str, kind: str) -> np.uint64:
    """Return what makes equal values of different attributes, or of different types, different."""
    return np.uint64(int.from_bytes(blake2b(f"{name}\0{kind}".encode(), digest_size=8).digest(), "little"))


def value_hashes(seed: np.uint64, linears: U64, powers_of_length: U64) -> U64:
    """Return the hashes of values of an attribute; the power stands for a 1 before the text, so that length counts."""
    return mix((linears + powers_of_length) ^ seed)


def row_hashes(sums: U64) -> U64:
    """Return the hashes of rows, given the sums of their values' hashes."""
    return mix(sums + np.uint64(1))
