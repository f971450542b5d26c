"""Figures of the last minutes, from the lines of the function's log."""

import pytest

from ingest.contract import Metric
from ingest.metrics.emf import emf_line
from ingest.metrics.summary import LogLine, Measured, from_lines

NOW = 1_000_000.0


def reported(ago_s: float, feed: str = "orders", stack: str = "prod", **values: float) -> LogLine:
    named = {getattr(Metric, name.upper()): value for name, value in values.items()}
    return LogLine(NOW - ago_s, emf_line(stack, feed, named, at_s=NOW - ago_s))


def measured(*lines: LogLine) -> Measured:
    return from_lines(lines, stack="prod", now_s=NOW)


def test_sums_are_of_five_minutes_and_rates_of_the_last_one() -> None:
    found = measured(reported(400, rows_written=1), reported(200, rows_written=60), reported(30, rows_written=120))
    assert found.sum(Metric.ROWS_WRITTEN) == 180
    assert found.rate(Metric.ROWS_WRITTEN) == 2.0
    assert found.sum(Metric.FILES_FAILED) == 0


def test_rows_are_reported_by_feed_and_by_ten_seconds_the_oldest_first() -> None:
    found = measured(reported(295, rows_written=1), reported(12, "visits", rows_written=5), reported(3, rows_written=7))
    assert found.by_feed == {"orders": 8, "visits": 5}
    assert (len(found.rows), found.rows[0], found.rows[-2:]) == (30, 1, (5, 7))


def test_the_time_until_rows_are_visible_is_reported_by_its_quantiles() -> None:
    found = measured(*(reported(n, event_to_visible=float(n)) for n in range(1, 101)))
    assert (found.visible_p50_s, found.visible_p99_s) == (50, 99)
    assert measured().visible_p50_s is None


def test_other_lines_and_other_stacks_do_not_count() -> None:
    found = measured(
        reported(1, stack="test", rows_written=5),
        LogLine(NOW, "START RequestId: 1"),
        LogLine(NOW, '{"CsvIngest": 1}'),
        reported(1),
    )
    assert found.sums == {}


def test_several_values_in_a_line_are_added_up() -> None:
    line = LogLine(NOW, emf_line("prod", "orders", {Metric.ROWS_WRITTEN: [1.0, 2.5]}, at_s=NOW))
    assert measured(line).sum(Metric.ROWS_WRITTEN) == 3.5


@pytest.mark.parametrize("metric", [metric for metric in Metric if not metric.is_sum])
def test_gauges_are_never_added_up(metric: Metric) -> None:
    found = measured(*[LogLine(NOW, emf_line("prod", "orders", {metric: 5.0}, at_s=NOW))] * 2)
    assert found.sums == {}
    for read in (found.sum, found.rate):
        with pytest.raises(ValueError, match=f"{metric} is a gauge"):
            read(metric)


def test_counts_and_bytes_are_sums_and_everything_else_is_a_gauge() -> None:
    assert {metric for metric in Metric if metric.is_sum} == {m for m in Metric if m.unit in ("Count", "Bytes")}


def test_invocations_are_counted_by_their_reports() -> None:
    reports = [
        LogLine(
            NOW - n, f"REPORT RequestId: {n}\tDuration: {n}00.5 ms\tBilled Duration: {n}01 ms\tMemory Size: 1769 MB"
        )
        for n in range(1, 6)
    ]
    found = measured(*reports).invocations
    assert found is not None
    assert (found.count, found.median_s, found.longest_s, found.errors) == (5, 0.3005, 0.5005, None)


def test_finished_messages_are_those_that_end_a_file_or_a_segment() -> None:
    found = measured(reported(1, files_completed=10, files_failed=2), reported(2, segments_done=18, files_retried=9))
    assert found.ends_per_s == 30 / 300
