"""How many rows a second a number of workers write, computed: the smallest of what each part can do. Pure.

A worker alone does what was measured; the other parts have AWS's published limits, with source and what raises them.
Workers share nothing but the table, the queue and the ledger, so up to the first limit they add up; the measured
points of the same study show how far that holds on one machine.
"""

import math
from dataclasses import dataclass

# Rows a second for each unit of a limit depend on the work: see `model.caps`.
NEW_TABLE_WRITE_UNITS = 4_000  # a second, on demand, when new; AWS: "pre-warming on-demand capacity mode"
TABLE_QUOTA_WRITE_UNITS = 40_000  # a second and table, by default; AWS: "on-demand capacity mode"
PARTITION_WRITE_UNITS = 1_000  # a second and partition, whatever the table has; AWS: "warm throughput scenarios"
STACK_CONCURRENCY = 10  # `max_concurrency`, the stack's own default
ACCOUNT_CONCURRENCY = 1_000  # functions at once, Lambda's default quota for an account
MAPPING_CONCURRENCY = 1_250  # functions at once for one SQS mapping; AWS: "configuring scaling behavior for SQS"
STREAM_BYTES = 90e6  # a second that one reader gets from S3: AWS's guidance is 85 to 90 MB; not measured here


@dataclass(frozen=True, slots=True)
class TableLimit:
    """What the table takes."""

    name: str
    write_units: int  # a second
    how: str  # what one has to do for it


NEW = TableLimit("new table", NEW_TABLE_WRITE_UNITS, "nothing: what a new on-demand table takes at first")
DEFAULT = TableLimit(
    "default quota", TABLE_QUOTA_WRITE_UNITS, "warm throughput of 40,000 write units, or a warmed-up table"
)
TENFOLD = TableLimit("ten times the quota", 400_000, "a higher quota for the table, and warm throughput of 400,000")
ENDLESS = TableLimit("without a limit", 10**9, "no such table: shows what would bound the rest")
TABLES = (NEW, DEFAULT, TENFOLD, ENDLESS)


@dataclass(frozen=True, slots=True)
class Worker:
    """What one worker does, measured."""

    rows_per_second: float  # with a core of its own, against a table that takes everything
    ledger_writes_per_second: float  # checkpoints and leases


@dataclass(frozen=True, slots=True)
class WorkItem:
    """What is loaded."""

    file_bytes: float
    row_bytes: float
    units_per_row: float  # write units, with the table's indexes
    segment_bytes: float


@dataclass(frozen=True, slots=True)
class Cap:
    """A bound: rows a second, and what raises it."""

    what: str
    rows_per_second: float
    raised_by: str


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a number of workers do, computed."""

    workers: int
    table: str
    rows_per_second: float
    bottleneck: str
    raised_by: str

    def hours(self, work: WorkItem) -> float:
        """Return how long the file takes."""
        return work.file_bytes / work.row_bytes / self.rows_per_second / 3600


def forecast(workers: int, worker: Worker, work: WorkItem, table: TableLimit) -> Forecast:
    """Return the rows a second of a number of workers on one file, and the part that bounds them."""
    least = min(caps(workers, worker, work, table), key=lambda cap: cap.rows_per_second)
    return Forecast(workers, table.name, least.rows_per_second, least.what, least.raised_by)


def caps(workers: int, worker: Worker, work: WorkItem, table: TableLimit) -> list[Cap]:
    """Return what each part allows."""
    segments = math.ceil(work.file_bytes / work.segment_bytes)
    return [
        Cap("workers", workers * worker.rows_per_second, "more workers: `max_concurrency`, memory above 1,769 MB"),
        Cap("segments of the file", segments * worker.rows_per_second, "smaller segments: `segment_mb`; or more files"),
        Cap("table", table.write_units / work.units_per_row, "write units of the table: quota, warm throughput"),
        Cap(
            "planner: one reader of the file",
            STREAM_BYTES / work.row_bytes,
            "several files at once instead of one: each has a planner of its own",
        ),
        Cap("ledger: one file's entries are one partition", _ledger_cap(worker), "a longer `checkpoint_s`; more files"),
        Cap(
            "functions at once",
            MAPPING_CONCURRENCY * worker.rows_per_second,
            "provisioned mode of the mapping, and the account's concurrency above 1,000",
        ),
    ]


def knee(worker: Worker, work: WorkItem, table: TableLimit) -> float:
    """Return how many workers reach the first other limit: more of them write no more."""
    others = [cap.rows_per_second for cap in caps(1, worker, work, table) if cap.what != "workers"]
    return min(others) / worker.rows_per_second


def _ledger_cap(worker: Worker) -> float:
    return PARTITION_WRITE_UNITS / worker.ledger_writes_per_second * worker.rows_per_second
