"""Hashes of values and items that can be computed column by column, and put together from the parts of a text.

A text's `linear` hash is its bytes as the digits of a number to the base BASE, modulo 2^64: that of `a + b` follows
from those of `a` and `b`. What follows is not linear: a value's hash mixes that with its length, its attribute and its
type, and an item's mixes the sum of its values'. So values that changed places, within an item or between items, change
the sum over all items.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]
BASE = 0x9E3779B97F4A7C15  # odd, and 5 modulo 8: its powers come round as late as they can
_MOST_BYTES = 1 << 22  # hashed at a time: memory is some 25 times that


def linear(values: Sequence[bytes]) -> tuple[U64, U64]:
    """Return the linear hash of each value, and BASE to the power of its length."""
    lengths = np.fromiter(map(len, values), np.int64, len(values))
    if int(lengths.sum()) > _MOST_BYTES and len(values) > 1:
        middle = len(values) // 2
        (first, first_powers), (second, second_powers) = linear(values[:middle]), linear(values[middle:])
        return np.concatenate([first, second]), np.concatenate([first_powers, second_powers])
    powers = np.full(int(lengths.max(initial=0)) + 1, BASE, np.uint64)
    powers[0] = 1
    np.multiply.accumulate(powers, out=powers)
    hashes, ends = np.zeros(len(values), np.uint64), np.cumsum(lengths)
    data = np.frombuffer(b"".join(values), np.uint8)
    if len(data):
        terms = powers[np.repeat(ends, lengths) - np.arange(1, len(data) + 1)]
        terms *= data
        filled = lengths > 0  # reduceat has no empty sums
        hashes[filled] = np.add.reduceat(terms, (ends - lengths)[filled])
    return hashes, powers[lengths]


def mix(values: U64) -> U64:
    """Return numbers of which every bit depends on every bit of what was given (the finalizer of SplitMix64)."""
    mixed: U64 = values ^ (values >> np.uint64(30))
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def seed_of(*names: object) -> np.uint64:
    """Return a number that other names have another of."""
    return np.uint64(int.from_bytes(blake2b("\0".join(map(str, names)).encode(), digest_size=8).digest(), "little"))


def words(seed: np.uint64, numbers: NDArray[np.int64]) -> U64:
    """Return 32 random bits for each number, which depend on seed and number alone (SplitMix64)."""
    return mix(numbers.astype(np.uint64) * np.uint64(BASE) + seed) >> np.uint64(32)


def value_hashes(name: str, kind: str, linears: U64, powers_of_length: U64) -> U64:
    """Return the hashes of values of an attribute; the power stands for a 1 before the text, so that length counts."""
    return mix((linears + powers_of_length) ^ seed_of(name, kind))


def mixed_sums(sums: U64) -> U64:
    """Return the hashes of items, given the sums of their values' hashes."""
    return mix(sums + np.uint64(1))
