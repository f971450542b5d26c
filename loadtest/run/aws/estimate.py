"""What a run will cost at most, and the lines that show it: list prices of us-east-1, without the free tier. Pure.

Where a figure is not known before the run, the dearer guess is taken.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.contract import Metric, Price
from loadtest.harness.results import RESULTS
from loadtest.measure.price import GIB_MB
from loadtest.run.aws.load import Load
from loadtest.run.aws.stack import Stack

LEDGER_UNITS_A_FILE, LEDGER_UNITS_A_SEGMENT = 7, 9  # measured: loadtest/results/huge.json
LEDGER_ITEMS_A_FILE = 2
FILE_S = 0.5  # of a function for a file, besides its rows: ledger, S3, a share of a cold start
QUEUE_REQUESTS_A_MESSAGE = 4  # sent, received, hidden for longer, deleted
LOG_BYTES_A_FILE, LOG_BYTES_A_SECOND = 5_000, 1_000
READ_BYTES = 8 * 1024 * 1024  # of one ranged read
GB, PAGE = 1e9, 4096
MONTH_H = 730
METRICS = len(Metric)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is paid for."""

    what: str
    amount: float
    unit: str
    usd: float


def rows_per_cpu_second(results: Path = RESULTS / "write.json") -> float:
    """Return how many rows a core loads in a second, as measured with TLS, start-up included."""
    [found] = [
        measured
        for measured in json.loads(results.read_text())["parts"]["shapes"]["measured"]
        if (measured["party"], measured["shape"], measured["tls"]) == ("ingest load", "mixed", True)
    ]
    return float(found["rows_per_cpu_second_with_start_up"]["median"])


def seconds_at_capacity(load: Load, stack: Stack) -> float:
    """Return how long the tables need for the rows at least: the slowest of them, which work side by side."""
    needed: dict[str, float] = {}
    for part in load.parts:
        units = part.all_rows * part.units_a_row / max(1e-9, stack.tables[part.table].units_per_s)
        needed[part.table] = needed.get(part.table, 0.0) + units
    return max([load.scenario.every_s * (load.files - 1), *needed.values()])


def function_seconds(load: Load, stack: Stack, rows_per_s: float) -> float:
    """Return how long functions run in all: what the rows cost them, or as long as they wait for the tables."""
    busy_s = load.rows / rows_per_s + load.files * FILE_S
    at_once = min(stack.functions, load.segments(stack.segment_bytes))
    return max(busy_s, at_once * seconds_at_capacity(load, stack))


def estimate(load: Load, stack: Stack, rows_per_s: float) -> list[Line]:
    """Return all lines."""
    return [
        *_s3(load, stack),
        *_queue(load, stack),
        *_tables(load, stack),
        *_ledger(load, stack),
        *_function(load, stack, function_seconds(load, stack, rows_per_s)),
        *_watching(load, stack, function_seconds(load, stack, rows_per_s)),
    ]


def total(lines: Sequence[Line]) -> float:
    """Return the sum in dollars."""
    return sum(line.usd for line in lines)


def _s3(load: Load, stack: Stack) -> Iterator[Line]:
    puts = sum(part.uploads + 2 * part.files * part.has_rejects for part in load.parts)
    reads = sum(part.files * (2 + math.ceil(part.bytes / READ_BYTES)) for part in load.parts)
    hours = 1 + seconds_at_capacity(load, stack) / 3600
    yield _line("S3: uploads by parts, rejects", puts, "requests", Price.S3_PUT)
    yield _line("S3: reads", reads, "requests", Price.S3_GET)
    yield _line("S3: storage", load.bytes / GB * hours, "GB hours", Price.S3_GB_MONTH / MONTH_H)


def _queue(load: Load, stack: Stack) -> Iterator[Line]:
    messages = load.files * load.scenario.notices + load.segments(stack.segment_bytes)
    yield _line("SQS", messages * QUEUE_REQUESTS_A_MESSAGE, "requests", Price.SQS_REQUEST)


