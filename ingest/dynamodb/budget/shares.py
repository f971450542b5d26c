"""How a table's write budget is divided among its workers by what each wants. Pure."""

from collections.abc import Iterable, Mapping
from math import inf

LEAST_PER_S = 5.0  # units a second of a worker: a request of 25 rows in five seconds (docs/decisions/0021)


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

    Together they are the budget: what is left when all have what they want is divided equally, so that whoever needs
    more has it at once. Where there is less than `LEAST_PER_S` for each of those who cannot have what they want, the
    first of them share it and the others get nothing: they park.

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
    parked = _parked(budget_per_s, wants, highest) if highest < LEAST_PER_S else frozenset[str]()
    highest = level(budget_per_s, (want for name, want in wants.items() if name not in parked))
    return {name: 0.0 if name in parked else float(min(want, highest)) for name, want in wants.items()}


def _parked(budget_per_s: float, wants: Mapping[str, float], highest: float) -> frozenset[str]:
    rest = budget_per_s - sum(want for want in wants.values() if want <= highest)
    waiting = [name for name, want in wants.items() if want > highest]
    return frozenset(waiting[max(1, int(rest / LEAST_PER_S)) :])
