"""What a worker can use of a write budget, and what it gets of it by what all want.

What one wants, the units it has at hand, how large its requests are; and how the budget is divided among the workers.
Pure. The constants are of the simulation in docs/evidence.md; docs/decisions/0022 says what each is weighed against.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from ingest.dynamodb.batches import MAX_BATCH_ITEMS

LOOK_S = 2.5  # what is wanted is judged anew so often: twice for each entry written
SOON_S = 1.0  # or before an entry is written, if it was not for so long
NEW_SHARE = 0.5  # of what was used in the last LOOK_S, in the average
SPILT = 0.05  # of what was used: more unused units than that say that a worker cannot use its share
NOTHING = 0.01  # fewer than that say, where requests have waited, that it could use more
MORE = 1.06  # times what it uses are wanted, so that a demand that grows is seen
RAISE = 2.0  # times what it wanted are wanted where it could use more
SMALL_PER_S, SMALL = 0.5, 0.01  # wanted at least: units a second, or a share of the budget if that is less
AT_HAND_S = 0.25  # units for so long can be saved up, beside those of a request
WINDOW_S, LUMP = 10.0, 0.04  # a request is at most that share of what the budget allows in ten seconds
LUMP_S = 0.25  # and what the worker itself may use in so long: many workers with few units each send no lumps


def most_rows(budget_per_s: float, share_per_s: float, units_per_row: float) -> int:
    """Return how many rows a request may have.

    >>> most_rows(2000, 2000, 1), most_rows(5, 5, 1), most_rows(200, 200, 4), most_rows(200, 5, 1)
    (25, 1, 12, 1)
    """
    units = min(LUMP * WINDOW_S * budget_per_s, LUMP_S * share_per_s)
    return int(min(MAX_BATCH_ITEMS, max(1.0, units / units_per_row)))


class WriteDemand:
    """What a worker wants, by what it has used. At first it wants all it can get."""

    def __init__(self, now_s: float) -> None:
        self._ceiling = inf
        self.used_per_s = 0.0  # in the average
        self._looked_s = now_s

    def age_s(self, now_s: float) -> float:
        """Return how long ago the last look was."""
        return now_s - self._looked_s

    def look(self, bucket: "Bucket", *, budget_per_s: float, now_s: float) -> None:
        """Take what has become of the units since the last look."""
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
    """The units at hand: filled by a rate, empty at first, below zero when requests took more than was thought.

    Since the last `forget`: `used`, what requests took; `spilt`, what came when it was full, or was throttled;
    `was_short`, whether a request had to wait.
    """

    now_s: float
    units: float = 0.0
    used: float = 0.0
    spilt: float = 0.0
    was_short: bool = False

    def forget(self) -> None:
        """Count anew."""
        self.used = self.spilt = 0.0
        self.was_short = False

    def fill(self, per_s: float, now_s: float, *, request_units: float) -> None:
        """Add what a rate has given until now; more than a request and `AT_HAND_S` of it is lost."""
        self.units += per_s * (now_s - self.now_s)
        self.now_s = now_s
        most = request_units + AT_HAND_S * per_s
        if self.units > most:
            self.spilt += self.units - most
            self.units = most

    def wait_s(self, units: float, per_s: float) -> float:
        """Return how long until there are that many units; `inf` if nothing comes."""
        if self.units >= units:
            return 0.0
        self.was_short = True
        return (units - self.units) / per_s if per_s > 0 else inf

    def take(self, units: float) -> None:
        """Take units out, or put back what was not needed."""
        self.units -= units
        self.used += units

    def lose(self, units: float) -> None:
        """Count units that were taken out as not used: what a table throttles is not asked for again at once."""
        self.used -= units
        self.spilt += units


LEAST_PER_S = 5.0  # units a second of a worker: a request of 25 rows in five seconds (docs/decisions/0022)
TRICKLE_PER_S = 1.0  # less than that does not count as a share


def level(budget_per_s: float, wants: Iterable[float]) -> float:
    """Return the most that anyone gets: whoever wants less has what it wants. `inf` if there is enough for all.

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
    """Return what each worker may use in a second; `wants` are those of all, by name, the longest there first.

    Together they are at most the budget, also where each worker reckons with other wants of the others, as long as
    these are not less than what the others go by: a share only falls when another wants more. What is left when all
    have what they want is divided equally, so that whoever needs more has it at once. Where there is less than
    `LEAST_PER_S` for each, the first of them have it and the others get nothing: they park.

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
