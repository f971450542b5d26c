"""How a table's write budget is divided among its workers by what each wants. Pure."""

from collections.abc import Iterable, Mapping
from math import inf

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
