"""A run as JSON takes it: result, figures, samples, files. `loadtest report` reads it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingest.contract import Metric
from loadtest.checker.found import Found
from loadtest.checker.judge import CheckResult
from loadtest.measure.emf import MetricLine, metrics, rates
from loadtest.measure.log import at_work
from loadtest.measure.observation import MB


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that at least such a share of all does not pass (nearest rank).

    >>> percentile([4, 1, 3, 2], 0.5), percentile([4, 1, 3, 2], 0.99), percentile([], 0.5)
    (2, 4, None)
    """
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def distribution(values: Sequence[float]) -> dict[str, float | None]:
    """Return percentiles of how long things took."""
    percentiles = {"p50": percentile(values, 0.5), "p90": percentile(values, 0.9), "p99": percentile(values, 0.99)}
    percentiles["max"] = max(values, default=None)
    return {name: None if value is None else round(value, 3) for name, value in percentiles.items()}


if TYPE_CHECKING:
    from loadtest.run.driver import Run

MOST_FILES = 10_000
Document = dict[str, Any]


def document(run: "Run", found: Found, check_result: CheckResult, log: Sequence[Mapping[str, Any]]) -> Document:
    """Return objectives, result, figures, samples and files of a run."""
    files, lines = _files(run, found), metrics(log)
    figures = _figures(run, found, files, log)
    goals = [objective.judged(figures) for objective in run.scenario.objectives]
    return {
        "objectives": [goal.document() for goal in goals if goal],
        "check_result": check_result.document(),
        "figures": figures,
        "samples": _samples(run, lines),
        "files": files[:MOST_FILES],
    }


def _files(run: "Run", found: Found) -> list[Document]:
    entries = {str(entry["file"]["key"]): entry for entry in found.entries}
    return [_file(run, file.drop.key, file.drop.size, entries.get(file.drop.key, {})) for file in run.made]


def _file(run: "Run", key: str, size: int, entry: Mapping[str, Any]) -> Document:
    """Return what became of a file. It is visible once its last row is written and it has ended in the ledger."""
    begun_s = _event_s(entry) or run.dropped_s.get(key)
    visible_s = round(float(entry["ended"]) - begun_s, 3) if "ended" in entry and begun_s else None
    rows = int(entry.get("rows_read", 0))
    return {
        "name": key,
        "bytes": size,
        "rows": rows,
        "status": entry.get("status"),
        "event_to_visible_s": None if visible_s is None else max(0.0, visible_s),
    }


def _event_s(entry: Mapping[str, Any]) -> float | None:
    """Return when S3 says that a file came: to drop many takes seconds, and a cloud has clocks of its own."""
    event_time = entry.get("file", {}).get("event_time")
    return datetime.fromisoformat(event_time).timestamp() if event_time else None


def _figures(run: "Run", found: Found, files: Sequence[Document], log: Sequence[Mapping[str, Any]]) -> Document:
    seconds = _seconds(run, found)
    rows = sum(int(entry.get("rows_written", 0)) for entry in found.entries)
    requests, throttled = run.deployment.requests(log)
    bill, peak = run.deployment.bill(log), run.seen_last.peak_memory_bytes if run.seen_last else None
    visible = [file["event_to_visible_s"] for file in files if file["event_to_visible_s"] is not None]
    return {
        "seconds": round(seconds, 3),
        "rows_written": rows,
        "rows_per_second": round(rows / seconds, 1) if seconds else None,
        "rows_per_cpu_second": round(rows / run.cpu_s, 1) if run.cpu_s else None,
        "bytes": sum(file["bytes"] for file in files),
        "peak_memory_mb": None if peak is None else round(peak / MB, 1),
        "write_units": None if bill is None else bill.write_units,
        "requests": requests,
        "throttled_share": None if throttled is None else round(throttled, 5),
        "workers": max((workers for workers in _workers(run) if workers is not None), default=None),
        "event_to_visible_s": distribution(visible),
        "usd_per_million_rows": None if bill is None else bill.usd_per_million(rows),
    }


def _seconds(run: "Run", found: Found) -> float:
    """Return how long it took from the first drop to the end of the last file."""
    ended = [float(entry["ended"]) for entry in found.entries if "ended" in entry]
    return max(0.0, max(ended, default=run.begun_s) - run.begun_s)


def _samples(run: "Run", lines: Sequence[MetricLine]) -> Document:
    """Return the curves. What only the functions know comes from their metrics, each at its second."""
    samples, times = run.samples, run.samples.times
    rows, throttles, memory = samples.rates("rows"), samples.rates("throttles"), samples.values("memory_bytes")

    def said(*names: str) -> list[float]:
        each = [rates(lines, name, begun_s=run.begun_s, times=times) for name in names]
        return [round(sum(values), 2) for values in zip(*each, strict=True)]

    return {
        "t": [round(at_s, 2) for at_s in times],
        "backlog": samples.values("backlog"),
        "in_flight": samples.values("in_flight"),
        "oldest_s": [round(age_s, 2) for age_s in samples.oldest_s],
        "rows_per_s": said(Metric.ROWS_WRITTEN) if _is_unknown(rows) else rows,
        "bytes_per_s": said(Metric.BYTES_READ),
        "throttles_per_s": said(Metric.REQUESTS_THROTTLED) if _is_unknown(throttles) else throttles,
        "rejected_per_s": said(Metric.ROWS_REJECTED),
        "workers": _workers(run),
        "cpu": samples.rates("cpu_seconds"),
        "memory_mb": [None if size is None else round(size / MB, 1) for size in memory],
    }


def _workers(run: "Run") -> list[int | None]:
    """Return how many were at work at each sample: as they were seen, or else as the log has it afterwards."""
    seen: list[int | None] = run.samples.values("workers")
    invocations = run.deployment.invocations()
    return (
        [*at_work(invocations, begun_s=run.begun_s, times=run.samples.times)]
        if invocations and _is_unknown(seen)
        else seen
    )


def _is_unknown(values: Iterable[Any]) -> bool:
    return all(value is None for value in values)
