"""The dashboard: one page, from health at the top to the log at the bottom."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.monitoring.alarms import RUNBOOK
from infra.monitoring.file_rows import Widgets, errors, lag, throughput
from infra.monitoring.function_rows import cost, function, log
from infra.monitoring.sources import MAXIMUM, Sources
from infra.monitoring.widgets import COLUMNS, heading
from ingest.contract import Metric

SHOWN = Duration.hours(3)


def make_dashboard(
    scope: Construct, id: str, sources: Sources, alarms: Sequence[cloudwatch.IAlarm]
) -> cloudwatch.Dashboard:
    """Return the dashboard: health, lag, throughput, errors, function, cost and log."""
    name = sources.settings.name
    dashboard = cloudwatch.Dashboard(scope, id, dashboard_name=name, default_interval=SHOWN)
    for title, how_to_read, widgets in _rows(sources, alarms):
        dashboard.add_widgets(heading(title, how_to_read))
        dashboard.add_widgets(*widgets)
    return dashboard


def _rows(sources: Sources, alarms: Sequence[cloudwatch.IAlarm]) -> list[tuple[str, str, Widgets]]:
    return [
        (
            f"{sources.settings.name}: health",
            f"If all alarms are OK, there is nothing to do. For an alarm in ALARM, see its section in `{RUNBOOK}`.",
            _health(sources, alarms),
        ),
        (
            "Lag",
            "Ages should stay well below the alarm thresholds, and the time to drain should fall. An age that rises "
            "linearly means one stuck file or message; a growing backlog means too little capacity.",
            lag(sources),
        ),
        (
            "Throughput",
            "Rows per second should be steady while there is a backlog. If they are low and below the table's limit, "
            "see the throttling reasons in the next row.",
            throughput(sources),
        ),
        (
            "Errors",
            "Rejected rows are for the sender of the files to fix; skipped rows the feed's `write`, `newest` or "
            "`skip_unchanged` has kept from the table; failed files and dead letters are for you. A few throttled "
            "requests are expected: the writer finds a table's limit that way.",
            errors(sources),
        ),
        (
            "Function",
            "Durations up to the green line are normal: the function works until then and hands over. At the red line "
            "Lambda kills it. Hand-overs are normal with large files.",
            function(sources),
        ),
        (
            "Cost",
            "At the unit prices in the stack's settings, excluding storage, logs, S3 and alarms. Most of it should be "
            "DynamoDB.",
            cost(sources),
        ),
        (
            "Log",
            "The latest failures and the slowest files; `ingest status FILE` shows the details of a file.",
            log(sources),
        ),
    ]


def _health(sources: Sources, alarms: Sequence[cloudwatch.IAlarm]) -> Widgets:
    totals = [
        sources.line(Metric.FILES_COMPLETED),
        sources.line(Metric.FILES_FAILED),
        sources.line(Metric.ROWS_WRITTEN),
        sources.line(Metric.ROWS_REJECTED),
        sources.line(Metric.EVENT_TO_VISIBLE, MAXIMUM),
    ]
    return [
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=COLUMNS, height=3),
        cloudwatch.SingleValueWidget(
            title="Totals of the time range", metrics=totals, set_period_to_time_range=True, width=COLUMNS, height=3
        ),
    ]
