"""The stack's metrics of the last minutes, summed up."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.contract import Metric

WINDOW_S = 300.0  # of sums
RECENT_S = 60.0  # of rates
PERIOD_S = 60.0  # of the sparkline
SUMMED = tuple(metric for metric in Metric if metric.is_sum)
_ENDINGS = (
    Metric.FILES_COMPLETED,
    Metric.FILES_FAILED,
    Metric.FILES_SUPERSEDED,
    Metric.FILES_IGNORED,
    Metric.SEGMENTS_DONE,
)


@dataclass(frozen=True, slots=True)
class Invocations:
    """The function's invocations in the window; None is unknown."""

    count: int
    errors: int | None = None
    throttles: int | None = None
    median_s: float | None = None
    longest_s: float | None = None
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Sums by metric: of the window, and of its last `recent_s`. `rows` are the rows written by period, oldest first.

    Gauges are not summed. The times are those of the files completed in the window.
    """

    sums: Mapping[str, float] = field(default_factory=dict)
    recent: Mapping[str, float] = field(default_factory=dict)
    by_feed: Mapping[str, float] = field(default_factory=dict)  # rows written in the window
    rows: tuple[float, ...] = ()
    period_s: float = PERIOD_S
    window_s: float = WINDOW_S
    recent_s: float = RECENT_S
    visible_p50_s: float | None = None
    visible_p99_s: float | None = None
    invocations: Invocations | None = None
    oldest_message_s: float | None = None

    def sum(self, metric: Metric) -> float:
        """Return a sum of the window; 0 if the metric was not emitted.

        Raises:
            ValueError: the metric is a gauge.
        """
        return _summed(self.sums, metric)

    def rate(self, metric: Metric) -> float:
        """Return the recent rate per second.

        Raises:
            ValueError: the metric is a gauge.
        """
        return _summed(self.recent, metric) / self.recent_s

    @property
    def ends_per_s(self) -> float:
        """Messages finished per second over the window: each ends a file or a segment."""
        return sum(map(self.sum, _ENDINGS)) / self.window_s


def _summed(sums: Mapping[str, float], metric: Metric) -> float:
    if not metric.is_sum:
        raise ValueError(f"{metric} is a gauge; its values do not add up.")
    return sums.get(metric, 0.0)
