"""Random 32-bit words -> which of some values each means."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
Picks = NDArray[np.int64]
_ONE = 1 << 32


class Sampler(Protocol):
    """Chooses among values by their place."""

    def pick(self, words: Words) -> Picks:
        """Return a place for each word."""


class Evenly:
    """All of `count` values, at most 2^32, are equally likely."""

    def __init__(self, count: int) -> None:
        self._count = np.uint64(count)

    def pick(self, words: Words) -> Picks:
        """Return a place for each word."""
        return ((words.astype(np.uint64) * self._count) >> np.uint64(32)).astype(np.int64)


class Weighted:
    """Values by weights, by Walker's alias method. A word gives a place, and whether to take its alias."""

    def __init__(self, weights: Sequence[float]) -> None:
        shares, self._other = _alias(weights)
        self._share = np.array([min(_ONE, round(share * _ONE)) for share in shares], np.uint64)
        self._count = np.uint64(len(weights))

    def pick(self, words: Words) -> Picks:
        """Return a place for each word."""
        scaled = words.astype(np.uint64) * self._count
        places = (scaled >> np.uint64(32)).astype(np.int64)
        is_own = (scaled & np.uint64(_ONE - 1)) < self._share.take(places)
        return np.where(is_own, places, self._other.take(places))


class Hot:
    """The first value has a share of its own; the others are equally likely."""

    def __init__(self, count: int, share: float) -> None:
        self._others = Evenly(count - 1)
        self._share = int(share * _ONE)

    def pick(self, words: Words) -> Picks:
        """Return a place for each word."""
        rest = (words.astype(np.int64) - self._share) * (_ONE // (_ONE - self._share))
        others = self._others.pick(np.maximum(rest, 0).astype(np.uint32)) + 1
        return np.where(words < self._share, 0, others)


def _alias(weights: Sequence[float]) -> tuple[list[float], Picks]:
    total = sum(weights)
    shares = [weight * len(weights) / total for weight in weights]
    other = list(range(len(weights)))
    small = [place for place, share in enumerate(shares) if share < 1]
    large = [place for place, share in enumerate(shares) if share >= 1]
    while small and large:
        less, more = small.pop(), large.pop()
        other[less] = more
        shares[more] -= 1 - shares[less]
        (small if shares[more] < 1 else large).append(more)
    for place in small + large:  # what rounding left
        shares[place] = 1.0
    return shares, np.array(other, np.int64)
