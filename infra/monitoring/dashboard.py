"""The dashboard: one page, read from top to bottom."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.monitoring.file_rows import Widgets, errors, lag, throughput
from infra.monitoring.function_rows import cost, function, log
from infra.monitoring.sources import MAXIMUM, Sources
from infra.monitoring.watches import RUNBOOK
from infra.monitoring.widgets import COLUMNS, heading
from ingest.contract import Metric

SHOWN = Duration.hours(3)


def make_dashboard(
    scope: Construct, id: str, sources: Sources, alarms: Sequence[cloudwatch.IAlarm]
) -> cloudwatch.Dashboard:
    """Make the page: is it healthy, how late, how fast, what went wrong, how is the function, what does it cost."""
    name = sources.settings.name
    dashboard = cloudwatch.Dashboard(scope, id, dashboard_name=name, default_interval=SHOWN)
    for title, how_to_read, widgets in _rows(sources, alarms):
        dashboard.add_widgets(heading(title, how_to_read))
        dashboard.add_widgets(*widgets)
    return dashboard


def _rows(sources: Sources, alarms: Sequence[cloudwatch.IAlarm]) -> list[tuple[str, str, Widgets]]:
    return [
        (
            f"{sources.settings.name}: is it healthy?",
            f"All green: nothing to do. Red: the alarm's section in `{RUNBOOK}` says what to do first.",
            _health(sources, alarms),
        ),
        (
            "Lag",
            "Ages should stay far below the red lines, and the time to drain fall. An age that climbs in a straight "
            "line is one thing that hangs; a backlog that grows is too little capacity.",
            lag(sources),
        ),
        (
            "Throughput",
            "Rows a second should be level while there is a backlog. Below the table's limit and slow: look at the "
            "throttles by reason in the next row.",
            throughput(sources),
        ),
        (
            "Errors",
            "Rejects are for whoever sends the files, failed files and dead letters for you. A few throttles are how "
            "the writer finds a table's limit.",
            errors(sources),
        ),
        (
            "Function",
            "Durations up to the green line are normal, for a function works until then and hands over; only the red "
            "one kills. Hand-overs cost nothing.",
            function(sources),
        ),
        (
            "Cost",
            "By the unit prices in the stack's settings; without storage, logs, S3 and alarms. DynamoDB should be "
            "nearly all of it.",
            cost(sources),
        ),
        (
            "Log",
            "What ended badly, and what took longest; `ingest status FILE` tells more of a file.",
            log(sources),
        ),
    ]


def _health(sources: Sources, alarms: Sequence[cloudwatch.IAlarm]) -> Widgets:
    totals = [
        sources.own(Metric.FILES_COMPLETED, label="files completed"),
        sources.own(Metric.FILES_FAILED, label="files failed"),
        sources.own(Metric.ROWS_WRITTEN, label="rows written"),
        sources.own(Metric.ROWS_REJECTED, label="rows rejected"),
        sources.own(Metric.EVENT_TO_VISIBLE, MAXIMUM, label="longest from event to end, s"),
    ]
    return [
        cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=COLUMNS, height=3),
        cloudwatch.SingleValueWidget(
            title="In the time shown", metrics=totals, set_period_to_time_range=True, width=COLUMNS, height=3
        ),
    ]
