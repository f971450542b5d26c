"""A run as JSON takes it: result, figures, samples, files. `loadtest report` reads it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ingest.contract import Metric
from loadtest.checker.judge import CheckResult
from loadtest.scenarios.measure import MB, distribution
from loadtest.scenarios.target import Results

if TYPE_CHECKING:
    from loadtest.scenarios.drive import Run

MOST_FILES = 10_000
Document = dict[str, Any]


def document(run: "Run", results: Results, check_result: CheckResult) -> Document:
    """Return objectives, result, figures, samples and files of a run."""
    files, samples = _files(run, results), _samples(run, results)
    figures = _figures(run, results, files, samples)
    goals = [objective.judged(figures) for objective in run.scenario.objectives]
    return {
        "objectives": [goal.document() for goal in goals if goal],
        "check_result": check_result.document(),
        "figures": figures,
        "samples": samples,
        "files": files[:MOST_FILES],
    }


def _files(run: "Run", results: Results) -> list[Document]:
    entries = {str(entry["file"]["key"]): entry for entry in results.found.entries}
    return [_file(file.key, file.size, entries.get(file.key, {}), run.dropped_s.get(file.key)) for file in run.files]


def _file(key: str, size: int, entry: Mapping[str, Any], dropped_s: float | None) -> Document:
    """Return what became of a file. It is visible once its last row is written and it has ended in the ledger."""
    begun_s = _event_s(entry) or dropped_s
    visible_s = round(float(entry["ended"]) - begun_s, 3) if "ended" in entry and begun_s else None
    return {
        "name": key,
        "bytes": size,
        "rows": int(entry.get("rows_read", 0)),
        "status": entry.get("status"),
        "event_to_visible_s": None if visible_s is None else max(0.0, visible_s),
    }


def _event_s(entry: Mapping[str, Any]) -> float | None:
    """Return when S3 says that a file came: to drop many takes seconds, and a cloud has clocks of its own."""
    event_time = entry.get("file", {}).get("event_time")
    return datetime.fromisoformat(event_time).timestamp() if event_time else None


def _figures(run: "Run", results: Results, files: Sequence[Document], samples: Document) -> Document:
    entries = results.found.entries
    ended_s = [float(entry["ended"]) for entry in entries if "ended" in entry]
    seconds = max(0.0, max(ended_s, default=run.begun_s) - run.begun_s)  # from the first drop to the last file's end
    rows = sum(int(entry.get("rows_written", 0)) for entry in entries)
    cpu_s = run.samples.seen[-1].cpu_seconds if run.samples.seen else None
    peak = results.peak_memory_bytes
    return {
        "seconds": round(seconds, 3),
        "rows_written": rows,
        "rows_per_second": round(rows / seconds, 1) if seconds else None,
        "rows_per_cpu_second": round(rows / cpu_s, 1) if cpu_s else None,
        "bytes": sum(file["bytes"] for file in files),
        "peak_memory_mb": None if peak is None else round(peak / MB, 1),
        "write_units": results.write_units,
        "requests": results.requests,
        "throttled_share": round(results.throttled / results.requests, 5) if results.requests else 0.0,
        "workers": max((workers for workers in samples["workers"] if workers is not None), default=None),
        "event_to_visible_s": distribution([s for file in files if (s := file["event_to_visible_s"]) is not None]),
        "usd_per_million_rows": round(1e6 * results.usd / rows, 4) if rows else None,
    }


def _samples(run: "Run", results: Results) -> Document:
    """Return the curves. What only the functions know comes from their metrics, each at its second."""
    samples, log = run.samples, results.log

    def reported(name: str) -> list[float]:
        return [round(value, 2) for value in log.rates(name, begun_s=run.begun_s, times=samples.times)]

    at_work = log.at_work(begun_s=run.begun_s, times=samples.times) if log.invocations else None
    rows, throttles, workers = samples.rates("rows"), samples.rates("throttles"), samples.values("workers")
    return {
        "t": [round(at_s, 2) for at_s in samples.times],
        "backlog": samples.values("backlog"),
        "in_flight": samples.values("in_flight"),
        "oldest_s": samples.oldest_s,
        "rows_per_s": reported(Metric.ROWS_WRITTEN) if _is_unknown(rows) else rows,
        "bytes_per_s": reported(Metric.BYTES_READ),
        "throttles_per_s": reported(Metric.REQUESTS_THROTTLED) if _is_unknown(throttles) else throttles,
        "rejected_per_s": reported(Metric.ROWS_REJECTED),
        "workers": at_work if at_work and _is_unknown(workers) else workers,
        "cpu": samples.rates("cpu_seconds"),
        "memory_mb": [None if size is None else round(size / MB, 1) for size in samples.values("memory_bytes")],
    }


def _is_unknown(values: Iterable[Any]) -> bool:
    return all(value is None for value in values)
