"""docs/metrics.md names the namespace and the dimensions of the metrics; its table is written from the contract."""

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric
from tests.docs.pages.all import ROOT

PAGE = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")


def test_each_metric_says_what_it_is_when_it_is_emitted_and_how_to_read_it() -> None:
    for metric in Metric:
        assert all((metric.unit, metric.statistic, metric.emitted, metric.meaning, metric.label)), metric


def test_it_names_namespace_and_dimensions() -> None:
    assert f"namespace `{METRIC_NAMESPACE}`" in PAGE
    assert f"`{Dimension.STACK}` with `{Dimension.FEED}`" in PAGE
