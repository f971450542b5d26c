"""The scaling study as a document: what was measured, what is computed from it, and where the knees are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from loadtest.scale.model import ENDLESS, TABLES, TableLimit, Worker, WorkItem, forecast, knee

COMPUTED_FOR = (1, 10, 100, 1_000)


@dataclass(frozen=True, slots=True)
class Point:
    """A measured run: a number of workers, all at one table. `table` is the name of one of `model.TABLES`."""

    workers: int
    table: str
    rows: int
    seconds: float
    cpu_seconds: float  # of all workers
    ledger_writes: float  # requests that write to the ledger, of all workers

    @property
    def rows_per_second(self) -> float:
        """What all workers wrote together."""
        return self.rows / self.seconds

    @property
    def rows_per_cpu_second(self) -> float:
        """What a core that does nothing else would write in a second."""
        return self.rows / self.cpu_seconds


def worker_of(points: Sequence[Point]) -> Worker:
    """Return one worker as the model takes it, from the run with the fewest workers at a table without a limit.

    Its rate is that of a core of its own: rows per CPU-second, and no more than it really wrote alone.
    """
    one = min((point for point in points if point.table == ENDLESS.name), key=lambda point: point.workers)
    rate = min(one.rows_per_cpu_second, one.rows_per_second / one.workers)
    return Worker(rate, max(one.ledger_writes / one.seconds / one.workers, 1e-9))


def document(points: Sequence[Point], work: WorkItem) -> dict[str, Any]:
    """Return the study as JSON takes it: what was measured, and apart from it what is computed."""
    worker = worker_of(points)
    return {
        "work": asdict(work),
        "worker": asdict(worker),
        "measured": [_measured(point) for point in points],
        "computed": [
            asdict(found) | {"hours": found.hours(work)}
            for table in TABLES
            for found in (forecast(workers, worker, work, table) for workers in COMPUTED_FOR)
        ],
        "knees": [_knee(worker, work, table) for table in TABLES],
    }


def _knee(worker: Worker, work: WorkItem, table: TableLimit) -> dict[str, Any]:
    bound = forecast(10**9, worker, work, table)  # more workers than any limit lets work
    workers = knee(worker, work, table)
    return {"table": table.name, "workers": workers, "bottleneck": bound.bottleneck, "raised_by": bound.raised_by}


def _measured(point: Point) -> dict[str, Any]:
    rates = {"rows_per_second": point.rows_per_second, "rows_per_cpu_second": point.rows_per_cpu_second}
    return asdict(point) | rates
