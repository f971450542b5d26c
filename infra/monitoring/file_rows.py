"""The dashboard's rows on files: lag, throughput, errors."""

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.monitoring.sources import MAXIMUM, P50, P99, Sources, math
from infra.monitoring.widgets import graph, limit
from ingest.contract import Emitted, Metric

Widgets = list[cloudwatch.IWidget]


def lag(sources: Sources) -> Widgets:
    """Return the row on ages, backlog and time to drain."""
    alarms = sources.settings.alarms
    backlog = {
        "waiting": sources.of_queue("ApproximateNumberOfMessagesVisible", MAXIMUM, label="visible"),
        "hidden": sources.of_queue("ApproximateNumberOfMessagesNotVisible", MAXIMUM, label="in flight"),
        "deleted": sources.of_queue("NumberOfMessagesDeleted", "Sum"),
        "again": sources.own(Metric.HAND_OVERS),
    }
    # A handed-over message is deleted and sent again, so it is not finished.
    drain = "(waiting + hidden) / ((deleted - FILL(again, 0)) / PERIOD(deleted)) / 60"
    oldest_message = sources.of_queue("ApproximateAgeOfOldestMessage", MAXIMUM, label="oldest message")
    oldest_file = sources.line(Metric.OLDEST_UNFINISHED_FILE, MAXIMUM)
    event_to_visible = [
        sources.line(Metric.EVENT_TO_VISIBLE, P50),
        sources.line(Metric.EVENT_TO_VISIBLE, P99),
    ]
    return [
        graph(
            "Oldest message and file",
            [oldest_message, oldest_file],
            unit="seconds",
            lines=[limit("message alarm", alarms.oldest_message_s), limit("file alarm", alarms.oldest_file_s)],
        ),
        graph("From S3 event to completed file", event_to_visible, unit="seconds"),
        graph(
            "Backlog and time to drain",
            [backlog["waiting"], backlog["hidden"]],
            unit="messages",
            right=[math(drain, backlog, label="time to drain at the present rate")],
            right_unit="minutes",
        ),
    ]


def throughput(sources: Sources) -> Widgets:
    """Return the row on rows, write units and bytes per second."""
    written = [
        math(f"rows{n} / PERIOD(rows{n})", {f"rows{n}": sources.own(Metric.ROWS_WRITTEN, feed=feed)}, label=feed)
        for n, feed in enumerate(sources.feeds.feeds)
    ]
    units = [
        math(
            f"units{n} / PERIOD(units{n})",
            {f"units{n}": sources.of_table(table, "ConsumedWriteCapacityUnits")},
            label=f"{name}, consumed",
        )
        for n, (name, table) in enumerate(sources.tables.items())
    ]
    own_units = math(
        "own / PERIOD(own)", {"own": sources.own(Metric.WRITE_UNITS)}, label="all tables, counted by the function"
    )
    table_limit = sources.settings.prices.table_write_units
    speed = [
        sources.line(Metric.ROWS_PER_SECOND, P50),
        sources.line(Metric.ROWS_PER_SECOND, MAXIMUM),
    ]
    read = math("bytes / PERIOD(bytes) / 1048576", {"bytes": sources.own(Metric.BYTES_READ)}, label="read")
    return [
        graph("Rows written, by feed", written, unit="rows per second", stacked=True, width=6),
        graph(
            "Write units and the limit of a table",
            [*units, own_units],
            unit="units per second",
            lines=[limit("limit of a table", table_limit), *budgets(sources)],
            width=6,
        ),
        graph("CSV read", [read], unit="MiB per second", width=6),
        graph("Speed of one function", speed, unit="rows per second", width=6),
    ]


def budgets(sources: Sources) -> list[cloudwatch.HorizontalAnnotation]:
    """Return a line for each write budget of a table and of its hours; a budget as a share of capacity has none."""
    found = {
        f"budget of {table}{f', {hours}' if hours else ''}": units
        for table, limits in sources.feeds.tables.items()
        for hours, units in [("", limits.write_units), *limits.hours.items()]
        if not isinstance(units, str)
    }
    return [limit(label, units, cloudwatch.Color.PURPLE) for label, units in found.items()]


def errors(sources: Sources) -> Widgets:
    """Return the row on rejects, failures and throttling."""
    rows = {"rows": sources.own(Metric.ROWS_READ), "rejected": sources.line(Metric.ROWS_REJECTED)}
    share = math("100 * rejected / rows", rows, label="share of rows read")
    files = [
        sources.line(Metric.FILES_FAILED),
        sources.line(Metric.FILES_UNBALANCED),
        sources.line(Metric.FILES_RETRIED),
        sources.line(Metric.FILES_UNDONE),
        sources.line(Metric.MESSAGES_UNKNOWN),
        sources.dead(label="dead letters"),
    ]
    reasons = [sources.line(metric) for metric in Metric if metric.emitted == Emitted.THROTTLED]
    return [
        graph(
            "Rejected and skipped rows",
            [rows["rejected"], sources.line(Metric.ROWS_SKIPPED)],
            unit="rows",
            right=[share],
            right_unit="percent",
        ),
        graph("Failed and undone files, dead letters", files, unit="count"),
        graph(
            "Throttled requests, by reason",
            reasons,
            unit="requests",
            right=[sources.line(Metric.UNPROCESSED_SHARE, P99)],
            right_unit="percent",
            stacked=True,
        ),
    ]
