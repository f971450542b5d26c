"""Percentiles of a distribution. Pure."""

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least such a share of all does not pass (nearest rank).

    >>> percentile([4, 1, 3, 2], 0.5), percentile([4, 1, 3, 2], 0.99), percentile([], 0.5)
    (2, 4, None)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def distribution(values: Sequence[float]) -> dict[str, float | None]:
    """Return what is told of how long things took."""
    reported = {"p50": percentile(values, 0.5), "p90": percentile(values, 0.9), "p99": percentile(values, 0.99)}
    reported["max"] = max(values, default=None)
    return {name: None if value is None else round(value, 3) for name, value in reported.items()}
