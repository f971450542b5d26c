"""What an alarm is made of, and how it becomes one."""

from collections.abc import Iterable
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.monitoring.sources import Metric

RUNBOOK = "docs/runbook.md"
FIVE_MINUTES = Duration.minutes(5)
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


class Silence:
    """What it means when there is no data."""

    FINE = cloudwatch.TreatMissingData.NOT_BREACHING
    BAD = cloudwatch.TreatMissingData.BREACHING
    NOTHING_NEW = cloudwatch.TreatMissingData.IGNORE


@dataclass(frozen=True)
class Watch:
    """One alarm: a metric that must stay below a threshold.

    Attributes:
        name: of the alarm, behind the stack's.
        sentence: what is so when it rings.
        periods: so many in a row must reach the threshold.
        silence: what periods without data count as.
    """

    name: str
    sentence: str
    metric: Metric
    threshold: float
    silence: cloudwatch.TreatMissingData
    periods: int = 1

    @property
    def anchor(self) -> str:
        """The heading in the runbook, as GitHub links to it."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in self.name).removeprefix("-")


def make_alarms(
    scope: Construct, watches: Iterable[Watch], *, stack_name: str, topic: sns.ITopic
) -> list[cloudwatch.Alarm]:
    """Make the alarms. Each tells the topic when it rings, and when it is over: nobody need look whether it is."""
    report = actions.SnsAction(topic)
    alarms = [_alarm(scope, watch, stack_name) for watch in watches]
    for alarm in alarms:
        alarm.add_alarm_action(report)
        alarm.add_ok_action(report)
    return alarms


def _alarm(scope: Construct, watch: Watch, stack_name: str) -> cloudwatch.Alarm:
    return cloudwatch.Alarm(
        scope,
        watch.name,
        alarm_name=f"{stack_name}-{watch.name}",
        alarm_description=f"{watch.sentence} What to do: {RUNBOOK}#{watch.anchor}",
        metric=watch.metric,
        threshold=watch.threshold,
        comparison_operator=AT_LEAST,
        evaluation_periods=watch.periods,
        datapoints_to_alarm=watch.periods,
        treat_missing_data=watch.silence,
    )
