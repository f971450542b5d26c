"""One run: generate files, drop them when due, watch until the last has ended, check every row, and report.

The result of a run is a JSON document; `loadtest report` reads it.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from ingest.contract import Metric
from loadtest.checker.found import Expected
from loadtest.checker.judge import CheckResult, judge
from loadtest.scenarios.aws import AwsTarget
from loadtest.scenarios.catalog import Scenario, feed
from loadtest.scenarios.deployed import LocalTarget, StackDeployment
from loadtest.scenarios.figures import MB, Results, Samples, distribution
from loadtest.scenarios.sim import SimDeployment, SimTarget

TICK_S = 0.05
SAMPLE_EVERY_S = 1.0
LOOK_EVERY_S = 0.2
ENDINGS = {"gzip": ".csv.gz", "bz2": ".csv.bz2", "zstd": ".csv.zst"}
LAST_MESSAGE_S = 120.0  # how long a duplicate message may stay hidden

Document = dict[str, Any]
Deployment = StackDeployment | SimDeployment
Target = LocalTarget | SimTarget | AwsTarget
Progress = Callable[..., None]  # gets the fields of the bar that change: description, total, completed, advance, says


@contextmanager
def progress_bar(title: str, console: Console | None = None) -> Iterator[Progress]:
    """Yield the update function of a line that shows a run's progress during the block."""
    columns = (TextColumn(title), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[says]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, *times, console=console or Console(stderr=True)) as bars:
        yield partial(bars.update, bars.add_task("starting", total=None, says=""))


