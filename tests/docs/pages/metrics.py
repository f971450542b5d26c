"""The parts of docs/metrics.md: the contract's table of metrics, and what CloudWatch charges for them."""

from collections.abc import Iterator

from ingest.contract import Dimension, Emitted, Metric, Price
from tests.docs.pages.markdown import table

RARE = {Metric.FILES_UNBALANCED}


def parts() -> dict[str, str]:
    """Return the table of all metrics, and the sentence of their cost."""
    titles = ("metric", "unit", "statistic", "by", "emitted", "what it says")
    return {"metrics": table(titles, map(_cells, Metric)), "cost of metrics": cost() + "\n"}


def _cells(metric: Metric) -> Iterator[str]:
    by = f"{Dimension.STACK}, {Dimension.FEED}" if metric.is_by_feed else Dimension.STACK
    yield from (f"`{metric}`", metric.unit, metric.statistic, by, metric.emitted, metric.meaning)


def cost() -> str:
    """Return what the metrics in use cost a month: one each by stack, and one by each feed."""
    count = sum(metric.emitted != Emitted.THROTTLED and metric not in RARE for metric in Metric)
    one, five = (round(count * (feeds + 1) * Price.METRIC_MONTH) for feeds in (1, 5))
    return (
        f"{count} metrics in use (all but the reasons of throttling and `{Metric.FILES_UNBALANCED}`) are "
        f"{count} × (F + 1) × ${Price.METRIC_MONTH:.2f}: ${one} a month with one feed, ${five} with five."
    )
