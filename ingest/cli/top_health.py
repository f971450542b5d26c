"""The state that `ingest top` shows, read from the ledger, the queues and CloudWatch; and its JSON document.

The keys of that document are stable (docs/json.md).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.aws.clock import iso
from ingest.cli.aws import client
from ingest.cli.stack import DeployedStack
from ingest.cli.status_overview import FileView, Overview, StatusLedger, StatusQuery, file_document, look
from ingest.contract import NO_FEED, Metric, Output, Status
from ingest.feeds.feed import Feeds
from ingest.feeds.tables import limits_from
from ingest.ledger.claims import TableBudget
from ingest.ledger.work_item import is_open
from ingest.metrics.cloudwatch import CloudWatchMetrics, Measured
from ingest.queue.sqs import Depth, queue_depth

OPEN_FILES = 20
ENDED_FILES = 5
LIVE_S = 12.0  # a worker writes its entry every 5 s, and its clock may be off by a few


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """The write budget of a table: the current limit in units a second, the use, and how many workers share it.

    `limit` is as in feeds.toml: a number, or a share of the table's capacity. The other values come from the workers'
    latest entries: `ingest load` is included, and the delay is a few seconds. `parked` counts the files and segments,
    among the open files shown, that too many workers would share the budget for: their messages return after a minute.
    """

    table: str
    limit: float | str
    used_per_s: float
    workers: int
    parked: int = 0

    @staticmethod
    def of(table: str, found: TableBudget, now_s: float, parked: int) -> "BudgetUse":
        """Return the budget use of a table with limits."""
        live = [entry for entry in found.entries.values() if now_s - entry.written_s < LIVE_S]
        limit = limits_from(found.limits or "").units_at(now_s)
        return BudgetUse(table, limit, sum(entry.used_per_s for entry in live), len(live), parked)


@dataclass(frozen=True, slots=True)
class StackHealth:
    """The state of the stack at one moment."""

    stack: str
    now_s: float
    measured: Measured
    queue: Depth
    dead_letters: Depth
    mapping: str
    open: Overview
    ended: tuple[FileView, ...]
    failed: tuple[FileView, ...]
    oldest_file_s: float | None
    budgets: tuple[BudgetUse, ...] = ()

    @property
    def is_paused(self) -> bool:
        """Whether the function receives no messages."""
        return self.mapping in ("Disabled", "Disabling")

    @property
    def drain_s(self) -> float | None:
        """Seconds until everything is done, at the current rates of finished messages and of each open file.

        0 if everything is done; None without progress or without enough data.
        """
        if not self.queue.all and not self.open.files:
            return 0.0
        if self.is_paused:
            return None
        rate = self.measured.ends_per_s
        messages = self.queue.all / rate if rate else None
        known = [left for view in self.open.files if (left := eta_s(view)) is not None]
        known += [messages] if messages is not None and self.queue.visible + self.queue.delayed else []
        return max(known, default=None)


class Watcher:
    """Reads the state of a deployed stack, each time `look` is called."""

    def __init__(self, stack: DeployedStack, feeds: Feeds) -> None:
        self._stack = stack
        self._feeds = feeds
        self._sqs = client("sqs", "preparing to read the queues")
        self._queue, self._dead = stack.output(Output.QUEUE_URL), stack.output(Output.DEAD_LETTER_URL)
        self._metrics = CloudWatchMetrics(
            client=client("cloudwatch", "preparing to read metrics"),
            stack=stack.name,
            feeds=[*feeds.feeds, NO_FEED],
            function=stack.output(Output.FUNCTION),
            queue=self._queue.rpartition("/")[2],
        )

    def look(self, now_s: float) -> StackHealth:
        """Return the current state."""
        today = iso(now_s)[:10]
        ended = look(self._ledger, StatusQuery(self._feeds, day=today, limit=ENDED_FILES), now_s=now_s)
        opened = self._open(now_s)
        return StackHealth(
            stack=self._stack.name,
            now_s=now_s,
            measured=self._metrics.look(now_s),
            queue=queue_depth(self._sqs, self._queue),
            dead_letters=queue_depth(self._sqs, self._dead),
            mapping=self._stack.event_source.state(),
            open=opened,
            ended=ended.files,
            failed=tuple(self._failed(today, now_s)),
            oldest_file_s=self._oldest(now_s),
            budgets=tuple(self._budgets(opened)),
        )

    def _budgets(self, opened: Overview) -> Iterator[BudgetUse]:
        budgets, tables = self._stack.ledger.budgets, {name: feed.table for name, feed in self._feeds.feeds.items()}
        for table in sorted(budgets.limits(sorted(set(tables.values())))):
            parked = sum(view.parked for view in opened.files if tables.get(view.entry.feed) == table)
            yield BudgetUse.of(table, budgets.read_budget(table), opened.now_s, parked)

    @property
    def _ledger(self) -> StatusLedger:
        return self._stack.ledger.queries

    def _open(self, now_s: float) -> Overview:
        found = look(self._ledger, StatusQuery(self._feeds, limit=OPEN_FILES), now_s=now_s)
        views = tuple(view for view in found.files if is_open(view.entry.status))
        return Overview(views, is_cut=found.is_cut and len(views) == OPEN_FILES, now_s=now_s)

    def _failed(self, today: str, now_s: float) -> list[FileView]:
        found: list[FileView] = []
        for status in (Status.FAILED, Status.UNBALANCED):
            question = StatusQuery(self._feeds, day=today, status=status, limit=ENDED_FILES)
            found += look(self._ledger, question, now_s=now_s).files
        return sorted(found, key=lambda view: view.entry.ended_s or 0.0, reverse=True)[:ENDED_FILES]

    def _oldest(self, now_s: float) -> float | None:
        """Return the age of the oldest unfinished file, from the first listed file of each feed that has not ended."""
        listed = (self._ledger.open_files(name) for name in (*self._feeds.feeds, NO_FEED))
        firsts = (next((entry for entry in entries if is_open(entry.status)), None) for entries in listed)
        seen = [first.first_seen_s for first in firsts if first and first.first_seen_s]
        return max(0.0, now_s - min(seen)) if seen else None


def eta_s(view: FileView) -> float | None:
    """Return the seconds until a file is loaded, at its rate since it was first seen; None without enough data."""
    share, age_s = view.progress.share, view.progress.age_s
    if not share or age_s is None or not view.progress.row_counts.rows_read:  # the header alone does not show the speed
        return None
    return max(0.0, age_s * (1 - share) / share)


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
