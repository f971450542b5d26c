"""How fast a table may be written to: how many requests may be in flight, and how many items may be sent a second.

Both are learnt from what the table accepts and leaves unprocessed. DynamoDB's capacity is in units a second, so a limit
on requests in flight alone matches it badly: a few requests of a few milliseconds each already exceed the capacity of a
table with some thousand units.
"""

from dataclasses import dataclass, replace
from math import inf, sqrt

FEWEST = 4
MOST = 64
_CUT = 0.7  # the part of the limit that remains after a throttle: a gentle cut, since capacity refills every second


@dataclass(frozen=True, slots=True)
class ConcurrencyLimiter:
    """Additive increase, multiplicative decrease (as in RFC 5681): doubles each round trip until the first throttle,
    then grows by one a round trip. `cut_at` is when it was last cut: requests begun before then do not cut it again.
    The limit stays between `fewest` and `most`.
    """

    limit: float = FEWEST
    is_starting: bool = True
    cut_at: float = float("-inf")
    fewest: int = FEWEST
    most: int = MOST

    @classmethod
    def fixed(cls, requests: int) -> "ConcurrencyLimiter":
        """Return a limiter that always allows that many requests, whatever their outcome."""
        return cls(limit=requests, fewest=requests, most=requests)

    @property
    def most_in_flight(self) -> int:
        """How many requests may be in flight now."""
        return int(self.limit)

    def after_success(self) -> "ConcurrencyLimiter":
        """Return the limiter after a request whose items were all taken."""
        if self.limit >= self.most:
            return self
        step = 1.0 if self.is_starting else 1.0 / self.limit
        return replace(self, limit=min(float(self.most), self.limit + step))

    def after_throttle(self, *, begun_at: float, now: float) -> "ConcurrencyLimiter":
        """Return the limiter after a request that was throttled, in whole or in part."""
        if begun_at < self.cut_at:
            return self
        return replace(self, limit=max(float(self.fewest), self.limit * _CUT), is_starting=False, cut_at=now)


FEWEST_PER_S = 25.0  # a whole request a second
MEASURED_S = 0.5  # a rate is measured for at least this long, and nothing new is learnt for this long after a cut
_LEAST_CUT, _MORE_CUT = 0.05, 0.25  # the second times the share left of a request
_MOST_CUT = 0.5  # the least part of a rate that remains: low throughput may have another cause
_USELESS_CUTS = 3  # consecutive cuts without a smaller share left: then the rate is not the cause
_SOON_S = 1.0  # within this time after a cut the rate has hardly grown
_FREE_S = 5.0
_LESS = 0.8  # below this multiple of the share left before, less is left; above it, the same
_ENOUGH, _LARGE = 10, 0.05  # items left, or their share; less is chance: a table near its limit always leaves some
_STEP = 2.5  # growth in a second, times the square root of the rate: 80 a second at 1,000 a second, 250 at 10,000


@dataclass(frozen=True, slots=True)
class RateLimiter:
    """No limit until the table leaves items unprocessed; then slightly less than it took, growing slowly again.

    `cut_at` is when it was last cut, `taken` how many items the table had taken then. The rate grows with the time
    since then and its cube: 2 steps in 1 s, 10 in 2 s, 30 in 3 s. A step is a larger part of a low rate than of a high
    one, while all are cut by about the same part: so concurrent writers converge to equal shares, late ones included.

    Where cuts change nothing, as with a partition that accepts nothing at any rate, the limit is lifted: a lower rate
    would only delay items for other partitions. `left` is how many items were left until the last cut, `share` their
    part of all items sent between the last two cuts, `useless_cuts` how many consecutive cuts have changed nothing.
    After `_USELESS_CUTS` of these no limit is set before `free_until`.
    """

    base_per_s: float = inf
    cut_at: float = -inf
    taken: int = 0
    left: int = 0
    share: float = 0.0
    useless_cuts: int = 0
    free_until: float = -inf

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self.base_per_s < inf

    def per_s(self, now: float) -> float:
        """Return how many items a second may be sent now."""
        if not self.is_limited:
            return inf
        age_s = now - self.cut_at
        return self.base_per_s + _STEP * sqrt(self.base_per_s) * (age_s + age_s**3)

    def begun(self, *, now: float, taken: int, left: int) -> "RateLimiter":
        """Return the limiter when writing begins: without a limit, it measures from here."""
        return self if self.is_limited else RateLimiter(cut_at=now, taken=taken, left=left)

    def after_throttle(
        self, *, begun_at: float, now: float, taken: int, left: int, share: float | None
    ) -> "RateLimiter":
        """Return the limiter after a request of which this share was left; None: the share of all since the last cut.

        `taken` and `left` are the items taken, and left, so far. A request begun before the last cut, or just after it,
        changes nothing; without a limit, `MEASURED_S` must be measured before one is set.
        """
        if (begun_at if self.is_limited else now) < self.cut_at + MEASURED_S:
            return self
        if now < self.free_until:
            return replace(self, cut_at=now, taken=taken, left=left)
        took, stayed, age_s = taken - self.taken, left - self.left, now - self.cut_at
        share_now = stayed / max(1, took + stayed)
        is_much = stayed >= _ENOUGH or share_now >= _LARGE
        is_same = is_much and share_now > _LESS * self.share
        is_useless = self.is_limited and age_s < _SOON_S and is_same
        useless_cuts = self.useless_cuts + 1 if is_useless else 0
        if useless_cuts == _USELESS_CUTS:
            return RateLimiter(cut_at=now, taken=taken, left=left, free_until=now + _FREE_S)
        kept = 1 - _LEAST_CUT - _MORE_CUT * (share_now if share is None else share)
        took_per_s = took / age_s
        least_per_s = max(FEWEST_PER_S, _MOST_CUT * self.per_s(now) if self.is_limited else 0.0)
        base_per_s = max(least_per_s, kept * min(self.per_s(now), took_per_s))
        return RateLimiter(base_per_s, now, taken, left, share_now, useless_cuts)
