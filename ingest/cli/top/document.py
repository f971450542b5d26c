"""What `ingest top --once --json` prints. The keys are stable (docs/operations-plan-top.md)."""

from typing import Any

from ingest.cli.status.query import FileView
from ingest.cli.status.view import file_document
from ingest.cli.top.collect import Vitals, eta_s
from ingest.contract import Metric
from ingest.ledger.table import iso

THROTTLES = {
    "key_range": Metric.THROTTLED_BY_KEY_RANGE,
    "account": Metric.THROTTLED_BY_ACCOUNT,
    "maximum": Metric.THROTTLED_BY_MAXIMUM,
    "provisioned": Metric.THROTTLED_BY_PROVISIONED,
    "other": Metric.THROTTLED_BY_OTHER,
}


def vitals_document(vitals: Vitals) -> dict[str, Any]:
    """Return all of it. Sums are of `window_s`, rates of `recent_s`; what is not known is null."""
    measured = vitals.measured
    return {
        "stack": vitals.stack,
        "at": iso(vitals.now_s),
        "source": vitals.source,
        "window_s": measured.window_s,
        "recent_s": measured.recent_s,
        "lag": _lag(vitals),
        "throughput": _throughput(vitals),
        "errors": _errors(vitals),
        "files": _files(vitals),
        "function": _function(vitals),
    }


def reject_share(vitals: Vitals) -> float | None:
    """Return the share of rows rejected in the window; None if no row was read."""
    read = vitals.measured.sum(Metric.ROWS_READ)
    return vitals.measured.sum(Metric.ROWS_REJECTED) / read if read else None


def _lag(vitals: Vitals) -> dict[str, Any]:
    measured, queue = vitals.measured, vitals.queue
    return {
        "messages_visible": queue.visible,
        "messages_in_flight": queue.in_flight,
        "messages_delayed": queue.delayed,
        "oldest_message_s": _rounded(measured.oldest_message_s),
        "oldest_file_s": _rounded(vitals.oldest_file_s),
        "event_to_visible_p50_s": _rounded(measured.visible_p50_s),
        "event_to_visible_p99_s": _rounded(measured.visible_p99_s),
        "drain_s": _rounded(vitals.drain_s),
    }


def _throughput(vitals: Vitals) -> dict[str, Any]:
    measured = vitals.measured
    return {
        "rows_written": round(measured.sum(Metric.ROWS_WRITTEN)),
        "rows_per_s": _rounded(measured.rate(Metric.ROWS_WRITTEN)),
        "bytes_per_s": _rounded(measured.rate(Metric.BYTES_READ)),
        "write_units_per_s": _rounded(measured.rate(Metric.WRITE_UNITS)),
        "rows_written_by_feed": {feed: round(rows) for feed, rows in measured.by_feed.items()},
        "series": {"period_s": measured.period_s, "rows_written": [round(rows) for rows in measured.rows]},
    }


def _errors(vitals: Vitals) -> dict[str, Any]:
    def count(metric: str) -> int:
        return round(vitals.measured.sum(metric))

    share = reject_share(vitals)
    return {
        "rows_rejected": count(Metric.ROWS_REJECTED),
        "reject_share": None if share is None else round(share, 6),
        "files_failed": count(Metric.FILES_FAILED),
        "files_unbalanced": count(Metric.FILES_UNBALANCED),
        "files_retried": count(Metric.FILES_RETRIED),
        "dead_letters": vitals.dead_letters.all,
        "messages_unknown": count(Metric.MESSAGES_UNKNOWN),
        "requests_sent": count(Metric.REQUESTS_SENT),
        "requests_repeated": count(Metric.REQUESTS_REPEATED),
        "requests_throttled": count(Metric.REQUESTS_THROTTLED),
        "throttled_by": {name: count(metric) for name, metric in THROTTLES.items()},
        "items_unprocessed": count(Metric.ITEMS_UNPROCESSED),
    }


def _files(vitals: Vitals) -> dict[str, Any]:
    def document(view: FileView) -> dict[str, Any]:
        return file_document(view, now_s=vitals.now_s)

    return {
        "completed": round(vitals.measured.sum(Metric.FILES_COMPLETED)),
        "open": [document(view) | {"eta_s": _rounded(eta_s(view))} for view in vitals.open.files],
        "open_is_cut": vitals.open.is_cut,
        "last_ended": [document(view) for view in vitals.ended],
        "last_failed": [document(view) for view in vitals.failed],
    }


def _function(vitals: Vitals) -> dict[str, Any]:
    done = vitals.measured.invocations
    return {
        "is_paused": vitals.is_paused,
        "mapping": vitals.mapping,
        "invocations": done.count if done else None,
        "errors": done.errors if done else None,
        "throttles": done.throttles if done else None,
        "duration_p50_s": _rounded(done.median_s) if done else None,
        "duration_max_s": _rounded(done.longest_s) if done else None,
        "concurrent": done.at_once if done else None,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
