"""What `ingest top --once --json` prints. The keys are stable (docs/json.md)."""

from typing import Any

from ingest.aws.clock import iso
from ingest.cli.status.query import FileView
from ingest.cli.status.view import file_document
from ingest.cli.top.collect import BudgetUse, StackHealth, eta_s
from ingest.contract import Metric

THROTTLES = {
    "key_range": Metric.THROTTLED_BY_KEY_RANGE,
    "account": Metric.THROTTLED_BY_ACCOUNT,
    "maximum": Metric.THROTTLED_BY_MAXIMUM,
    "provisioned": Metric.THROTTLED_BY_PROVISIONED,
    "other": Metric.THROTTLED_BY_OTHER,
}


def health_document(health: StackHealth) -> dict[str, Any]:
    """Return the whole document. Sums cover `window_s`, rates `recent_s`; what is unknown is null."""
    measured = health.measured
    return {
        "stack": health.stack,
        "at": iso(health.now_s),
        "window_s": measured.window_s,
        "recent_s": measured.recent_s,
        "lag": _lag(health),
        "throughput": _throughput(health),
        "budgets": [_budget(budget) for budget in health.budgets],
        "errors": _errors(health),
        "files": _files(health),
        "function": _function(health),
    }


def reject_share(health: StackHealth) -> float | None:
    """Return the share of rows rejected in the window; None if no row was read."""
    read = health.measured.sum(Metric.ROWS_READ)
    return health.measured.sum(Metric.ROWS_REJECTED) / read if read else None


def _lag(health: StackHealth) -> dict[str, Any]:
    measured, queue = health.measured, health.queue
    return {
        "messages_waiting": queue.visible,
        "messages_in_flight": queue.in_flight,
        "messages_delayed": queue.delayed,
        "oldest_message_s": _rounded(measured.oldest_message_s),
        "oldest_file_s": _rounded(health.oldest_file_s),
        "event_to_visible_p50_s": _rounded(measured.visible_p50_s),
        "event_to_visible_p99_s": _rounded(measured.visible_p99_s),
        "drain_s": _rounded(health.drain_s),
    }


def _throughput(health: StackHealth) -> dict[str, Any]:
    measured = health.measured
    return {
        "rows_written": round(measured.sum(Metric.ROWS_WRITTEN)),
        "rows_skipped": round(measured.sum(Metric.ROWS_SKIPPED)),
        "rows_per_s": _rounded(measured.rate(Metric.ROWS_WRITTEN)),
        "bytes_per_s": _rounded(measured.rate(Metric.BYTES_READ)),
        "write_units_per_s": _rounded(measured.rate(Metric.WRITE_UNITS)),
        "rows_written_by_feed": {feed: round(rows) for feed, rows in measured.by_feed.items()},
        "series": {"period_s": measured.period_s, "rows_written": [round(rows) for rows in measured.rows]},
    }


def _budget(budget: BudgetUse) -> dict[str, Any]:
    return {
        "table": budget.table,
        "write_units": budget.limit,
        "used_per_s": _rounded(budget.used_per_s),
        "workers": budget.workers,
        "parked": budget.parked,
    }


def _errors(health: StackHealth) -> dict[str, Any]:
    def count(metric: Metric) -> int:
        return round(health.measured.sum(metric))

    share = reject_share(health)
    return {
        "rows_rejected": count(Metric.ROWS_REJECTED),
        "reject_share": None if share is None else round(share, 6),
        "files_failed": count(Metric.FILES_FAILED),
        "files_unbalanced": count(Metric.FILES_UNBALANCED),
        "files_retried": count(Metric.FILES_RETRIED),
        "dead_letters": health.dead_letters.all,
        "messages_unknown": count(Metric.MESSAGES_UNKNOWN),
        "requests_sent": count(Metric.REQUESTS_SENT),
        "requests_repeated": count(Metric.REQUESTS_REPEATED),
        "requests_throttled": count(Metric.REQUESTS_THROTTLED),
        "throttled_by": {name: count(metric) for name, metric in THROTTLES.items()},
        "items_unprocessed": count(Metric.ITEMS_UNPROCESSED),
    }


def _files(health: StackHealth) -> dict[str, Any]:
    def document(view: FileView) -> dict[str, Any]:
        return file_document(view, now_s=health.now_s)

    return {
        "completed": round(health.measured.sum(Metric.FILES_COMPLETED)),
        "ignored": round(health.measured.sum(Metric.FILES_IGNORED)),
        "open": [document(view) | {"eta_s": _rounded(eta_s(view))} for view in health.open.files],
        "open_truncated": health.open.is_cut,
        "last_ended": [document(view) for view in health.ended],
        "last_failed": [document(view) for view in health.failed],
    }


def _function(health: StackHealth) -> dict[str, Any]:
    done = health.measured.invocations
    return {
        "is_paused": health.is_paused,
        "mapping": health.mapping,
        "invocations": done.count if done else None,
        "errors": done.errors if done else None,
        "throttles": done.throttles if done else None,
        "duration_p50_s": _rounded(done.median_s) if done else None,
        "duration_max_s": _rounded(done.longest_s) if done else None,
        "concurrent": done.concurrent if done else None,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
