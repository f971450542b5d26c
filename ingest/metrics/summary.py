"""The function's metrics of the last minutes, summed up from the lines of its log."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from ingest.contract import Metric
from ingest.metrics.emf import MetricLine, read_emf

WINDOW_S = 300.0  # of sums
RECENT_S = 60.0  # of rates
PERIOD_S = 10.0  # of the sparkline, from lines
SUMMED = tuple(metric for metric in Metric if metric.is_sum)
_REPORT = re.compile(r"^REPORT RequestId: .*?\tDuration: ([0-9.]+) ms")
_ENDINGS = (Metric.FILES_COMPLETED, Metric.FILES_FAILED, Metric.FILES_SUPERSEDED, Metric.SEGMENTS_DONE)


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


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a log, and when it was written (epoch seconds)."""

    at_s: float
    text: str


def from_lines(lines: Iterable[LogLine], *, stack: str, now_s: float) -> Measured:
    """Return the figures in the lines of the last minutes."""
    kept = [line for line in lines if now_s - WINDOW_S < line.at_s]
    emitted = [
        line
        for line in map(read_emf, (line.text for line in kept))
        if line and line.stack == stack and line.at_s > now_s - WINDOW_S
    ]
    written: Counter[str] = Counter()
    for line in emitted:
        written[line.feed or ""] += round(_total(line, Metric.ROWS_WRITTEN))
    times = sorted(time for line in emitted for time in _values(line, Metric.EVENT_TO_VISIBLE))
    return Measured(
        sums=_sums(emitted),
        recent=_sums([line for line in emitted if line.at_s > now_s - RECENT_S]),
        by_feed={feed: count for feed, count in sorted(written.items()) if count},
        rows=_periods(emitted, now_s),
        visible_p50_s=quantile(times, 0.5),
        visible_p99_s=quantile(times, 0.99),
        invocations=_invocations(kept),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the value at a quantile of ordered values (0.5: the median); None without values.

    >>> quantile([1, 2, 3, 4], 0.5), quantile([], 0.5)
    (2, None)
    """
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _values(line: MetricLine, metric: str) -> Sequence[float]:
    value = line.values.get(metric, ())
    return value if isinstance(value, Sequence) else (value,)


def _total(line: MetricLine, metric: str) -> float:
    return sum(_values(line, metric))


def _sums(emitted: Iterable[MetricLine]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for line in emitted:
        for metric in SUMMED:
            if metric in line.values:
                sums[metric] = sums.get(metric, 0.0) + _total(line, metric)
    return sums


def _periods(emitted: Iterable[MetricLine], now_s: float) -> tuple[float, ...]:
    """Return the rows written in each period up to now."""
    count = int(WINDOW_S / PERIOD_S)
    rows = [0.0] * count
    for line in emitted:
        place = count - 1 - int(max(0.0, now_s - line.at_s) / PERIOD_S)
        rows[max(0, place)] += _total(line, Metric.ROWS_WRITTEN)
    return tuple(rows)


def _invocations(lines: Iterable[LogLine]) -> Invocations:
    seconds = sorted(float(found[1]) / 1000 for line in lines if (found := _REPORT.match(line.text)))
    return Invocations(len(seconds), median_s=quantile(seconds, 0.5), longest_s=seconds[-1] if seconds else None)
