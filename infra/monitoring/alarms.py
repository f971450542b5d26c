"""The alarms: their structure, then each of them, on files first and then on the function and the tables."""

from collections.abc import Iterable
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.monitoring.sources import MAXIMUM, MINIMUM, SUM, CloudWatchMetric, Sources, math
from ingest.contract import Metric

RUNBOOK = "docs/runbook.md"
FIVE_MINUTES = Duration.minutes(5)
RECONCILER_RUNS = 3  # at least one of them must have reported
AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


class MissingData:
    """Treatments of a period without data."""

    OK = cloudwatch.TreatMissingData.NOT_BREACHING
    UNCHANGED = cloudwatch.TreatMissingData.IGNORE
    # INSUFFICIENT_DATA, the state of a new alarm: it notifies only if it returns to this state after it had data.
    NOTIFIED = cloudwatch.TreatMissingData.MISSING


@dataclass(frozen=True)
class Watch:
    """One alarm: a metric that must stay below a threshold.

    Attributes:
        name: of the alarm, after the stack's.
        sentence: what is wrong when it is in ALARM.
        periods: number of consecutive periods that must reach the threshold.
        missing: how periods without data are treated.
    """

    name: str
    sentence: str
    metric: CloudWatchMetric
    threshold: float
    missing: cloudwatch.TreatMissingData
    periods: int = 1

    @property
    def anchor(self) -> str:
        """The anchor of its heading in the runbook, as made by GitHub."""
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in self.name).removeprefix("-")


def make_alarms(
    scope: Construct, watches: Iterable[Watch], *, stack_name: str, topic: sns.ITopic
) -> list[cloudwatch.Alarm]:
    """Return the alarms, which are added to the scope. Each notifies the topic on ALARM and when it is OK again.

    If missing data is a fault, it also notifies when data stops arriving. A first deployment raises no alarm.
    """
    notify = actions.SnsAction(topic)
    alarms = []
    for watch in watches:
        alarm = _alarm(scope, watch, stack_name)
        alarm.add_alarm_action(notify)
        alarm.add_ok_action(notify)
        if watch.missing == MissingData.NOTIFIED:
            alarm.add_insufficient_data_action(notify)
        alarms.append(alarm)
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
        treat_missing_data=watch.missing,
    )


def watches(sources: Sources) -> list[Watch]:
    """Return all alarms: those on files, then those on the function and the tables, the most severe first."""
    on_files = (_unbalanced, _dead_letters, _failed, _oldest_message, _oldest_file, _rejects)
    on_function = (_stalled, _errors, _duration, _throttles, _throttled)
    return [watch(sources) for watch in (*on_files, *on_function)]


def _unbalanced(sources: Sources) -> Watch:
    return Watch(
        "UnbalancedFile",
        "The row counts of a file do not reconcile: rows were read that have none of the ends a row may have.",
        sources.own(Metric.FILES_UNBALANCED, period=FIVE_MINUTES),
        threshold=1,
        missing=MissingData.OK,  # the metric is emitted only in that case
    )


def _dead_letters(sources: Sources) -> Watch:
    """Unknown messages need no alarm of their own: they are dead-lettered with their reason."""
    return Watch(
        "DeadLetters",
        "The dead-letter queue has messages that could not be processed; they are kept for 14 days.",
        sources.dead(),
        threshold=1,
        # SQS stops reporting on a queue without activity, which does not mean that the queue is empty: emptying it is
        # activity.
        missing=MissingData.UNCHANGED,
    )


def _failed(sources: Sources) -> Watch:
    return Watch(
        "FailedFiles",
        "Files failed and cannot be loaded as they are; the log and the ledger have the reason for each.",
        sources.own(Metric.FILES_FAILED, period=FIVE_MINUTES),
        threshold=sources.settings.alarms.failed_files,
        missing=MissingData.OK,  # the metric is emitted only in that case
    )


def _oldest_message(sources: Sources) -> Watch:
    """The metric excludes messages received three times: OldestFile and DeadLetters cover those."""
    return Watch(
        "OldestMessage",
        "The oldest message in the queue is older than the objective.",
        sources.of_queue("ApproximateAgeOfOldestMessage", MAXIMUM),
        threshold=sources.settings.alarms.oldest_message_s,
        periods=5,  # a single reading is approximate
        missing=MissingData.OK,  # the reconciler's messages keep the queue active: only a new queue has no data
    )


