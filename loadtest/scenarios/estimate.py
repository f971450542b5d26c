"""What a scenario puts on a new stack, and what that costs at most: by the model of `ingest plan`, and more."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ingest.contract import Metric, Price
from ingest.estimate.cost import SQS_REQUESTS_PER_MESSAGE, Charge, Workload, charges
from ingest.estimate.duration import NEW_TABLE, Fleet, work_seconds
from loadtest.harness.targets import part_bytes
from loadtest.scenarios.catalog import Scenario, feed
from loadtest.scenarios.figures import MB, FunctionLog, usd

FLEET = Fleet()  # as the stage `loadtest` of cdk.json deploys it
FILE_S = 0.5  # of a function for a file, besides its rows: ledger, S3, a share of a cold start
KB, PAGE, GB, MONTH_H = 1024, 4096, 1e9, 730


@dataclass(slots=True)
class Load:
    """The files of a scenario, as they are known before one of them is made. Sizes are of the text, uncompressed."""

    rows: int = 0
    bytes: int = 0
    item_bytes: int = 0
    segments: int = 0
    puts: int = 0
    files_with_rejects: int = 0
    units: Counter[str] = field(default_factory=Counter)  # by table


def load_of(scenario: Scenario) -> Load:
    """Return what a scenario, as it is scaled, puts on a stack."""
    load = Load()
    for kind in scenario.files:
        generation, known = scenario.made(kind, 0, seed=1), feed(kind.feed)
        size, most, rows = generation.likely_bytes, generation.most_bytes, kind.count * kind.rows
        names = {known.column(name).name or name for name in known.columns} | {k.name for k in known.key_attributes()}
        item_bytes = size // max(1, kind.rows) + sum(map(len, names))
        load.rows += rows
        load.bytes += kind.count * size
        load.item_bytes += rows * item_bytes
        load.segments += kind.count * FLEET.segments(size, is_splittable=True)
        load.puts += kind.count * (2 + math.ceil(most / part_bytes(most)))
        load.files_with_rejects += kind.count * generation.has_rejects
        load.units[known.table] += rows * math.ceil(item_bytes / KB)
    return load


def table_seconds(scenario: Scenario, load: Load) -> float:
    """Return how long new tables, which work side by side, need at least; and no less than the files take to come."""
    return max(scenario.every_s * (scenario.count - 1), *(units / NEW_TABLE for units in load.units.values()))


def estimate(scenario: Scenario) -> list[Charge]:
    """Return what a run costs at most: list prices of us-east-1, without the free tier."""
    load = load_of(scenario)
    workers, seconds = min(FLEET.functions, load.segments), table_seconds(scenario, load)
    busy_s = work_seconds(load.rows, load.bytes) + scenario.count * FILE_S
    work = Workload(
        files=scenario.count * scenario.notices,
        size_bytes=load.bytes,
        segments=load.segments,
        workers=workers,
        seconds=max(busy_s / workers, seconds),  # functions that wait for a table are paid for
        table_units=load.units.total(),
        index_units=0,
        reject_parts=load.files_with_rejects,
        splits=load.segments > scenario.count,
    )
    hours = math.ceil(1 + seconds / 3600)
    return [
        *charges(work, FLEET),
        Charge("S3 writes of uploads", load.puts, Price.S3_PUT),
        Charge("read units: all rows are read back", load.item_bytes / PAGE, Price.READ_UNIT),
        Charge("GB of transfer, if you are outside AWS", load.item_bytes / GB, Price.TRANSFER_OUT_GB),
        Charge("metric hours", len(Metric) * (1 + len(load.units)) * hours, Price.METRIC_MONTH / MONTH_H),
    ]


def dollars(scenario: Scenario) -> float:
    """Return the sum."""
    return sum(charge.dollars for charge in estimate(scenario))


def estimate_lines(scenario: Scenario) -> Iterator[str]:
    """Yield what a scenario puts on a stack, each line that is paid for, and their sum."""
    load = load_of(scenario)
    yield (
        f"{scenario.name}: {scenario.count:,} files, {load.rows:,} rows, {load.bytes / MB:,.1f} MB; "
        f"{table_seconds(scenario, load) / 60:,.1f} minutes at least, at the capacity of new tables"
    )
    for charge in estimate(scenario):
        quantity = f"{charge.quantity:,.0f}" if charge.quantity >= 100 else f"{charge.quantity:.3g}"
        yield f"  {quantity:>13} {charge.what:<40}  ${charge.dollars:>8.4f}"
    yield f"  {'at most, at list prices of us-east-1':<54}  ${dollars(scenario):>8.4f}"


def usd_of(scenario: Scenario, log: FunctionLog, *, write_units: float, messages: int) -> float:
    """Return what a run cost: as Lambda and the function report; requests to queue and S3 as estimated."""
    load, reads = load_of(scenario), {charge.what: charge.quantity for charge in estimate(scenario)}["S3 reads"]
    return usd(
        write_units=write_units,
        worker_seconds=sum(one.seconds for one in log.invocations),
        invocations=len(log.invocations),
        queue_requests=messages * SQS_REQUESTS_PER_MESSAGE,
        objects_put=load.puts + 2 * load.files_with_rejects,
        object_reads=round(reads),
    )
