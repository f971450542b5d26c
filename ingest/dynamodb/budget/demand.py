"""A worker's demand on a write budget, and the share it gets, given the demands of all workers.

How much a worker wants, its token bucket, the size of its requests; and how the budget is divided among the workers.
Pure. The constants come from the simulation in docs/evidence.md; docs/decisions/0022 gives the trade-off of each.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from ingest.dynamodb.batches import MAX_BATCH_ITEMS

LOOK_S = 2.5  # how often the demand is updated: twice for each entry written
SOON_S = 1.0  # also before an entry is written, if the last update was at least this long ago
NEW_SHARE = 0.5  # weight of the last LOOK_S in the moving average of use
SPILT = 0.05  # part of the units used: if more went unused, the worker cannot use its share
NOTHING = 0.01  # part of the units used: if fewer went unused and requests waited, it could use more
MORE = 1.06  # a worker wants this multiple of what it uses, so that growing demand shows
RAISE = 2.0  # and this multiple of its last demand where it could use more
SMALL_PER_S, SMALL = 0.5, 0.01  # the least demand: units a second, or a share of the budget if that is less
AT_HAND_S = 0.25  # the bucket holds the units of this time, and those of one request
WINDOW_S, LUMP = 10.0, 0.04  # a request takes at most this share of what the budget allows in this window
LUMP_S = 0.25  # and at most what the worker may use in this time: many workers with few units each send small requests


def most_rows(budget_per_s: float, share_per_s: float, units_per_row: float) -> int:
    """Return how many rows a request may have.

    >>> most_rows(2000, 2000, 1), most_rows(5, 5, 1), most_rows(200, 200, 4), most_rows(200, 5, 1)
    (25, 1, 12, 1)
    """
    units = min(LUMP * WINDOW_S * budget_per_s, LUMP_S * share_per_s)
    return int(min(MAX_BATCH_ITEMS, max(1.0, units / units_per_row)))


class WriteDemand:
    """How much a worker wants, derived from what it has used. At first it wants all it can get."""

    def __init__(self, now_s: float) -> None:
        self._ceiling = inf
        self.used_per_s = 0.0  # moving average
        self._looked_s = now_s

    def age_s(self, now_s: float) -> float:
        """Return the seconds since the last `look`."""
        return now_s - self._looked_s

    def look(self, bucket: "Bucket", *, budget_per_s: float, now_s: float) -> None:
        """Update the demand from the units used and unused since the last call."""
        used_per_s = bucket.used / (now_s - self._looked_s)
        self.used_per_s += NEW_SHARE * (used_per_s - self.used_per_s)
        if bucket.spilt > SPILT * bucket.used:
            self._ceiling = MORE * max(used_per_s, self.used_per_s)
        elif bucket.was_short and bucket.spilt <= NOTHING * bucket.used:
            self._ceiling = self._ceiling * RAISE if self._ceiling * RAISE < budget_per_s else inf
        self._looked_s = now_s
        bucket.forget()

    def want_per_s(self, budget_per_s: float) -> float:
        """Return what the worker wants, in units a second."""
        return max(self._ceiling, min(SMALL_PER_S, SMALL * budget_per_s))


@dataclass(slots=True)
class Bucket:
    """A token bucket of write units: empty at first, below zero when requests took more than estimated.

    Since the last `forget`: `used`, units that requests took; `spilt`, units that overflowed or were throttled;
    `was_short`, whether a request had to wait.
    """

    now_s: float
    units: float = 0.0
    used: float = 0.0
    spilt: float = 0.0
    was_short: bool = False

    def forget(self) -> None:
        """Reset the counts."""
        self.used = self.spilt = 0.0
        self.was_short = False

    def fill(self, per_s: float, now_s: float, *, request_units: float) -> None:
        """Add the units of the rate up to now; more than a request and `AT_HAND_S` of the rate is lost."""
        self.units += per_s * (now_s - self.now_s)
        self.now_s = now_s
        most = request_units + AT_HAND_S * per_s
        if self.units > most:
            self.spilt += self.units - most
            self.units = most

    def wait_s(self, units: float, per_s: float) -> float:
        """Return the seconds until that many units are available; `inf` if the rate is 0."""
        if self.units >= units:
            return 0.0
        self.was_short = True
        return (units - self.units) / per_s if per_s > 0 else inf

    def take(self, units: float) -> None:
        """Take units out; a negative number puts unneeded ones back."""
        self.units -= units
        self.used += units

    def lose(self, units: float) -> None:
        """Count units already taken out as unused, without putting them back: throttled units are not spent at once."""
        self.used -= units
        self.spilt += units


LEAST_PER_S = 5.0  # the least share of a worker, a second: a request of 25 rows in five seconds (docs/decisions/0022)
TRICKLE_PER_S = 1.0  # a share below this counts as none


def level(budget_per_s: float, wants: Iterable[float]) -> float:
    """Return the largest share of any worker: one that wants less gets what it wants. `inf` if there is enough for all.

    >>> level(100, [10, 200, 300]), level(100, [10, 20])
    (45.0, inf)
    """
    ascending = sorted(wants)
    rest = float(budget_per_s)
    for number, want in enumerate(ascending):
        fair = rest / (len(ascending) - number)
        if want > fair:
            return fair
        rest -= want
    return inf


def shares(budget_per_s: float, wants: Mapping[str, float]) -> dict[str, float]:
    """Return each worker's share in units a second; `wants` are the demands of all by name, the longest-running first.

    The sum is at most the budget. This holds even if workers assume different demands of each other, as long as none
    is below the demand that the other itself uses: a share only falls when another's demand rises. What is left when
    all demands are met is divided equally, so that a worker can use more at once. If there is less than `LEAST_PER_S`
    for each, the first workers get that much and the others nothing: they park.

    >>> shares(200, {"a": 20, "b": float("inf"), "c": float("inf")})
    {'a': 20.0, 'b': 90.0, 'c': 90.0}
    >>> shares(200, {"a": 20, "b": 80})
    {'a': 70.0, 'b': 130.0}
    >>> shares(10, dict.fromkeys("abc", float("inf")))
    {'a': 5.0, 'b': 5.0, 'c': 0.0}
    """
    highest = level(budget_per_s, wants.values())
    if highest == inf:
        more = (budget_per_s - sum(wants.values())) / max(1, len(wants))
        return {name: float(want + more) for name, want in wants.items()}
    enough = budget_per_s / max(1, int(budget_per_s / LEAST_PER_S))
    if highest >= enough:
        return {name: float(min(want, highest)) for name, want in wants.items()}
    return _first_come(budget_per_s, enough, wants)


def _first_come(rest: float, enough: float, wants: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, want in wants.items():
        share = min(want, enough, rest)
        rest -= share
        found[name] = 0.0 if share < min(want, TRICKLE_PER_S) else float(share)
    return found
