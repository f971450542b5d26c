"""What a scenario puts on a stack, and what it costs at most: list prices of us-east-1, without the free tier. Pure.

Where a figure is not known before the run, the dearer guess is taken.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.contract import Metric, Price
from loadtest.harness.results import RESULTS
from loadtest.scenarios.catalog import MIB, Files, Scenario, schema
from loadtest.scenarios.files import recipe
from loadtest.scenarios.log import FunctionLog
from loadtest.scenarios.measure import GIB_MB, MB, Bill
from loadtest.workload.stream import Generation
from loadtest.workload.upload import part_bytes

# The stack, as the stage `loadtest` deploys it, with new tables.
MEMORY_MB, FUNCTIONS, SEGMENT_BYTES = 1769, 10, 64 * MIB
TABLE_UNITS_PER_S = 4_000

LEDGER_UNITS_A_FILE, LEDGER_UNITS_A_SEGMENT = 7, 9  # measured: loadtest/results/huge.json
FILE_S = 0.5  # of a function for a file, besides its rows: ledger, S3, a share of a cold start
QUEUE_REQUESTS_A_MESSAGE = 4  # sent, received, hidden for longer, deleted
LOG_BYTES_A_FILE, LOG_BYTES_A_SECOND = 5_000, 1_000
READ_BYTES = 8 * MIB  # of one ranged read
KB, PAGE, GB = 1024, 4096, 1e9
MONTH_H = 730


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The files of one kind. Sizes are of the text, before any compression."""

    table: str
    files: int
    rows: int
    bytes: int
    item_bytes: int
    segments: int
    puts: int
    reads: int

    @property
    def write_units(self) -> int:
        """One for each KB of a row that is begun."""
        return self.rows * math.ceil(self.item_bytes / KB)


def loads(scenario: Scenario) -> list[Load]:
    """Return what a scenario, as it is scaled, puts on a stack: known before a file of it is made."""
    return [_load(scenario, kind) for kind in scenario.files]


def _load(scenario: Scenario, kind: Files) -> Load:
    made, known = recipe(scenario, kind, 0, seed=1), schema(kind.feed)
    generation = Generation(made)
    size, most = generation.likely_bytes, generation.most_bytes
    names = {column.name or name for name, column in known.columns} | {name for name, _ in known.keys}
    puts = 2 + math.ceil(most / part_bytes(most)) + 2 * (made.defects.rejected > 0)
    return Load(
        table=known.table,
        files=kind.count,
        rows=kind.count * kind.rows,
        bytes=kind.count * size,
        item_bytes=size // max(1, kind.rows) + sum(map(len, names)),
        segments=kind.count * max(1, math.ceil(size / SEGMENT_BYTES)),
        puts=kind.count * puts,
        reads=kind.count * (2 + math.ceil(size / READ_BYTES)),
    )


def rows_per_cpu_second(results: Path = RESULTS / "write.json") -> float:
    """Return how many rows a core loads in a second, as measured with TLS, start-up included."""
    [found] = [
        measured
        for measured in json.loads(results.read_text())["parts"]["shapes"]["measured"]
        if (measured["party"], measured["shape"], measured["tls"]) == ("ingest load", "mixed", True)
    ]
    return float(found["rows_per_cpu_second_with_start_up"]["median"])


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is paid for."""

    what: str
    amount: float
    unit: str
    price: float

    @property
    def usd(self) -> float:
        """What it costs."""
        return self.amount * self.price


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long the tables need at least, and what is paid for."""

    seconds: float
    lines: Sequence[Line]

    @property
    def usd(self) -> float:
        """The sum."""
        return sum(line.usd for line in self.lines)


