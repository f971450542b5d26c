"""From some of a file's records to all of them: a ratio, and how far it may be off."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

# Student's t, two-sided 95 %, for 1, 2, ... degrees of freedom; beyond, it is about 2.
_T95 = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11, 2.10)


@dataclass(frozen=True, slots=True)
class Observed:
    """Some records that stand together: how many bytes they are, and what became of them."""

    bytes: int
    rows: int
    written: int
    rejected: int
    superseded: int
    units: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number, and between what it lies in 95 of 100 such samples; None where one place says nothing about others."""

    value: int
    low: int | None
    high: int | None

    def plus(self, exact: int) -> "Estimate":
        """Return the sum with a number that is known."""
        low, high = (None if end is None else end + exact for end in (self.low, self.high))
        return Estimate(self.value + exact, low, high)


def exactly(value: int) -> Estimate:
    """Return a number that is known."""
    return Estimate(value, value, value)


def none_seen(read: int, total: float) -> Estimate:
    """Return what is known of how many there are in all when there was none in so many that were read: three in as many
    would have been missed in 5 of 100 samples.

    >>> none_seen(1000, 100_000)
    Estimate(value=0, low=0, high=300)
    """
    return Estimate(0, 0, round(3 * total / read) if read else None)


def extrapolate(pairs: Sequence[tuple[int, int]], total_bytes: float) -> Estimate:
    """Return what there is in all bytes, given (bytes, number) of some places: a ratio estimate with its error.

    >>> extrapolate([(100, 10), (100, 10), (100, 10)], 1000)
    Estimate(value=100, low=100, high=100)
    >>> extrapolate([(100, 10), (100, 14)], 1000)
    Estimate(value=120, low=24, high=347)
    """
    read_bytes, read = sum(b for b, _ in pairs), sum(n for _, n in pairs)
    if not read_bytes or total_bytes <= 0:
        return exactly(0) if total_bytes <= 0 else Estimate(0, None, None)
    ratio = read / read_bytes
    value = round(ratio * total_bytes)
    if len(pairs) < 2:
        return Estimate(value, None, None)
    error = _error(pairs, ratio, read_bytes, total_bytes)
    return Estimate(value, max(read, round(value - error)), round(value + error))


def _error(pairs: Sequence[tuple[int, int]], ratio: float, read_bytes: int, total_bytes: float) -> float:
    count = len(pairs)
    variance = sum((n - ratio * b) ** 2 for b, n in pairs) / (count - 1)
    unread = max(0.0, 1 - read_bytes / total_bytes)  # what was read needs no guess
    t = _T95[count - 2] if count - 2 < len(_T95) else 2.0
    return t * total_bytes * (count / read_bytes) * sqrt(unread * variance / count)
