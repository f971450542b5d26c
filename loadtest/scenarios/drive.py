"""One run: files are made, dropped when due, watched until the last has ended; then every row is looked at."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from loadtest.checker.found import Expected
from loadtest.checker.judge import judge
from loadtest.scenarios.catalog import Scenario
from loadtest.scenarios.document import document
from loadtest.scenarios.files import make
from loadtest.scenarios.measure import Observation, Samples
from loadtest.scenarios.target import Deployment, Target

TICK_S = 0.05
SAMPLE_EVERY_S = 1.0
LOOK_EVERY_S = 0.2
LAST_MESSAGE_S = 120.0  # so long a message that came too often may be hidden


class Progress:
    """One line for each phase, for the length of a `with` block."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        columns = (TextColumn(title), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[says]}"))
        self._bars = Bars(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console or Console(stderr=True))
        self._task = self._bars.add_task("starting", total=None, says="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._bars.stop()

    def phase(self, name: str, *, total: int | None = None) -> None:
        """Begin a phase of a number of steps; None: unknown."""
        self._bars.reset(self._task, description=name, total=total, says="")

    def step(self) -> None:
        """Go a step on."""
        self._bars.advance(self._task)

    def show(self, seen: Observation, ended: int, files: int) -> None:
        """Show how far loading is."""
        says = f"{ended:,}/{files:,} files, {seen.backlog:,} waiting, {seen.in_flight:,} in work"
        self._bars.update(self._task, completed=seen.rows or seen.rows_reported or 0, says=says)


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
        self.progress.show(seen, len(self.ended), len(self.files))

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
    progress.phase(f"deploying to {target.name}")
    name = f"{scenario.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    with target.deployed(scaled, name) as deployment:
        progress.phase("making files", total=scaled.count)
        files = list(_made(scaled, name, deployment, seed, progress))
        progress.phase("waiting for the workers")
        deployment.get_ready()
        progress.phase("loading", total=sum(file.items for file in files))
        run = Run(scaled, deployment, files, progress, patience_s)
        run.perform()
        progress.phase("looking at every row")
        results = deployment.results([file.key for file in files], run.events)
        check_result = judge(files, results.found)
        if logs and not check_result.ok:
            deployment.keep_logs(logs)
        progress.phase("cleaning up")
    return document(run, results, check_result)


def _made(scenario: Scenario, name: str, deployment: Deployment, seed: int, progress: Progress) -> Iterator[Expected]:
    for number, kind in enumerate(scenario.in_turn()):
        yield make(scenario, name, kind, number, seed=seed, write=deployment.write)
        progress.step()
