"""The stack's metrics of the last minutes, read from CloudWatch and summed up."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ingest.aws.errors import aws_call
from ingest.contract import METRIC_NAMESPACE, Dimension, Metric

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


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

    Gauges are not summed. The times (`visible_...`) are those of the files completed in the window.
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
        """Return the sum of a metric in the window; 0 if it was not emitted.

        Raises:
            ValueError: the metric is a gauge.
        """
        return _summed(self.sums, metric)

    def rate(self, metric: Metric) -> float:
        """Return the recent rate of a metric per second.

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


MINUTE_S = 60
MINUTES = 30  # of the sparkline
WINDOW = 5  # minutes
LATE_MINUTES = 1  # until all functions have emitted a minute's metrics and CloudWatch has aggregated them
_FUNCTION = {"Invocations": "Sum", "Errors": "Sum", "Throttles": "Sum", "ConcurrentExecutions": "Maximum"}
Series = dict[str, dict[datetime, float]]


class CloudWatchMetrics:
    """Reads the stack's metrics. Each metric requested is charged, so it sends requests only for new data."""

    def __init__(
        self, *, client: "CloudWatchClient", stack: str, feeds: Sequence[str], function: str, queue: str
    ) -> None:
        self._client = client
        self._stack = stack
        self._feeds = feeds
        self._function = function
        self._queue = queue
        self._minute: datetime | None = None
        self._latest = Measured(period_s=MINUTE_S)

    def look(self, now_s: float) -> Measured:
        """Return the figures of the last minutes."""
        end = datetime.fromtimestamp(now_s // (MINUTE_S / 2) * (MINUTE_S / 2), UTC)
        if end != self._minute:
            last = int(now_s // MINUTE_S - LATE_MINUTES) * MINUTE_S
            self._latest = self._measured(self._ask(last), last)
            self._minute = end
        return self._latest

    def _measured(self, series: Series, last_s: int) -> Measured:
        times = [datetime.fromtimestamp(last_s - n * MINUTE_S, UTC) for n in reversed(range(MINUTES))]
        window = times[-WINDOW:]

        def total(name: str, among: Sequence[datetime] = window) -> float:
            return sum(series.get(name, {}).get(time, 0.0) for time in among)

        written = {feed: total(f"feed {feed}") for feed in self._feeds}
        return Measured(
            sums={metric: total(metric) for metric in SUMMED},
            recent={metric: total(metric, times[-1:]) for metric in SUMMED},
            by_feed={feed: count for feed, count in written.items() if count},
            rows=tuple(total(Metric.ROWS_WRITTEN, [time]) for time in times),
            period_s=MINUTE_S,
            visible_p50_s=_last(series.get("visible p50")),
            visible_p99_s=_last(series.get("visible p99")),
            invocations=Invocations(
                count=round(total("Invocations")),
                errors=round(total("Errors")),
                throttles=round(total("Throttles")),
                median_s=_seconds(_last(series.get("Duration p50"))),
                longest_s=_seconds(_last(series.get("Duration Maximum"))),
                concurrent=round(max((series.get("ConcurrentExecutions", {}).get(t, 0.0) for t in window), default=0)),
            ),
            oldest_message_s=_last(series.get("age")),
        )

    def _ask(self, last_s: int) -> Series:
        """Return CloudWatch's values for the minutes up to the one that begins at `last_s`, by this module's names."""
        end = last_s + MINUTE_S
        long, short = end - MINUTES * MINUTE_S, end - WINDOW * MINUTE_S
        return self._read(list(self._by_minute()), long, end) | self._read(list(self._of_window()), short, end)

    def _by_minute(self) -> Iterator[tuple[str, Any]]:
        ours = {Dimension.STACK: self._stack}
        for metric in SUMMED:
            yield metric, _stat(METRIC_NAMESPACE, metric, ours, "Sum")
        for feed in self._feeds:
            dimensions = ours | {Dimension.FEED: feed}
            yield f"feed {feed}", _stat(METRIC_NAMESPACE, Metric.ROWS_WRITTEN, dimensions, "Sum")
        for name, stat in _FUNCTION.items():
            yield name, _stat("AWS/Lambda", name, {"FunctionName": self._function}, stat)
        queue = {"QueueName": self._queue}
        yield "age", _stat("AWS/SQS", "ApproximateAgeOfOldestMessage", queue, "Maximum")

    def _of_window(self) -> Iterator[tuple[str, Any]]:
        """Yield the queries for the whole window: percentiles of minutes cannot be combined."""
        ours, window_s = {Dimension.STACK: self._stack}, WINDOW * MINUTE_S
        for stat in ("p50", "p99"):
            yield f"visible {stat}", _stat(METRIC_NAMESPACE, Metric.EVENT_TO_VISIBLE, ours, stat, window_s)
        for stat in ("p50", "Maximum"):
            function = {"FunctionName": self._function}
            yield f"Duration {stat}", _stat("AWS/Lambda", "Duration", function, stat, window_s)

    def _read(self, queries: list[tuple[str, Any]], start_s: int, end_s: int) -> Series:
        found: Series = {}
        names = {f"m{n}": name for n, (name, _) in enumerate(queries)}
        request: dict[str, Any] = {
            "MetricDataQueries": [{"Id": f"m{n}", "MetricStat": stat} for n, (_, stat) in enumerate(queries)],
            "StartTime": datetime.fromtimestamp(start_s, UTC),
            "EndTime": datetime.fromtimestamp(end_s, UTC),
            "ScanBy": "TimestampAscending",
        }
        while True:
            with aws_call("reading metrics from CloudWatch"):
                page: Any = self._client.get_metric_data(**request)
            for result in page["MetricDataResults"]:
                points = zip(result["Timestamps"], result["Values"], strict=True)
                found.setdefault(names[result["Id"]], {}).update(
                    (time.astimezone(UTC), value) for time, value in points
                )
            if not page.get("NextToken"):
                return found
            request["NextToken"] = page["NextToken"]


def _stat(namespace: str, metric: str, dimensions: dict[str, str], stat: str, period_s: int = MINUTE_S) -> Any:
    pairs = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    identity = {"Namespace": namespace, "MetricName": str(metric), "Dimensions": pairs}
    return {"Metric": identity, "Period": period_s, "Stat": stat}


def _last(points: dict[datetime, float] | None) -> float | None:
    return points[max(points)] if points else None


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
