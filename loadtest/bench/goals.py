"""What a measurement is to show, and whether it does."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure, and what it may be at least or at most."""

    what: str
    found: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure is what it should be."""
        return self.found >= (self.at_least or 0) and (self.at_most is None or self.found <= self.at_most)

    def __str__(self) -> str:
        bound = f"at least {self.at_least}" if self.at_most is None else f"at most {self.at_most}"
        return f"{'met   ' if self.is_met else 'MISSED'} {self.found:,.3f}, {bound}: {self.what}"

    def document(self) -> dict[str, object]:
        """Return the goal as JSON takes it."""
        bound = {"at_least": self.at_least} if self.at_most is None else {"at_most": self.at_most}
        return {"what": self.what, "found": round(self.found, 3), **bound, "is_met": self.is_met}


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