def _oldest_file(sources: Sources) -> Watch:
    """It also detects a reconciler that stops reporting, which would leave lost messages unnoticed.

    Its state is then INSUFFICIENT_DATA, which notifies. If missing data were breaching, each new stack would be in
    ALARM until the first run has reported.
    """
    window = Duration.minutes(RECONCILER_RUNS * sources.settings.reconcile_minutes)
    return Watch(
        "OldestFile",
        "A file has been unfinished for longer than expected; INSUFFICIENT_DATA: the reconciler has stopped reporting.",
        sources.own(Metric.OLDEST_UNFINISHED_FILE, MAXIMUM, period=window),
        threshold=sources.settings.alarms.oldest_file_s,
        missing=MissingData.NOTIFIED,  # each run reports, 0 if all is well: no data means that it does not run
    )


def _rejects(sources: Sources) -> Watch:
    thresholds = sources.settings.alarms
    using = {"rows": sources.own(Metric.ROWS_READ), "rejected": sources.own(Metric.ROWS_REJECTED)}
    enough = f"rows >= {thresholds.reject_min_rows}"
    return Watch(
        "RejectShare",
        "More rows than usual are rejected: a sender has probably changed something.",
        math(f"IF({enough}, 100 * rejected / rows, 0)", using, period=Duration.minutes(15)),
        threshold=thresholds.reject_percent,
        missing=MissingData.OK,  # no rows, no rejects
    )


def _stalled(sources: Sources) -> Watch:
    """In-flight messages and those waiting for a retry are not visible, so a slow file does not count as stalled."""
    waiting = sources.of_queue("ApproximateNumberOfMessagesVisible", MINIMUM)
    return Watch(
        "Stalled",
        "Messages are waiting and no rows are written.",
        math(
            "IF((waiting > 0) AND (FILL(written, 0) == 0), 1, 0)",
            {"waiting": waiting, "written": sources.own(Metric.ROWS_WRITTEN)},
            period=FIVE_MINUTES,
        ),
        threshold=1,
        periods=sources.settings.alarms.stalled_minutes // 5,
        missing=MissingData.OK,  # SQS reports on any queue with messages: no data means an empty queue
    )


def _errors(sources: Sources) -> Watch:
    """A failed file is not an error of the function: the function handles it."""
    return Watch(
        "FunctionErrors",
        "The function was killed or failed as a whole; its messages are redelivered and resume at their checkpoints.",
        sources.of_function("Errors", SUM, period=FIVE_MINUTES),
        threshold=sources.settings.alarms.function_errors,
        missing=MissingData.OK,  # not invoked
    )


def _duration(sources: Sources) -> Watch:
    """Not the usual 90 % of the timeout: by design the function works until `stop_before_end_s` before it."""
    settings = sources.settings
    return Watch(
        "FunctionDuration",
        "The function ran close to its timeout or past it: it does not hand over in time.",
        sources.of_function("Duration", MAXIMUM, period=FIVE_MINUTES),
        threshold=1000 * (settings.timeout_s - settings.alarms.duration_margin_s),
        missing=MissingData.OK,  # not invoked
    )


def _throttles(sources: Sources) -> Watch:
    return Watch(
        "FunctionThrottles",
        "Lambda throttles the function: the account's concurrency is used up.",
        sources.of_function("Throttles", SUM, period=FIVE_MINUTES),
        threshold=sources.settings.alarms.function_throttles,
        periods=3,  # bursts of other functions are short, and the messages are redelivered
        missing=MissingData.OK,  # not invoked
    )


def _throttled(sources: Sources) -> Watch:
    """It uses our own counts, not DynamoDB's: they cover tables in other accounts, and exclude other writers."""
    thresholds = sources.settings.alarms
    using = {
        "sent": sources.own(Metric.REQUESTS_SENT),
        "refused": sources.own(Metric.REQUESTS_THROTTLED),
        "items": sources.own(Metric.ITEMS_SENT),
        "left": sources.own(Metric.ITEMS_UNPROCESSED),
    }
    # Either a request is throttled as a whole, or some of its items are unprocessed: so the shares can be added.
    share = f"IF(sent >= {thresholds.throttled_min_requests}, 100 * refused / sent + 100 * left / items, 0)"
    return Watch(
        "Throttling",
        "DynamoDB has throttled a large share of the writes for a while: loads take longer than they should.",
        math(share, using, period=FIVE_MINUTES),
        threshold=thresholds.throttled_percent,
        periods=thresholds.throttled_minutes // 5,
        missing=MissingData.OK,  # nothing was sent
    )
