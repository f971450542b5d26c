"""What one measurement gave when it was repeated."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some values, and how far apart they are."""

    median: float
    min: float
    max: float


def spread(values: Iterable[float]) -> Spread:
    """Return the spread of values, at least one.

    >>> spread([3, 1, 2])
    Spread(median=2, min=1, max=3)
    """
    found = [round(value, 3) for value in values]
    return Spread(statistics.median(found), min(found), max(found))
