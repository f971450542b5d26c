"""Metrics as EMF lines on standard output, which CloudWatch Logs turns into metrics."""

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from ingest.contract import METRIC_NAMESPACE, Dimension, Metric

_UNITS = {Metric.BYTES_READ: MetricUnit.Bytes, Metric.EVENT_TO_VISIBLE: MetricUnit.Seconds}


class Metrics:
    """Writes metrics of one stack."""

    def __init__(self, *, stack: str) -> None:
        self._stack = stack

    def put(self, feed: str, values: dict[str, float]) -> None:
        """Write one EMF line. `feed` is a feed's name, or "-" for what belongs to none."""
        metrics = EphemeralMetrics(namespace=METRIC_NAMESPACE)
        metrics.add_dimension(name=Dimension.STACK, value=self._stack)
        metrics.add_dimension(name=Dimension.FEED, value=feed)
        for name, value in values.items():
            metrics.add_metric(name=name, unit=_UNITS.get(name, MetricUnit.Count), value=value)
        metrics.flush_metrics()