@dataclass(slots=True)
class Run:
    """A run in progress."""

    scenario: Scenario
    deployment: Deployment
    files: Sequence[Expected]
    progress: Progress
    patience_s: float
    samples: Samples = field(default_factory=Samples)
    dropped_s: dict[str, float] = field(default_factory=dict)  # epoch seconds by key
    events: list[dict[str, Any]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    begun_s: float = 0.0

    def perform(self) -> None:
        """Drop all files, and watch until all have ended or patience runs out.

        Nothing is raised if files do not end: the checker reports them.
        """
        self.begun_s = time.time()
        next_sample_s = next_look_s = 0.0
        while (at_s := time.time() - self.begun_s) < self.patience_s:
            self._drop_due(at_s)
            if at_s >= next_look_s:
                self._look()
                next_look_s = at_s + LOOK_EVERY_S
            is_over = len(self.dropped_s) == len(self.ended) == len(self.files)
            if at_s >= next_sample_s or is_over:
                self._sample()
                next_sample_s += SAMPLE_EVERY_S
            if is_over:
                break
            time.sleep(TICK_S)
        self._settle()

    def _drop_due(self, at_s: float) -> None:
        count = int(at_s / self.scenario.every_s) + 1 if self.scenario.every_s else len(self.files)
        if due := self.files[len(self.dropped_s) : count]:
            self.dropped_s |= dict.fromkeys((file.key for file in due), time.time())
            self.deployment.drop(due)

    def _look(self) -> None:
        self.events += (news := self.deployment.ended())
        self.ended |= {str(event["key"]) for event in news}

    def _sample(self) -> None:
        seen, now_s = self.deployment.observe(), time.time()
        open_s = [now_s - at_s for key, at_s in self.dropped_s.items() if key not in self.ended]
        self.samples.take(now_s - self.begun_s, seen, max(open_s, default=0.0))
        says = f"{len(self.ended):,}/{len(self.files):,} files, {seen.backlog:,} waiting, {seen.in_flight:,} in work"
        self.progress(completed=seen.rows or seen.rows_reported or 0, says=says)

    def _settle(self) -> None:
        """Wait for messages that are still hidden, and collect duplicate events."""
        until_s = time.time() + LAST_MESSAGE_S
        while time.time() < until_s and (seen := self.deployment.observe()).backlog + seen.in_flight:
            time.sleep(LOOK_EVERY_S)
        self._look()


def perform(
    scenario: Scenario,
    target: Target,
    *,
    scale: float,
    seed: int,
    progress: Progress,
    patience_s: float,
    logs: Path | None = None,
) -> Document:
    """Run a scenario at a scale; return objectives, result, figures, samples and files as a JSON document.

    If the result is not green, the logs are kept in the folder `logs`: nothing else of the run remains.
    """
    scaled = scenario.scaled(scale)
    progress(description=f"deploying to {target.name}")
    name = f"{scenario.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    with target.deployed(scaled, name) as deployment:
        progress(description="making files", total=scaled.count)
        files = list(_made(scaled, name, deployment, seed, progress))
        progress(description="waiting for the workers")
        deployment.get_ready()
        progress(description="loading", total=sum(file.items for file in files), completed=0)
        run = Run(scaled, deployment, files, progress, patience_s)
        run.perform()
        progress(description="looking at every row", says="")
        results = deployment.results([file.key for file in files], run.events)
        check_result = judge(files, results.found)
        if logs and not check_result.ok:
            deployment.keep_logs(logs)
        progress(description="cleaning up")
    return document(run, results, check_result)


def _made(scenario: Scenario, name: str, deployment: Deployment, seed: int, progress: Progress) -> Iterator[Expected]:
    """Yield each file's expected outcome, once the deployment has stored its bytes. No two runs share a key."""
    for number, kind in enumerate(scenario.in_turn()):
        ending = ENDINGS.get(kind.recipe.get("compression", ""), ".csv")
        meant = feed(kind.feed)
        key = f"{meant.prefix}{name}/{number:05d}{ending}"
        generation = scenario.made(kind, number, seed=seed)
        deployment.write(key, generation, most_bytes=generation.most_bytes)
        yield Expected.of(key, meant.table, generation.known_outcome)
        progress(advance=1)


def document(run: Run, results: Results, check_result: CheckResult) -> Document:
    """Return objectives, result, figures, samples and files of a run."""
    entries = {str(entry["file"]["key"]): entry for entry in results.found.entries}
    files = [_file(file.key, file.bytes, entries.get(file.key, {}), run.dropped_s.get(file.key)) for file in run.files]
    samples = _samples(run, results)
    figures = _figures(run, results, files, samples)
    goals = [objective.judged(figures) for objective in run.scenario.objectives]
    return {
        "objectives": [goal.document() for goal in goals if goal],
        "check_result": check_result.document(),
        "figures": figures,
        "samples": samples,
        "files": files,
    }


def _file(key: str, size: int, entry: Mapping[str, Any], dropped_s: float | None) -> Document:
    """Return a file's figures. It is visible when its last row is written and it has ended in the ledger."""
    event_time = entry.get("file", {}).get("event_time")  # by S3's clock: dropping many files takes seconds
    begun_s = datetime.fromisoformat(event_time).timestamp() if event_time else dropped_s
    visible_s = round(float(entry["ended"]) - begun_s, 3) if "ended" in entry and begun_s else None
    return {
        "name": key,
        "bytes": size,
        "rows": int(entry.get("rows_read", 0)),
        "status": entry.get("status"),
        "event_to_visible_s": None if visible_s is None else max(0.0, visible_s),
    }


def _figures(run: Run, results: Results, files: Sequence[Document], samples: Document) -> Document:
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


def _samples(run: Run, results: Results) -> Document:
    """Return the curves. Figures that only the functions know come from their metrics, by second."""
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
        "throttles_per_s": reported(Metric.REQUESTS_THROTTLED) if _is_unknown(throttles) else throttles,
        "rejected_per_s": reported(Metric.ROWS_REJECTED),
        "workers": at_work if at_work and _is_unknown(workers) else workers,
        "cpu": samples.rates("cpu_seconds"),
        "memory_mb": [None if size is None else round(size / MB, 1) for size in samples.values("memory_bytes")],
    }


def _is_unknown(values: Iterable[Any]) -> bool:
    return all(value is None for value in values)
