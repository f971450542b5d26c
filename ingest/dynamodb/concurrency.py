"""How many requests may be under way: found by trying."""

from dataclasses import dataclass, replace

FEWEST = 4
MOST = 64
_CUT = 0.7  # of the limit stays after a throttle; a gentle cut, since DynamoDB's capacity refills every second


@dataclass(frozen=True, slots=True)
class ConcurrencyLimiter:
    """Additive increase, multiplicative decrease (RFC 5681's way): doubles each round trip until the first throttle,
    then grows by one a round trip. `cut_at` is when it was last cut: requests begun before then say nothing new.
    The limit stays between `fewest` and `most`.
    """

    limit: float = FEWEST
    is_starting: bool = True
    cut_at: float = float("-inf")
    fewest: int = FEWEST
    most: int = MOST

    @classmethod
    def fixed(cls, requests: int) -> "ConcurrencyLimiter":
        """Return a limiter that always allows that many requests, whatever comes of them."""
        return cls(limit=requests, fewest=requests, most=requests)

    @property
    def most_in_flight(self) -> int:
        """How many requests may be under way now."""
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
