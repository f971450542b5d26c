"""Sums of the last minutes."""

import pytest

from ingest.contract import Metric
from ingest.metrics.summary import Measured


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
