"""What a measurement is to show, and whether it does."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


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

    @property
    def bound(self) -> str:
        """What the figure may be, in words."""
        return f"at least {self.at_least:,.6g}" if self.at_most is None else f"at most {self.at_most:,.6g}"

    def __str__(self) -> str:
        return f"{'met   ' if self.is_met else 'MISSED'} {self.found:,.3f}, {self.bound}: {self.what}"

    def document(self) -> dict[str, object]:
        """Return the goal as JSON takes it."""
        bound = {"at_least": self.at_least} if self.at_most is None else {"at_most": self.at_most}
        return {"what": self.what, "found": round(self.found, 3), **bound, "is_met": self.is_met}


def figure(document: Mapping[str, Any], path: str) -> Any:
    """Return a figure by its dotted path, as `event_to_visible_s.p99`; None if there is none."""
    found: Any = document
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def spread(values: Iterable[float]) -> dict[str, float]:
    """Return the middle of some values, and how far apart they are.

    >>> spread([3, 1, 2])
    {'median': 2, 'min': 1, 'max': 3}
    """
    found = [round(value, 3) for value in values]
    return {"median": statistics.median(found), "min": min(found), "max": max(found)}
