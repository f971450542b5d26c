"""The metrics to monitor: those that the code emits, and AWS's metrics of the stack's resources."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

from infra.settings import Settings
from ingest import contract
from ingest.feeds.feed import Feeds

CloudWatchMetric = cloudwatch.IMetric
MINUTE = Duration.minutes(1)
SUM, MAXIMUM, MINIMUM, P50, P99 = "Sum", "Maximum", "Minimum", "p50", "p99"


@dataclass(frozen=True)
class Sources:
    """The metrics of one stack."""

    settings: Settings
    feeds: Feeds
    queue: sqs.IQueue
    dead_letters: sqs.IQueue
    function: lambda_.IFunction
    log_group: logs.ILogGroup
    tables: Mapping[str, dynamodb.ITable]
    ledger: dynamodb.ITable

    def own(
        self,
        metric: contract.Metric,
        statistic: str = SUM,
        *,
        feed: str | None = None,
        label: str | None = None,
        period: Duration = MINUTE,
    ) -> cloudwatch.Metric:
        """Return a metric that the code emits, for the whole stack or for one feed.

        Raises:
            ValueError: the metric is a gauge, which cannot be summed.
        """
        if statistic == SUM and not metric.is_sum:
            raise ValueError(f"{metric} is a gauge; its values do not add up.")
        dimensions = {contract.Dimension.STACK: self.settings.name}
        if feed:
            dimensions[contract.Dimension.FEED] = feed
        return _metric(contract.METRIC_NAMESPACE, str(metric), statistic, dimensions, label, period)

    def line(self, metric: contract.Metric, statistic: str = SUM) -> cloudwatch.Metric:
        """Return a metric that the code emits, for a graph, with the label from the table of metrics."""
        label = metric.label if statistic == metric.statistic else f"{metric.label}, {statistic.lower()}"
        return self.own(metric, statistic, label=label)

    def of_queue(
        self, name: str, statistic: str, *, label: str | None = None, period: Duration = MINUTE
    ) -> cloudwatch.Metric:
        """Return an SQS metric of the queue."""
        return _metric("AWS/SQS", name, statistic, {"QueueName": self.queue.queue_name}, label, period)

    def dead(self, *, label: str | None = None, period: Duration = MINUTE) -> cloudwatch.Metric:
        """Return the number of messages in the dead-letter queue."""
        dimensions = {"QueueName": self.dead_letters.queue_name}
        return _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", MAXIMUM, dimensions, label, period)

    def of_function(
        self, name: str, statistic: str, *, label: str | None = None, period: Duration = MINUTE
    ) -> cloudwatch.Metric:
        """Return a Lambda metric of the function."""
        dimensions = {"FunctionName": self.function.function_name}
        return _metric("AWS/Lambda", name, statistic, dimensions, label, period)

    def of_table(
        self, table: dynamodb.ITable, name: str, *, index: str | None = None, label: str | None = None
    ) -> cloudwatch.Metric:
        """Return the sum of a DynamoDB metric, of a table without its indexes or of one index."""
        dimensions = {"TableName": table.table_name}
        if index:
            dimensions["GlobalSecondaryIndexName"] = index
        return _metric("AWS/DynamoDB", name, SUM, dimensions, label, MINUTE)

    def indexes(self) -> list[tuple[dynamodb.ITable, str]]:
        """Return the indexes that writes update: those of the feeds' tables, each once, and the ledger's."""
        declared = {(feed.table, index): None for feed in self.feeds.feeds.values() for index in feed.indexes}
        return [(self.tables[table], index) for table, index in declared] + [(self.ledger, contract.LedgerKeys.INDEX)]


def math(
    expression: str, using: Mapping[str, CloudWatchMetric], *, label: str | None = None, period: Duration = MINUTE
) -> cloudwatch.MathExpression:
    """Return a metric computed from others, which all get its period."""
    return cloudwatch.MathExpression(expression=expression, using_metrics=dict(using), label=label, period=period)


def _metric(
    namespace: str,
    name: str,
    statistic: str,
    dimensions: dict[str, str],
    label: str | None,
    period: Duration,
) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic=statistic,
        label=label,
        period=period,
    )
