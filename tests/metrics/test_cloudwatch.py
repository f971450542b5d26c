"""The stack's metrics from CloudWatch, with a fake client that answers as the API reference says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.contract import METRIC_NAMESPACE, Metric
from ingest.metrics.cloudwatch import SUMMED, CloudWatchMetrics, Measured

MINUTE = 60
NOW = 1_000_000 * MINUTE + 5.0  # five seconds after a minute began
LAST = 999_999 * MINUTE  # the last minute that is over


class FakeCloudWatch:
    """Keeps points by namespace, metric, statistic and dimensions; returns one metric a page, empty without points."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, ...], dict[float, float]] = {}
        self.requests: list[Any] = []

    def put(self, namespace: str, metric: str, stat: str, points: dict[float, float], **dimensions: str) -> None:
        self.points[(namespace, metric, stat, *sorted(dimensions.values()))] = points

    def get_metric_data(self, **request: Any) -> Any:
        self.requests.append(request)
        assert len(request["MetricDataQueries"]) <= 500
        at = int(request.get("NextToken", 0))
        query = request["MetricDataQueries"][at]
        stat = query["MetricStat"]
        metric = stat["Metric"]
        values = sorted(dimension["Value"] for dimension in metric["Dimensions"])
        points = self.points.get((metric["Namespace"], metric["MetricName"], stat["Stat"], *values), {})
        inside = {
            datetime.fromtimestamp(s, UTC): value
            for s, value in sorted(points.items())
            if request["StartTime"].timestamp() <= s < request["EndTime"].timestamp()
        }
        result = {"Id": query["Id"], "Timestamps": list(inside), "Values": list(inside.values())}
        more = at + 1 < len(request["MetricDataQueries"])
        return {"MetricDataResults": [result], **({"NextToken": str(at + 1)} if more else {})}


def metrics(client: FakeCloudWatch) -> CloudWatchMetrics:
    return CloudWatchMetrics(
        client=client,  # type: ignore[arg-type]
        stack="prod",
        feeds=["orders", "visits"],
        function="worker",
        queue="files",
    )


def minutes(*values: float) -> dict[float, float]:
    """Return values of the minutes up to the last that is over."""
    return {LAST - MINUTE * n: value for n, value in enumerate(reversed(values))}


def test_minutes_are_added_up_for_the_window_and_the_last_one_is_the_rate() -> None:
    client = FakeCloudWatch()
    client.put(METRIC_NAMESPACE, Metric.ROWS_WRITTEN, "Sum", minutes(100, 1, 2, 3, 4, 600), stack="prod")
    client.put(METRIC_NAMESPACE, Metric.ROWS_WRITTEN, "Sum", minutes(5, 500), stack="prod", feed="visits")
    found = metrics(client).look(NOW)
    assert (found.sum(Metric.ROWS_WRITTEN), found.rate(Metric.ROWS_WRITTEN)) == (610, 10.0)
    assert found.by_feed == {"visits": 505}
    assert (len(found.rows), found.rows[-7:], found.period_s) == (30, (0, 100, 1, 2, 3, 4, 600), 60)


def test_percentiles_are_of_the_whole_window() -> None:
    client = FakeCloudWatch()
    start = LAST - 4 * MINUTE
    client.put(METRIC_NAMESPACE, Metric.EVENT_TO_VISIBLE, "p50", {start: 3.0}, stack="prod")
    client.put(METRIC_NAMESPACE, Metric.EVENT_TO_VISIBLE, "p99", {start: 30.0}, stack="prod")
    found = metrics(client).look(NOW)
    assert (found.visible_p50_s, found.visible_p99_s) == (3.0, 30.0)
    percentiles = [q for r in client.requests for q in r["MetricDataQueries"] if q["MetricStat"]["Stat"] == "p99"]
    assert percentiles[0]["MetricStat"]["Period"] == 300


def test_function_and_queue_are_asked_for_by_their_names() -> None:
    client = FakeCloudWatch()
    client.put("AWS/Lambda", "Invocations", "Sum", minutes(3, 4), function="worker")
    client.put("AWS/Lambda", "Errors", "Sum", minutes(1), function="worker")
    client.put("AWS/Lambda", "ConcurrentExecutions", "Maximum", minutes(9, 7), function="worker")
    client.put("AWS/Lambda", "Duration", "Maximum", {LAST - 4 * MINUTE: 12_500.0}, function="worker")
    client.put("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", minutes(40, 44), queue="files")
    found = metrics(client).look(NOW)
    assert found.invocations is not None
    assert (found.invocations.count, found.invocations.errors, found.invocations.concurrent) == (7, 1, 9)
    assert (found.invocations.longest_s, found.invocations.median_s) == (12.5, None)
    assert found.oldest_message_s == 44


def test_it_asks_again_only_when_there_can_be_new_data() -> None:
    client = FakeCloudWatch()
    asked = metrics(client)
    for seconds in (0.0, 2.0, 20.0):
        asked.look(NOW + seconds)
    first = len(client.requests)
    asked.look(NOW + 31.0)
    assert len(client.requests) == 2 * first


def test_without_data_all_sums_are_zero() -> None:
    found = metrics(FakeCloudWatch()).look(NOW)
    assert all(found.sum(metric) == 0 for metric in SUMMED)
    assert (found.visible_p50_s, found.oldest_message_s, found.by_feed) == (None, None, {})


def test_sums_are_requested_of_counts_and_never_of_gauges() -> None:
    client = FakeCloudWatch()
    metrics(client).look(NOW)
    queries = [q["MetricStat"] for q in client.requests[0]["MetricDataQueries"]]
    ours = {
        q["Metric"]["MetricName"]
        for q in queries
        if q["Metric"]["Namespace"] == METRIC_NAMESPACE and q["Stat"] == "Sum"
    }
    assert ours == {metric for metric in Metric if metric.is_sum}


def test_rates_are_of_the_recent_time_and_what_was_not_emitted_is_0() -> None:
    found = Measured(sums={Metric.ROWS_WRITTEN: 180}, recent={Metric.ROWS_WRITTEN: 120})
    assert (found.sum(Metric.ROWS_WRITTEN), found.rate(Metric.ROWS_WRITTEN)) == (180, 2.0)
    assert (found.sum(Metric.FILES_FAILED), found.rate(Metric.FILES_FAILED)) == (0, 0)


@pytest.mark.parametrize("metric", [metric for metric in Metric if not metric.is_sum])
def test_gauges_are_never_added_up(metric: Metric) -> None:
    found = Measured(sums={metric: 5.0})
    for read in (found.sum, found.rate):
        with pytest.raises(ValueError, match=f"{metric} is a gauge"):
            read(metric)


def test_counts_and_bytes_are_sums_and_everything_else_is_a_gauge() -> None:
    assert {metric for metric in Metric if metric.is_sum} == {m for m in Metric if m.unit in ("Count", "Bytes")}


def test_finished_messages_are_those_that_end_a_file_or_a_segment() -> None:
    sums = {
        Metric.FILES_COMPLETED: 10.0,
        Metric.FILES_FAILED: 2.0,
        Metric.SEGMENTS_DONE: 18.0,
        Metric.FILES_RETRIED: 9.0,
    }
    assert Measured(sums=sums).ends_per_s == 30 / 300
