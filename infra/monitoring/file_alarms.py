"""Alarms on files: late, failed, not what they should be."""

from aws_cdk import Duration

from infra.monitoring.sources import MAXIMUM, Sources, math
from infra.monitoring.watches import FIVE_MINUTES, Silence, Watch
from ingest.contract import Metric

LOOKS = 3  # of the reconciler, in which one at least must have told


def file_watches(sources: Sources) -> list[Watch]:
    """Return the alarms on files and their messages, the gravest first."""
    return [
        _unbalanced(sources),
        _dead_letters(sources),
        _failed(sources),
        _oldest_message(sources),
        _oldest_file(sources),
        _rejects(sources),
    ]


def _unbalanced(sources: Sources) -> Watch:
    return Watch(
        "UnbalancedFile",
        "The books of a file do not balance: rows were read that are neither written, rejected nor superseded.",
        sources.own(Metric.FILES_UNBALANCED, period=FIVE_MINUTES),
        threshold=1,
        silence=Silence.FINE,  # told only when it happens
    )


def _dead_letters(sources: Sources) -> Watch:
    """Unknown messages have no alarm of their own: they end up here, with their reason."""
    return Watch(
        "DeadLetters",
        "There are messages that could not be handled; they are kept for 14 days.",
        sources.dead(),
        threshold=1,
        # SQS falls silent about a queue that nobody touches: that is no sign that somebody has emptied it. Who does
        # touches it.
        silence=Silence.NOTHING_NEW,
    )


def _failed(sources: Sources) -> Watch:
    return Watch(
        "FailedFiles",
        "Files failed that will not load as they are; each names its reason in the log and the ledger.",
        sources.own(Metric.FILES_FAILED, period=FIVE_MINUTES),
        threshold=sources.settings.alarms.failed_files,
        silence=Silence.FINE,  # told only when it happens
    )


def _oldest_message(sources: Sources) -> Watch:
    """SQS leaves out what was received three times: OldestFile and DeadLetters see those."""
    return Watch(
        "OldestMessage",
        "A message has waited, or was worked on, for longer than the objective.",
        sources.of_queue("ApproximateAgeOfOldestMessage", MAXIMUM),
        threshold=sources.settings.alarms.oldest_message_s,
        periods=5,  # a single reading is approximate
        silence=Silence.FINE,  # the reconciler's message keeps the queue awake: silence is a queue just made
    )


def _oldest_file(sources: Sources) -> Watch:
    """Also rings when the reconciler tells nothing: it is what would notice lost messages."""
    window = Duration.minutes(LOOKS * sources.settings.reconcile_minutes)
    return Watch(
        "OldestFile",
        "A file is unfinished for longer than it should take, or the reconciler has stopped looking.",
        sources.own(Metric.OLDEST_UNFINISHED_FILE, MAXIMUM, period=window),
        threshold=sources.settings.alarms.oldest_file_s,
        silence=Silence.BAD,  # it tells at each look, 0 if all is well: silence is a watchman who is gone
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
        silence=Silence.FINE,  # no rows, no rejects
    )
