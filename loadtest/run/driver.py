"""One run, and its progress: files are made, dropped when due, watched until the last has ended; then the result."""

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

from loadtest.checker.judge import judge
from loadtest.measure.observation import Observation, Samples
from loadtest.run.document import document
from loadtest.run.making import Made, make
from loadtest.run.target import Deployment, Drop, Target
from loadtest.scenarios.scenario import Scenario


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

    def load(self, rows: int) -> None:
        """Begin loading a number of rows."""
        self.phase("loading", total=rows)

    def show(self, seen: Observation, ended: int, files: int) -> None:
        """Show how far loading is."""
        says = f"{ended:,}/{files:,} files, {seen.backlog:,} waiting, {seen.in_flight:,} in work"
        self._bars.update(self._task, completed=seen.rows or seen.rows_reported or 0, says=says)


TICK_S = 0.05
SAMPLE_EVERY_S = 1.0
LOOK_EVERY_S = 0.2
LAST_MESSAGE_S = 120.0  # so long a message that came too often may be hidden


@dataclass(slots=True)
class Run:
    """A run that is under way."""

    scenario: Scenario
    deployment: Deployment
    made: Sequence[Made]
    progress: Progress
    patience_s: float
    samples: Samples = field(default_factory=Samples)
    dropped_s: dict[str, float] = field(default_factory=dict)  # epoch seconds by key
    events: list[dict[str, Any]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    begun_s: float = 0.0
    cpu_s: float = 0.0  # of the workers when the last file had ended
    seen_last: Observation | None = None  # once all of the log was there

    def perform(self) -> None:
        """Drop all files, and watch until nothing moves any more.

        What is left then is for the judge: nothing is raised if files do not end.
        """
        self.begun_s = time.time()
        due, next_sample_s, next_look_s = _due(self.scenario, self.made), 0.0, 0.0
        while (at_s := time.time() - self.begun_s) < self.patience_s:
            self._drop([drop for moment_s, drop in due if moment_s <= at_s])
            due = [(moment_s, drop) for moment_s, drop in due if moment_s > at_s]
            if at_s >= next_look_s:
                self._look()
                next_look_s = at_s + LOOK_EVERY_S
            is_over = not due and len(self.ended) == len(self.made)
            if at_s >= next_sample_s or is_over:
                self._sample()
                next_sample_s += SAMPLE_EVERY_S
            if is_over:
                break
            time.sleep(TICK_S)
        self._settle()

    def _drop(self, drops: list[Drop]) -> None:
        if drops:
            self.dropped_s |= dict.fromkeys((drop.key for drop in drops), time.time())
            self.deployment.drop(drops)

    def _look(self) -> None:
        self.events += (news := self.deployment.ended())
        self.ended |= {str(event["key"]) for event in news}

    def _sample(self) -> None:
        seen, now_s = self.deployment.observe(), time.time()
        open_s = [now_s - at_s for key, at_s in self.dropped_s.items() if key not in self.ended]
        self.samples.take(now_s - self.begun_s, seen, max(open_s, default=0.0))
        self.cpu_s = seen.cpu_seconds or 0.0
        self.progress.show(seen, len(self.ended), len(self.made))

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
    with target.deployed(scaled, seed, name) as deployment:
        made = _made(scaled, name, deployment, seed, progress)
        progress.phase("waiting for the workers")
        deployment.get_ready()
        progress.load(sum(file.expected.items for file in made))
        run = Run(scaled, deployment, made, progress, patience_s)
        run.perform()
        log = list(deployment.log())
        run.seen_last = deployment.observe()
        progress.phase("looking at every row")
        found = deployment.read_back([file.drop.key for file in made], run.events)
        check_result = judge([file.expected for file in made], found)
        result = document(run, found, check_result, log)
        if logs and not check_result.ok:
            deployment.keep_logs(logs)
        progress.phase("cleaning up")
        deployment.clean_up()
    return result


def _made(scenario: Scenario, name: str, deployment: Deployment, seed: int, progress: Progress) -> list[Made]:
    progress.phase("making files", total=scenario.count)
    return list(_making(scenario, name, deployment, seed, progress))


def _making(scenario: Scenario, name: str, deployment: Deployment, seed: int, progress: Progress) -> Iterator[Made]:
    for number, kind in enumerate(scenario.in_turn()):
        yield make(scenario, name, kind, number, seed=seed, write=deployment.write)
        progress.step()


def _due(scenario: Scenario, made: Sequence[Made]) -> list[tuple[float, Drop]]:
    return [(number * scenario.every_s, file.drop) for number, file in enumerate(made)]
