"""docs/metrics.md has the contract's table of metrics, and the figures of its cost are worked out from that table."""

import re

from infra.monitoring.metrics_page import PAGE as PATH
from infra.monitoring.metrics_page import written
from ingest.contract import METRIC_NAMESPACE, Dimension, Emitted, Metric, Price

PAGE = PATH.read_text(encoding="utf-8")
IN_USE = [metric for metric in Metric if metric.emitted != Emitted.THROTTLED and metric != Metric.FILES_UNBALANCED]


def test_the_table_is_the_contracts() -> None:
    assert written(PAGE) == PAGE, "run `make docs`"


def test_the_table_has_every_metric_once() -> None:
    assert re.findall(r"^\| `([A-Z]\w+)` \|", PAGE, re.MULTILINE) == list(Metric)


def test_each_metric_says_what_it_is_when_it_is_emitted_and_how_to_read_it() -> None:
    for metric in Metric:
        assert all((metric.unit, metric.statistic, metric.emitted, metric.meaning, metric.label)), metric
        assert "|" not in metric.meaning


def test_it_names_namespace_and_dimensions() -> None:
    assert f"namespace `{METRIC_NAMESPACE}`" in PAGE
    assert f"`{Dimension.STACK}` with `{Dimension.FEED}`" in PAGE


def test_its_costs_are_those_of_the_metrics_it_lists() -> None:
    count, one, five = map(
        int, re.findall(r"(\d+) metrics in use .*?\$(\d+) a month with one feed, \$(\d+)", PAGE, re.S)[0]
    )
    assert count == len(IN_USE)
    assert (one, five) == (round(count * 2 * Price.METRIC_MONTH), round(count * 6 * Price.METRIC_MONTH))


def test_the_costs_are_written_with_the_table() -> None:
    assert written(re.sub(r"\d+ metrics in use", "7 metrics in use", PAGE)) == PAGE