def estimate(scenario: Scenario, rows_per_s: float) -> Estimate:
    """Return what a scenario takes; `rows_per_s`: what a core does."""
    parts = loads(scenario)
    files, segments = sum(part.files for part in parts), sum(part.segments for part in parts)
    messages, units = files * scenario.notices + segments, _units_by_table(parts)
    table_s = max([scenario.every_s * (files - 1), *(count / TABLE_UNITS_PER_S for count in units.values())])
    busy_s = sum(part.rows for part in parts) / rows_per_s + files * FILE_S
    function_s = max(busy_s, min(FUNCTIONS, segments) * table_s)  # functions that wait for a table are paid for
    hours, size = 1 + table_s / 3600, sum(part.rows * part.item_bytes for part in parts)
    lines = [
        Line("S3: uploads by parts, rejects", sum(part.puts for part in parts), "requests", Price.S3_PUT),
        Line("S3: reads", sum(part.reads for part in parts), "requests", Price.S3_GET),
        Line("S3: storage", sum(part.bytes for part in parts) / GB * hours, "GB hours", Price.S3_GB_MONTH / MONTH_H),
        Line("SQS", messages * QUEUE_REQUESTS_A_MESSAGE, "requests", Price.SQS_REQUEST),
        *(Line(f"DynamoDB {name}: rows written", n, "write units", Price.WRITE_UNIT) for name, n in units.items()),
        Line("DynamoDB: all rows read back", size / PAGE, "read units", Price.READ_UNIT),
        Line("Transfer of these rows, if you are outside AWS", size / GB, "GB", Price.TRANSFER_OUT_GB),
        Line("DynamoDB: ledger", ledger_units(files, segments - files), "write units", Price.WRITE_UNIT),
        Line("Lambda: time", function_s * MEMORY_MB / GIB_MB, "GB seconds", Price.LAMBDA_GB_SECOND),
        Line("Lambda: invocations", messages, "invocations", Price.LAMBDA_REQUEST),
        Line("CloudWatch: log", _log_bytes(files * scenario.notices, function_s) / GB, "GB", Price.LOG_GB),
        Line("CloudWatch: metrics", len(Metric) * (1 + len(units)) * math.ceil(hours), "metric hours", METRIC_HOUR),
    ]
    return Estimate(table_s, lines)


METRIC_HOUR = Price.METRIC_MONTH / MONTH_H


def ledger_units(files: int, segments: int) -> int:
    """Return the write units that the ledger takes; `segments`: of the files that are split."""
    return files * LEDGER_UNITS_A_FILE + segments * LEDGER_UNITS_A_SEGMENT


def used(scenario: Scenario, log: FunctionLog, *, messages: int, segments: int) -> Bill:
    """Return what a run used: as Lambda and the function report; requests to queue, ledger and S3 as estimated."""
    parts = loads(scenario)
    return Bill(
        write_units=round(log.total(Metric.WRITE_UNITS)) + ledger_units(scenario.count, segments),
        worker_seconds=sum(one.seconds for one in log.invocations),
        invocations=len(log.invocations),
        queue_requests=(messages + segments) * QUEUE_REQUESTS_A_MESSAGE,
        objects_put=sum(part.puts for part in parts),
        object_reads=sum(part.reads for part in parts),
        memory_mb=MEMORY_MB,
    )


def estimate_lines(scenario: Scenario, rows_per_s: float) -> Iterator[str]:
    """Yield what a scenario puts on a stack, each line that is paid for, and their sum."""
    parts, found = loads(scenario), estimate(scenario, rows_per_s)
    rows, size = sum(part.rows for part in parts), sum(part.bytes for part in parts) / MB
    yield (
        f"{scenario.name}: {scenario.count:,} files, {rows:,} rows, {size:,.1f} MB; "
        f"{found.seconds / 60:,.1f} minutes at least, at the capacity of new tables"
    )
    for line in found.lines:
        amount = f"{line.amount:,.0f}" if line.amount >= 100 else f"{line.amount:.3g}"
        yield f"  {line.what:<46}  {amount:>13} {line.unit:<12}  ${line.usd:>8.4f}"
    yield f"  {'at most, at list prices of us-east-1':<46}  {'':>26}  ${found.usd:>8.4f}"


def _units_by_table(parts: Sequence[Load]) -> dict[str, int]:
    units: dict[str, int] = {}
    for part in parts:
        units[part.table] = units.get(part.table, 0) + part.write_units
    return units


def _log_bytes(notices: int, function_s: float) -> float:
    return notices * LOG_BYTES_A_FILE + function_s * LOG_BYTES_A_SECOND