def _tables(load: Load, stack: Stack) -> Iterator[Line]:
    for name, table in stack.tables.items():
        parts = [part for part in load.parts if part.table == name]
        units = sum(part.all_rows * part.units_a_row for part in parts) * (1 + table.indexes)
        unit = Price.WRITE_UNIT if table.is_on_demand else 0.0
        note = "" if table.is_on_demand else ", provisioned: paid for anyway"
        if parts:
            yield _line(f"DynamoDB {table.name}: rows written{note}", units, "write units", unit)
            yield _line(f"DynamoDB {table.name}: rows deleted again{note}", units, "write units", unit)
    size = sum(part.all_rows * part.item_bytes for part in load.parts)
    what = "DynamoDB: all rows read back, and again to delete them"
    yield _line(what, 2 * size / PAGE, "read units", Price.READ_UNIT)
    yield _line("Transfer of these rows, if you are outside AWS", 2 * size / GB, "GB", Price.TRANSFER_OUT_GB)


def _ledger(load: Load, stack: Stack) -> Iterator[Line]:
    segments = load.segments(stack.segment_bytes)
    written = load.files * LEDGER_UNITS_A_FILE + (segments - load.files) * LEDGER_UNITS_A_SEGMENT
    deleted = 2 * (load.files * LEDGER_ITEMS_A_FILE + segments - load.files)
    yield _line("DynamoDB: ledger written, and its entries deleted", written + deleted, "write units", Price.WRITE_UNIT)


def _function(load: Load, stack: Stack, seconds: float) -> Iterator[Line]:
    gb_seconds = seconds * stack.memory_mb / GIB_MB
    messages = load.files * load.scenario.notices + load.segments(stack.segment_bytes)
    yield _line("Lambda: time", gb_seconds, "GB seconds", Price.LAMBDA_GB_SECOND)
    yield _line("Lambda: invocations", messages, "invocations", Price.LAMBDA_REQUEST)


def _watching(load: Load, stack: Stack, seconds: float) -> Iterator[Line]:
    logged = load.files * load.scenario.notices * LOG_BYTES_A_FILE + seconds * LOG_BYTES_A_SECOND
    metrics = METRICS * (1 + len({part.table for part in load.parts}))
    hours = 1 + math.ceil(seconds_at_capacity(load, stack) / 3600)
    yield _line("CloudWatch: log", logged / GB, "GB", Price.LOG_GB)
    yield _line("CloudWatch: metrics", metrics * hours, "metric hours", Price.METRIC_MONTH / MONTH_H)


def _line(what: str, amount: float, unit: str, usd: float) -> Line:
    return Line(what, amount, unit, amount * usd)


MB = 1_000_000


def estimate_lines(load: Load, stack: Stack, rows_per_s: float) -> Iterator[str]:
    """Yield what a scenario puts there, and the bill."""
    minutes = seconds_at_capacity(load, stack) / 60
    lines = estimate(load, stack, rows_per_s)
    yield (
        f"{load.scenario.name}: {load.files:,} files, {load.rows:,} rows, {load.bytes / MB:,.1f} MB; "
        f"{minutes:,.1f} minutes at least, at the capacity of the tables"
    )
    yield from bill_lines(lines)


def bill_lines(lines: Sequence[Line]) -> Iterator[str]:
    """Yield the lines of an estimate, and their sum."""
    shown = [line for line in lines if line.amount]
    widest = max(len(line.what) for line in shown)
    for line in shown:
        yield f"  {line.what:<{widest}}  {_amount(line.amount):>15} {line.unit:<12}  ${line.usd:>10.4f}"
    yield f"  {'at most, at list prices of us-east-1':<{widest}}  {'':>15} {'':<12}  ${total(lines):>10.4f}"


def _amount(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:.3g}"
