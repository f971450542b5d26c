"""How many items a second a table takes: learnt from what it left, not told.

DynamoDB's capacity is units a second, so a limit on requests under way alone finds it badly: a few requests of a few
milliseconds each are already more than a table of some thousand units takes.
"""

from dataclasses import dataclass
from math import inf, sqrt

FEWEST_PER_S = 5.0
MEASURED_S = 0.5  # as long a rate is measured at least, and nothing new is learnt for so long after a cut
_LEAST_CUT, _MORE_CUT = 0.05, 0.25  # the second in proportion to what was left of a request
_STEP = 2.5  # growth in a second, by the root of the rate: 80 a second at 1,000 a second, 250 at 10,000


@dataclass(frozen=True, slots=True)
class Pace:
    """No limit until the table leaves items; then what it took until now, a little less, and slowly more again.

    `cut_at` is when it was last cut, `taken` how many items the table had taken then. Growth is by time and its cube:
    2 steps in 1 s, 10 in 2 s, 30 in 3 s. A step is the larger part of a rate the lower it is, while all are cut by
    about the same part: so those who write to a table together come to equal shares, and one that comes late gets in.
    """

    base_per_s: float = inf
    cut_at: float = -inf
    taken: int = 0

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

    def begun(self, *, now: float, taken: int) -> "Pace":
        """Return the pace when writing begins: without a limit, what is measured is measured from here."""
        return self if self.is_limited else Pace(cut_at=now, taken=taken)

    def after_throttle(self, *, begun_at: float, now: float, taken: int, share: float) -> "Pace":
        """Return the pace after a request of which this share was left; `taken` is how many items were taken by now.

        What a request tells that was begun before the last cut, or just after it, is known already.
        """
        if self.is_limited and begun_at < self.cut_at + MEASURED_S:
            return self
        took_per_s = (taken - self.taken) / max(MEASURED_S, now - self.cut_at)
        kept = 1 - _LEAST_CUT - _MORE_CUT * share
        return Pace(max(FEWEST_PER_S, kept * min(self.per_s(now), took_per_s)), now, taken)
