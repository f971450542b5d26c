"""The dashboard's rows on the function, its cost and its log."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.monitoring.sources import MAXIMUM, P50, P99, SUM, Sources, math
from infra.monitoring.widgets import HEIGHT, graph, limit
from ingest.contract import Metric, Status

Widgets = list[cloudwatch.IWidget]


def function(sources: Sources) -> Widgets:
    """Return the row on the function's durations, concurrency, errors and requests."""
    settings = sources.settings
    durations = [
        math("half / 1000", {"half": sources.of_function("Duration", P50)}, label="p50"),
        math("longest / 1000", {"longest": sources.of_function("Duration", MAXIMUM)}, label="maximum"),
    ]
    hands_over = limit("hand-over", settings.timeout_s - settings.stop_before_end_s, cloudwatch.Color.GREEN)
    failures = [
        sources.of_function("Errors", SUM, label="errors"),
        sources.of_function("Throttles", SUM, label="throttles"),
        sources.line(Metric.HAND_OVERS),
    ]
    latency = [
        sources.line(Metric.REQUEST_LATENCY, P50),
        sources.line(Metric.REQUEST_LATENCY, P99),
    ]
    return [
        graph(
            "Duration",
            durations,
            unit="seconds",
            lines=[limit("timeout", settings.timeout_s), hands_over],
            width=6,
        ),
        graph(
            "Concurrent executions",
            [sources.of_function("ConcurrentExecutions", MAXIMUM, label="concurrent executions")],
            unit="functions",
            lines=[limit("max_concurrency", settings.max_concurrency, cloudwatch.Color.GREEN)],
            width=6,
        ),
        graph("Errors, throttles, hand-overs", failures, unit="count", width=6),
        graph("Writes to DynamoDB", latency, unit="milliseconds", width=6),
    ]


def cost(sources: Sources) -> Widgets:
    """Return the row on cost."""
    parts = _dollars(sources)
    using = {name: metric for _, metrics in parts.values() for name, metric in metrics.items()}
    rows = sources.own(Metric.ROWS_WRITTEN)
    five = Duration.minutes(5)
    by_part = [
        math(f"1000000 * ({dollars}) / rows", {**metrics, "rows": rows}, label=label, period=five)
        for label, (dollars, metrics) in parts.items()
    ]
    total = " + ".join(f"({dollars})" for dollars, _ in parts.values())
    whole = math(f"1000000 * ({total}) / rows", {**using, "rows": rows}, label="total", period=five)
    return [
        graph("Dollars per million rows written", by_part, unit="dollars", stacked=True, width=18),
        cloudwatch.SingleValueWidget(
            title="Per million rows, total",
            metrics=[whole, *by_part],
            set_period_to_time_range=True,
            width=6,
            height=HEIGHT,
        ),
    ]


def _dollars(sources: Sources) -> dict[str, tuple[str, Mapping[str, cloudwatch.IMetric]]]:
    """Return each part of the cost: an expression in dollars and the metrics in it. Prices are settings."""
    prices, gb = sources.settings.prices, sources.settings.memory_mb / 1024
    written = _write_units(sources)
    units = " + ".join(f"FILL({name}, 0)" for name in written)
    runs = {name: sources.of_function(what, SUM) for name, what in (("time", "Duration"), ("calls", "Invocations"))}
    run = f"{_plain(prices.function_gb_s * gb / 1000)} * time + {_plain(prices.invocations_per_million / 1e6)} * calls"
    # An upper bound: each message counts as one request, but up to ten share one.
    asked = {name: sources.of_queue(what, SUM) for name, what in _QUEUE_REQUESTS.items()}
    requests = " + ".join(f"FILL({name}, 0)" for name in asked)
    return {
        "DynamoDB, write units": (f"{_plain(prices.write_units_per_million / 1e6)} * ({units})", written),
        "Lambda": (run, runs),
        "SQS, upper bound": (f"{_plain(prices.queue_requests_per_million / 1e6)} * ({requests})", asked),
    }


_QUEUE_REQUESTS = {
    "sent": "NumberOfMessagesSent",
    "received": "NumberOfMessagesReceived",
    "deleted": "NumberOfMessagesDeleted",
    "empty": "NumberOfEmptyReceives",
}


def _write_units(sources: Sources) -> dict[str, cloudwatch.IMetric]:
    """Return the write units of the tables, of their indexes and of the ledger."""
    consumed = "ConsumedWriteCapacityUnits"
    of_indexes = {
        f"index{n}": sources.of_table(table, consumed, index=index)
        for n, (table, index) in enumerate(sources.indexes())
    }
    ledger = sources.of_table(sources.ledger, consumed)
    return {"units": sources.own(Metric.WRITE_UNITS), **of_indexes, "ledger": ledger}


def log(sources: Sources) -> Widgets:
    """Return the row on the log, which has file names but never data of rows."""
    closed = 'filter message = "file closed"'
    failures = [
        "fields @timestamp, status, error, feed, file, rows_rejected",
        f'{closed} and (status = "{Status.FAILED}" or status = "{Status.UNBALANCED}")',
        "sort @timestamp desc",
        "limit 20",
    ]
    slowest = ["fields seconds, status, feed, file, rows_written, bytes_read", closed, "sort seconds desc", "limit 20"]
    memory = [
        'filter @type = "REPORT"',
        "stats max(@maxMemoryUsed / 1000 / 1000) as used_mb, max(@memorySize / 1000 / 1000) as size_mb by bin(5m)",
    ]
    return [
        _query(sources, "Latest failures", failures, width=9),
        _query(sources, "Slowest files", slowest, width=9),
        _query(sources, "Memory used and configured", memory, width=6, view=cloudwatch.LogQueryVisualizationType.LINE),
    ]


def _query(
    sources: Sources,
    title: str,
    lines: list[str],
    *,
    width: int,
    view: cloudwatch.LogQueryVisualizationType = cloudwatch.LogQueryVisualizationType.TABLE,
) -> cloudwatch.LogQueryWidget:
    return cloudwatch.LogQueryWidget(
        title=title,
        log_group_names=[sources.log_group.log_group_name],
        query_lines=lines,
        view=view,
        width=width,
        height=HEIGHT,
    )


def _plain(number: float) -> str:
    """Return a number without an exponent, as metric math requires.

    >>> _plain(0.625e-6), _plain(2.0)
    ('0.000000625', '2')
    """
    return f"{number:.15f}".rstrip("0").rstrip(".")
