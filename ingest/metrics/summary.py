"""What the function's metrics say of the last minutes: from the lines of its log, or as CloudWatch adds them up."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from ingest.contract import Metric
from ingest.metrics.emf import Told, read_emf

WINDOW_S = 300.0  # what sums are of
RECENT_S = 60.0  # what rates are of
PERIOD_S = 10.0  # of the little diagram, from lines
_REPORT = re.compile(r"^REPORT RequestId: .*?\tDuration: ([0-9.]+) ms")
_ENDINGS = (Metric.FILES_COMPLETED, Metric.FILES_FAILED, Metric.FILES_SUPERSEDED, Metric.SEGMENTS_DONE)


@dataclass(frozen=True, slots=True)
class Invocations:
    """What the function did in the window; what is not known is None."""

    count: int
    errors: int | None = None
    throttles: int | None = None
    median_s: float | None = None
    longest_s: float | None = None
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """Sums by metric: of the window, and of its last `recent_s`. `rows` are those written in each period, oldest first.

    Times are of the files that became visible in the window.
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

    def sum(self, metric: str) -> float:
        """Return a sum of the window; nothing told is 0."""
        return self.sums.get(metric, 0.0)

    def rate(self, metric: str) -> float:
        """Return how much a second it was, of late."""
        return self.recent.get(metric, 0.0) / self.recent_s

    @property
    def ends_per_s(self) -> float:
        """How many messages were dealt with a second, over the window: each ends a file or a segment."""
        return sum(map(self.sum, _ENDINGS)) / self.window_s


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a log, and when it was written (epoch seconds)."""

    at_s: float
    text: str


def from_lines(lines: Iterable[Line], *, stack: str, now_s: float) -> Measured:
    """Return what the lines of the last minutes say."""
    kept = [line for line in lines if now_s - WINDOW_S < line.at_s]
    reported = [
        one for line in kept if (one := read_emf(line.text)) and one.stack == stack and one.at_s > now_s - WINDOW_S
    ]
    written: Counter[str] = Counter()
    for one in reported:
        written[one.feed or ""] += round(_total(one, Metric.ROWS_WRITTEN))
    times = sorted(time for one in reported for time in _values(one, Metric.EVENT_TO_VISIBLE))
    return Measured(
        sums=_sums(reported),
        recent=_sums([one for one in reported if one.at_s > now_s - RECENT_S]),
        by_feed={feed: count for feed, count in sorted(written.items()) if count},
        rows=_periods(reported, now_s),
        visible_p50_s=quantile(times, 0.5),
        visible_p99_s=quantile(times, 0.99),
        invocations=_invocations(kept),
    )


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """Return the least value that so many of the values do not exceed; None if there are none.

    >>> quantile([1, 2, 3, 4], 0.5), quantile([], 0.5)
    (2, None)
    """
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def _values(reported: Told, metric: str) -> Sequence[float]:
    value = reported.values.get(metric, ())
    return value if isinstance(value, Sequence) else (value,)


def _total(reported: Told, metric: str) -> float:
    return sum(_values(reported, metric))


def _sums(reported: Iterable[Told]) -> dict[str, float]:
    sums: dict[str, float] = {}
    for one in reported:
        for metric in one.values:
            sums[metric] = sums.get(metric, 0.0) + _total(one, metric)
    return sums


def _periods(reported: Iterable[Told], now_s: float) -> tuple[float, ...]:
    """Return the rows written in each period up to now."""
    count = int(WINDOW_S / PERIOD_S)
    rows = [0.0] * count
    for one in reported:
        place = count - 1 - int(max(0.0, now_s - one.at_s) / PERIOD_S)
        rows[max(0, place)] += _total(one, Metric.ROWS_WRITTEN)
    return tuple(rows)


def _invocations(lines: Iterable[Line]) -> Invocations:
    seconds = sorted(float(found[1]) / 1000 for line in lines if (found := _REPORT.match(line.text)))
    return Invocations(len(seconds), median_s=quantile(seconds, 0.5), longest_s=seconds[-1] if seconds else None)
