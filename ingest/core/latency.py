"""How long requests took: a histogram that costs a request one logarithm and one addition, whatever their number."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import log2

_PER_DOUBLING = 8  # buckets: a value told is within 5 % of the true one
_LEAST_MS = 2.0**-4
BUCKETS = 18 * _PER_DOUBLING  # the last begins at 15 s, and all above are in it


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
    (0, 32, 40, 143)
    """
    ms = seconds * 1000
    return min(BUCKETS - 1, int(log2(ms / _LEAST_MS) * _PER_DOUBLING)) if ms > _LEAST_MS else 0


def _ms(bucket: int) -> float:
    """Return the middle of a bucket."""
    return float(f"{_LEAST_MS * 2 ** ((bucket + 0.5) / _PER_DOUBLING):.3g}")
