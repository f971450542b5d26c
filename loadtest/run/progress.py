"""What a run shows of itself while it goes on: what is being done, how far it is, and when it will be over."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from loadtest.measure.observation import Observation


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
        """Begin a phase of so many steps; None: nobody knows."""
        self._bars.reset(self._task, description=name, total=total, says="")

    def step(self) -> None:
        """Go a step on."""
        self._bars.advance(self._task)

    def load(self, rows: int) -> None:
        """Begin loading so many rows."""
        self.phase("loading", total=rows)

    def show(self, seen: Observation, ended: int, files: int) -> None:
        """Show how far loading is."""
        says = f"{ended:,}/{files:,} files, {seen.backlog:,} waiting, {seen.in_flight:,} in work"
        self._bars.update(self._task, completed=seen.rows or seen.rows_reported or 0, says=says)
