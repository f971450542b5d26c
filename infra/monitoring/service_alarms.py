"""Alarms on what loads the files: the function, and the tables it writes to."""

from infra.monitoring.sources import MAXIMUM, MINIMUM, SUM, Sources, math
from infra.monitoring.watches import FIVE_MINUTES, Silence, Watch
from ingest.contract import Metric


def service_watches(sources: Sources) -> list[Watch]:
    """Return the alarms on function and tables, the gravest first."""
    return [_stalled(sources), _errors(sources), _duration(sources), _throttles(sources), _throttled(sources)]


def _stalled(sources: Sources) -> Watch:
    """Messages that are worked on, or hidden until their next try, are not visible: a slow file is no stall."""
    waiting = sources.of_queue("ApproximateNumberOfMessagesVisible", MINIMUM)
    return Watch(
        "Stalled",
        "Messages wait, and no row is written.",
        math(
            "IF((waiting > 0) AND (FILL(written, 0) == 0), 1, 0)",
            {"waiting": waiting, "written": sources.own(Metric.ROWS_WRITTEN)},
            period=FIVE_MINUTES,
        ),
        threshold=1,
        periods=sources.settings.alarms.stalled_minutes // 5,
        silence=Silence.FINE,  # SQS tells of a queue that holds messages: silence is an empty one
    )


def _errors(sources: Sources) -> Watch:
    """A file that fails is answered, and no error here."""
    return Watch(
        "FunctionErrors",
        "The function was killed or failed as a whole; its messages come back, and go on where they were.",
        sources.of_function("Errors", SUM, period=FIVE_MINUTES),
        threshold=sources.settings.alarms.function_errors,
        silence=Silence.FINE,  # it was not called
    )


def _duration(sources: Sources) -> Watch:
    """Not AWS's usual 90 % of the time-out: this function works until `stop_before_end_s` before it, and should."""
    settings = sources.settings
    return Watch(
        "FunctionDuration",
        "The function came so close to its time-out that it was, or will be, killed: it does not hand over in time.",
        sources.of_function("Duration", MAXIMUM, period=FIVE_MINUTES),
        threshold=1000 * (settings.timeout_s - settings.alarms.duration_margin_s),
        silence=Silence.FINE,  # it was not called
    )


def _throttles(sources: Sources) -> Watch:
    return Watch(
        "FunctionThrottles",
        "Lambda refuses to run the function: the account's concurrency is used up.",
        sources.of_function("Throttles", SUM, period=FIVE_MINUTES),
        threshold=sources.settings.alarms.function_throttles,
        periods=3,  # a burst of others passes, and the messages come back
        silence=Silence.FINE,  # it was not called
    )


def _throttled(sources: Sources) -> Watch:
    """The code's own counts, not DynamoDB's: they hold for tables in other accounts, and leave out other writers."""
    thresholds = sources.settings.alarms
    using = {
        "sent": sources.own(Metric.REQUESTS_SENT),
        "refused": sources.own(Metric.REQUESTS_THROTTLED),
        "items": sources.own(Metric.ITEMS_SENT),
        "left": sources.own(Metric.ITEMS_UNPROCESSED),
    }
    # A request is refused whole, or a part of its items is left: the two shares add up to what was sent in vain.
    share = f"IF(sent >= {thresholds.throttled_min_requests}, 100 * refused / sent + 100 * left / items, 0)"
    return Watch(
        "Throttling",
        "Tables refuse much of what is sent to them, and have for a while: loads take longer than they should.",
        math(share, using, period=FIVE_MINUTES),
        threshold=thresholds.throttled_percent,
        periods=thresholds.throttled_minutes // 5,
        silence=Silence.FINE,  # nothing was sent
    )
