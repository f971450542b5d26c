"""The scenarios of scenarios.toml: which files of which feeds arrive when, the tables' capacity, and the objectives.

Also the load of a scenario on a new stack and its maximum cost: by the model of `ingest plan`, plus the test's own.
"""

import math
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from ingest.contract import Metric, Price
from ingest.estimate.cost import SQS_REQUESTS_PER_MESSAGE, Charge, Workload, charges
from ingest.estimate.duration import NEW_TABLE, Fleet, work_seconds
from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from loadtest.bench.measuring import Goal, figure
from loadtest.harness.targets import part_bytes
from loadtest.scenarios.figures import MB, FunctionLog, usd
from loadtest.simulator.settings import Key, Simulation, Table
from loadtest.workload.changes import ChangesFile
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS, DECLARED = Path(__file__).parent / "feeds.toml", Path(__file__).parent / "scenarios.toml"
MIB = 1024 * 1024
SMALLEST_SEGMENT = 2 * MIB


@cache
def feed(name: str) -> Feed:
    """Return a feed of the scenarios."""
    return read_feeds(FEEDS).named(name)


@cache
def tables() -> dict[str, Table]:
    """Return the key schemas of all feeds' tables, by the table's name in the feed."""
    keys = {feed.table: feed.key_attributes() for feed in read_feeds(FEEDS).feeds.values()}
    # A key is of type S, N or B.
    return {table: Table(*(Key(key.name, key.type) for key in names)) for table, names in keys.items()}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files of one kind: their number, the rows of each (approximate for changes), and more settings of the recipe."""

    feed: str
    count: int
    rows: int
    recipe: Mapping[str, Any] = field(default_factory=dict)


FIGURES = {  # descriptions of figures, by their path in a run's figures
    "event_to_visible_s.p99": "event to visible in seconds, p99",
    "rows_per_second": "rows written per second",
    "throttled_share": "share of the requests that were throttled",
    "peak_memory_mb": "peak memory of a worker in MB",
}


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound for a figure of the run, which is one of FIGURES."""

    figure: str
    at_least: float | None = None
    at_most: float | None = None

    def judged(self, figures: Mapping[str, Any]) -> Goal | None:
        """Return the goal with the figure found; None if it was not measured."""
        found = figure(figures, self.figure)
        return None if found is None else Goal(FIGURES[self.figure], float(found), self.at_least, self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A load at scale 1."""

    name: str
    says: str
    files: tuple[Files, ...]
    objectives: tuple[Objective, ...]  # valid at scale 1; start-up has more weight at smaller scales
    every_s: float = 0.0  # interval between two files; 0: all at once
    notices: int = 1  # notifications of each file
    multiplies: Literal["files", "rows"] = "rows"  # what the scale multiplies
    table: Simulation | None = None  # the capacity of each table in `sim`; None: unlimited
    workers: int = 2  # concurrent functions in `sim`
    segment_bytes: int = 64 * MIB
    lease_s: float = 60

    def scaled(self, scale: float) -> "Scenario":
        """Return the scenario at a scale, with at least one file of each kind and one row in each file.

        Segments shrink with the files, so that the number of segments per file is the same at each scale.
        """
        by_files = self.multiplies == "files"
        files = tuple(
            replace(kind, **{name: max(1, round(getattr(kind, name) * scale))})
            for kind in self.files
            for name in ["count" if by_files else "rows"]
        )
        segment_bytes = self.segment_bytes if by_files else round(self.segment_bytes * min(1.0, scale))
        return replace(self, files=files, segment_bytes=max(SMALLEST_SEGMENT, segment_bytes))

    @property
    def count(self) -> int:
        """The number of files."""
        return sum(kind.count for kind in self.files)

    def made(self, kind: Files, number: int, *, seed: int) -> Generation | ChangesFile:
        """Return the file with this number: its bytes and its known outcome."""
        if feed(kind.feed).operation:
            return ChangesFile(seed=seed, files=kind.count, rows=kind.rows, file=number % kind.count)
        more: dict[str, Any] = {"segment_bytes": self.segment_bytes, **kind.recipe}
        return Generation(recipe_of(FEEDS, kind.feed, rows=kind.rows, seed=seed, file=number, **more))

    @property
    def kept(self) -> frozenset[str]:
        """The tables with conditional writes, whose items must be held."""
        feeds = [feed(kind.feed) for kind in self.files]
        return frozenset(one.table for one in feeds if one.is_conditional or one.skip_unchanged)

    def in_turn(self) -> Iterator[Files]:
        """Yield the kind of each file; kinds alternate."""
        for number in range(max(kind.count for kind in self.files)):
            yield from (kind for kind in self.files if number < kind.count)


SCENARIOS: dict[str, Scenario] = msgspec.convert(
    {name: {"name": name, **raw} for name, raw in tomllib.loads(DECLARED.read_text(encoding="utf-8")).items()},
    dict[str, Scenario],
)

FLEET = Fleet()  # as deployed by the stage `loadtest` of cdk.json
FILE_S = 0.5  # function time per file besides its rows: ledger, S3, a share of a cold start
KB, PAGE, GB, MONTH_H = 1024, 4096, 1e9, 730


@dataclass(slots=True)
class Load:
    """The totals of a scenario's files, estimated before any is generated. Sizes are before compression."""

    rows: int = 0
    bytes: int = 0
    item_bytes: int = 0
    segments: int = 0
    puts: int = 0
    files_with_rejects: int = 0
    units: Counter[str] = field(default_factory=Counter)  # by table


def load_of(scenario: Scenario) -> Load:
    """Return the load of a scaled scenario."""
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
    """Return the least seconds that new tables need, in parallel; no less than the time in which the files arrive."""
    return max(scenario.every_s * (scenario.count - 1), *(units / NEW_TABLE for units in load.units.values()))


def estimate(scenario: Scenario) -> list[Charge]:
    """Return the maximum cost of a run: list prices of us-east-1, without the free tier."""
    load = load_of(scenario)
    workers, seconds = min(FLEET.functions, load.segments), table_seconds(scenario, load)
    busy_s = work_seconds(load.rows, load.bytes) + scenario.count * FILE_S
    work = Workload(
        files=scenario.count * scenario.notices,
        size_bytes=load.bytes,
        segments=load.segments,
        workers=workers,
        seconds=max(busy_s / workers, seconds),  # functions that wait for a table are billed
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
    """Return the total of `estimate`."""
    return sum(charge.dollars for charge in estimate(scenario))


def estimate_lines(scenario: Scenario) -> Iterator[str]:
    """Yield lines on a scenario's load, each charge, and their total."""
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
    """Return the cost of a run from what Lambda and the function report; queue requests and S3 reads are estimated."""
    load, reads = load_of(scenario), {charge.what: charge.quantity for charge in estimate(scenario)}["S3 reads"]
    return usd(
        write_units=write_units,
        worker_seconds=sum(one.seconds for one in log.invocations),
        invocations=len(log.invocations),
        queue_requests=messages * SQS_REQUESTS_PER_MESSAGE,
        objects_put=load.puts + 2 * load.files_with_rejects,
        object_reads=round(reads),
    )
