"""One run: files are made, dropped when due, watched until the last has ended; then every row is looked at."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from loadtest.checker.found import Expected
from loadtest.checker.judge import judge
from loadtest.scenarios.catalog import Scenario
from loadtest.scenarios.document import document
from loadtest.scenarios.files import make
from loadtest.scenarios.measure import Samples
from loadtest.scenarios.target import Deployment, Target

TICK_S = 0.05
SAMPLE_EVERY_S = 1.0
LOOK_EVERY_S = 0.2
LAST_MESSAGE_S = 120.0  # so long a message that came too often may be hidden


Progress = Callable[..., None]  # takes what of the bar changes: description, total, completed, advance, says


@contextmanager
def progress_bar(title: str, console: Console | None = None) -> Iterator[Progress]:
    """Give a line that shows how far a run is, for the length of a block."""
    columns = (TextColumn(title), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[says]}"))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Bars(*columns, *times, console=console or Console(stderr=True)) as bars:
        yield partial(bars.update, bars.add_task("starting", total=None, says=""))


@dataclass(slots=True)
class Run:
    """A run that is under way."""

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
        """Drop all files, and watch until nothing moves any more.

        What is left then is for the judge: nothing is raised if files do not end.
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
        """Wait for messages that are still hidden, and for events that come twice."""
        until_s = time.time() + LAST_MESSAGE_S
        while time.time() < until_s and self._depth():
            time.sleep(LOOK_EVERY_S)
        self._look()

    def _depth(self) -> int:
        seen = self.deployment.observe()
        return seen.backlog + seen.in_flight


def perform(
    scenario: Scenario,
    target: Target,
    *,
    scale: float,
    seed: int,
    progress: Progress,
    patience_s: float,
    logs: Path | None = None,
) -> dict[str, Any]:
    """Run a scenario at a scale; return objectives, result, figures, samples and files as JSON takes them.

    If the result is not green, the logs go to the folder `logs`: nothing else is left of the run to look at.
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
    for number, kind in enumerate(scenario.in_turn()):
        yield make(scenario, name, kind, number, seed=seed, deployment=deployment)
        progress(advance=1)
