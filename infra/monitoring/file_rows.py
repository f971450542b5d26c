"""The dashboard's rows on files: how late they are, how fast they load, what went wrong."""

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.monitoring.sources import MAXIMUM, P50, P99, Sources, math
from infra.monitoring.widgets import graph, limit
from ingest.contract import Metric

Widgets = list[cloudwatch.IWidget]


def lag(sources: Sources) -> Widgets:
    """How far behind are we?"""
    alarms = sources.settings.alarms
    backlog = {
        "waiting": sources.of_queue("ApproximateNumberOfMessagesVisible", MAXIMUM, label="waiting"),
        "hidden": sources.of_queue("ApproximateNumberOfMessagesNotVisible", MAXIMUM, label="worked on, or hidden"),
        "deleted": sources.of_queue("NumberOfMessagesDeleted", "Sum"),
        "again": sources.own(Metric.HAND_OVERS),
    }
    # A message that was handed over is deleted and sent again: it is not done with.
    drain = "(waiting + hidden) / ((deleted - FILL(again, 0)) / PERIOD(deleted)) / 60"
    oldest_message = sources.of_queue("ApproximateAgeOfOldestMessage", MAXIMUM, label="oldest message")
    oldest_file = sources.own(Metric.OLDEST_UNFINISHED_FILE, MAXIMUM, label="oldest unfinished file")
    event_to_visible = [
        sources.own(Metric.EVENT_TO_VISIBLE, P50, label="half of the files within"),
        sources.own(Metric.EVENT_TO_VISIBLE, P99, label="99 of 100 within"),
    ]
    return [
        graph(
            "Oldest message and file",
            [oldest_message, oldest_file],
            unit="seconds",
            lines=[limit("message: alarm", alarms.oldest_message_s), limit("file: alarm", alarms.oldest_file_s)],
        ),
        graph("From the S3 event to the closed file", event_to_visible, unit="seconds"),
        graph(
            "Backlog and time to drain",
            [backlog["waiting"], backlog["hidden"]],
            unit="messages",
            right=[math(drain, backlog, label="time to drain, at that minute's pace")],
            right_unit="minutes",
        ),
    ]


def throughput(sources: Sources) -> Widgets:
    """How fast do files load?"""
    written = [
        math(f"rows{n} / PERIOD(rows{n})", {f"rows{n}": sources.own(Metric.ROWS_WRITTEN, feed=feed)}, label=feed)
        for n, feed in enumerate(sources.feeds.feeds)
    ]
    units = [
        math(
            f"units{n} / PERIOD(units{n})",
            {f"units{n}": sources.of_table(table, "ConsumedWriteCapacityUnits")},
            label=f"{name}: consumed",
        )
        for n, (name, table) in enumerate(sources.tables.items())
    ]
    own_units = math(
        "own / PERIOD(own)", {"own": sources.own(Metric.WRITE_UNITS)}, label="all tables, as the function counts"
    )
    most = sources.settings.prices.table_write_units
    speed = [
        sources.own(Metric.ROWS_PER_SECOND, P50, label="p50"),
        sources.own(Metric.ROWS_PER_SECOND, MAXIMUM, label="fastest"),
    ]
    read = math("bytes / PERIOD(bytes) / 1048576", {"bytes": sources.own(Metric.BYTES_READ)}, label="read")
    return [
        graph("Rows written, by feed", written, unit="rows a second", stacked=True, width=6),
        graph(
            "Write units against the limit of a table",
            [*units, own_units],
            unit="units a second",
            lines=[limit("limit of a table", most)],
            width=6,
        ),
        graph("CSV read", [read], unit="MiB a second", width=6),
        graph("Speed of one function", speed, unit="rows a second", width=6),
    ]


def errors(sources: Sources) -> Widgets:
    """What went wrong?"""
    rows = {"rows": sources.own(Metric.ROWS_READ), "rejected": sources.own(Metric.ROWS_REJECTED, label="rejected rows")}
    share = math("100 * rejected / rows", rows, label="share of the rows read")
    files = [
        sources.own(Metric.FILES_FAILED, label="files failed"),
        sources.own(Metric.FILES_UNBALANCED, label="files unbalanced"),
        sources.own(Metric.FILES_RETRIED, label="put back, to try again"),
        sources.own(Metric.MESSAGES_UNKNOWN, label="messages unknown"),
        sources.dead(label="dead letters"),
    ]
    unprocessed = sources.own(Metric.UNPROCESSED_SHARE, P99, label="items left over, p99")
    return [
        graph("Rejected rows", [rows["rejected"]], unit="rows", right=[share], right_unit="per cent"),
        graph("Failed files and dead letters", files, unit="count"),
        graph(
            "Throttled requests, by reason",
            [sources.own(name, label=label) for name, label in _REASONS.items()],
            unit="requests",
            right=[unprocessed],
            right_unit="per cent",
            stacked=True,
        ),
    ]


_REASONS = {
    Metric.THROTTLED_BY_KEY_RANGE: "one partition is full",
    Metric.THROTTLED_BY_ACCOUNT: "quota of account or table",
    Metric.THROTTLED_BY_MAXIMUM: "the table's own maximum",
    Metric.THROTTLED_BY_PROVISIONED: "provisioned capacity",
    Metric.THROTTLED_BY_OTHER: "no reason told",
}
