"""The lines are those that powertools writes: tests/metrics/test_metrics.py holds the product to that form."""

from typing import Any

import pytest

from ingest.contract import METRIC_NAMESPACE
from loadtest.measure.emf import metrics, rates, totals


def line(at_s: float, /, namespace: str = METRIC_NAMESPACE, **values: Any) -> dict[str, Any]:
    names = [{"Name": name, "Unit": "Count"} for name in values]
    sets = [["Stack"], ["Stack", "Feed"]]
    about = {"Timestamp": round(1000 * at_s), "CloudWatchMetrics": [{"Namespace": namespace, "Dimensions": sets}]}
    about["CloudWatchMetrics"][0]["Metrics"] = names  # type: ignore[index]
    return {"_aws": about, "Stack": "s", "Feed": "f", **values}


def test_only_lines_of_our_metrics_count() -> None:
    log = [{"message": "file closed", "RowsRead": 7}, line(1, "Other", RowsRead=5), line(2, RowsRead=[3.0, 1.0]), {}]
    assert totals(metrics(log)) == {"RowsRead": 4}


def test_a_metric_counts_in_the_second_in_which_it_was_reported() -> None:
    lines = metrics([line(100.2, RowsRead=10), line(100.9, RowsRead=10), line(101.5, RowsRead=4, Other=9)])
    assert rates(lines, "RowsRead", begun_s=100, times=[0, 1, 2]) == [0, 20, 4]


def test_what_was_reported_before_and_after_counts_at_the_ends() -> None:
    lines = metrics([line(90, RowsRead=1), line(200, RowsRead=2)])
    assert rates(lines, "RowsRead", begun_s=100, times=[0, 1, 2, 3]) == [0, 1, 0, 2]


def test_a_short_last_interval_counts_as_a_rate() -> None:
    lines = metrics([line(101.1, RowsRead=5)])
    assert rates(lines, "RowsRead", begun_s=100, times=[0, 1, 1.5]) == [0, 0, pytest.approx(10)]


@pytest.mark.parametrize("times", [[], [0.0]])
def test_without_an_interval_rates_are_zero(times: list[float]) -> None:
    assert rates(metrics([line(100, RowsRead=1)]), "RowsRead", begun_s=100, times=times) == [0.0] * len(times)
