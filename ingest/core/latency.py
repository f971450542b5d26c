"""How long requests took: a histogram that costs a request one search and one addition, whatever their number."""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

_PER_DOUBLING = 8  # buckets: a value told is within 5 % of the true one
_LEAST_S = 0.0001  # all below are in the first bucket
_ENDS_S = [_LEAST_S * 2 ** (n / _PER_DOUBLING) for n in range(18 * _PER_DOUBLING)]  # all above 24 s are in the last
BUCKETS = len(_ENDS_S) + 1


@dataclass(frozen=True, slots=True)
class Latencies:
    """How many requests fell into each bucket, from a beginning or between two moments. None counted: `()`."""

    counts: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return any(self.counts)

    def __add__(self, more: "Latencies") -> "Latencies":
        """Return both together."""
        if not (self.counts and more.counts):
            return self if self.counts else more  # what has none costs nothing
        return Latencies(tuple(a + b for a, b in zip(self.counts, more.counts, strict=True)))

    def __sub__(self, before: "Latencies") -> "Latencies":
        """Return what was counted after an earlier moment."""
        if not before.counts:
            return self
        return Latencies(tuple(a - b for a, b in zip(self.counts, before.counts, strict=True)))

    def sample(self, most: int) -> list[float]:
        """Return at most so many values (ms) that are spread as all are, in order, the least and the greatest included.

        Up to `most` requests have a value each.
        """
        total = sum(self.counts)
        if total <= most:
            return [_ms(bucket) for bucket, count in enumerate(self.counts) for _ in range(count)]
        return [_ms(bucket) for bucket in self._at([i * (total - 1) // (most - 1) for i in range(most)])]

    def _at(self, places: list[int]) -> Iterator[int]:
        """Yield the buckets of the requests at ascending places in the order of their latencies."""
        ends = enumerate(accumulate(self.counts))
        bucket, end = next(ends)
        for place in places:
            while end <= place:
                bucket, end = next(ends)
            yield bucket


NO_LATENCIES = Latencies()


def bucket_of(seconds: float) -> int:
    """Return the bucket of a latency.

    >>> bucket_of(0.0), bucket_of(0.001), bucket_of(0.002), bucket_of(3600)
    (0, 27, 35, 144)
    """
    return bisect(_ENDS_S, seconds)


def _ms(bucket: int) -> float:
    """Return the middle of a bucket."""
    return float(f"{1000 * _LEAST_S * 2 ** ((bucket - 0.5) / _PER_DOUBLING):.3g}")
