"""The scenarios, as data: which files of which feeds come when, to what table, and what is expected of the product.

A scenario is not changed: its results would not be comparable; a new one gets a new name.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from loadtest.bench.goals import Goal
from loadtest.simulator.capacity import Simulation
from loadtest.simulator.settings import Key, Table

FEEDS = Path(__file__).parent / "feeds.toml"


@cache
def feed(name: str) -> Feed:
    """Return a feed of the scenarios."""
    return read_feeds(FEEDS).named(name)


@cache
def tables() -> dict[str, Table]:
    """Return the tables of all feeds, by the name their feed gives them."""
    keys = {feed.table: feed.key_attributes() for feed in read_feeds(FEEDS).feeds.values()}
    return {table: Table(*(Key(key.name, key.type) for key in names)) for table, names in keys.items()}


MIB = 1024 * 1024
SMALLEST_SEGMENT = 2 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files of one kind.

    Attributes:
        feed: a section of loadtest/scenarios/feeds.toml.
        count: how many, with `rows` each.
        recipe: further settings of the generator (loadtest.workload.recipe).
    """

    feed: str
    count: int
    rows: int
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Objective:
    """A bound for a figure of the run; `figure` is its path in the document: `event_to_visible_s.p99`."""

    what: str
    figure: str
    at_least: float | None = None
    at_most: float | None = None

    def judged(self, figures: Mapping[str, Any]) -> Goal | None:
        """Return the goal with what was found; None where that was not measured."""
        found: Any = figures
        for name in self.figure.split("."):
            found = found[name]
        return None if found is None else Goal(self.what, float(found), self.at_least, self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A load, as it is at scale 1.

    Attributes:
        says: what it is, in a sentence.
        every_s: seconds between two files; 0: all at once.
        notices: how many notifications are sent of each file.
        multiplies: what the scale multiplies.
        table: the capacity of each table in `sim`. None: it takes everything.
        workers: how many functions at once in `sim`.
        objectives: what the product is to do at scale 1. At smaller scales start-up weighs more.
    """

    name: str
    says: str
    files: tuple[Files, ...]
    objectives: tuple[Objective, ...]
    every_s: float = 0.0
    notices: int = 1
    multiplies: Literal["files", "rows"] = "rows"
    table: Simulation | None = None
    workers: int = 2
    segment_bytes: int = 64 * MIB
    lease_s: float = 60

    def scaled(self, scale: float) -> "Scenario":
        """Return the scenario at a scale: at least a file of each kind, and a row in each file.

        Segments shrink with files, so that a file is split into as many at each scale.
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
        """How many files there are."""
        return sum(kind.count for kind in self.files)

    def in_turn(self) -> Iterator[Files]:
        """Yield the kind of each file: they take turns."""
        for number in range(max(kind.count for kind in self.files)):
            yield from (kind for kind in self.files if number < kind.count)


_BROKEN = {"ragged_row": 0.02, "bad_number": 0.03, "bad_boolean": 0.02, "empty_key": 0.01, "bad_encoding": 0.01}
_UNUSUAL = {"quotes": 0.3, "line_breaks": 0.1, "blank_lines": 0.01, "duplicates": 0.05}
_HOT = Simulation(mode="on_demand", warm_units_per_s=4_000)  # a new table: four partitions of 1,000 units a second
_SMALL = Simulation(mode="provisioned", provisioned_units_per_s=5_000)


def _soon(seconds: float) -> Objective:
    return Objective("event to visible in seconds, p99", "event_to_visible_s.p99", at_most=seconds)


def _fast(rows_per_s: float) -> Objective:
    return Objective("rows written per second", "rows_per_second", at_least=rows_per_s)


def _throttled(share: float) -> Objective:
    return Objective("share of the requests that were throttled", "throttled_share", at_most=share)


def _small(mb: float) -> Objective:
    return Objective("peak memory of a worker in MB", "peak_memory_mb", at_most=mb)


_ALL = (
    Scenario(
        name="smoke",
        says="three small files: does it work at all?",
        files=(Files(feed="orders", count=3, rows=1_000),),
        objectives=(_soon(5),),
    ),
    Scenario(
        name="steady",
        says="a file a second for two minutes",
        files=(Files(feed="orders", count=120, rows=2_000),),
        every_s=1.0,
        multiplies="files",
        objectives=(_soon(3), _small(400)),
    ),
    Scenario(
        name="burst",
        says="1,000 small files at once",
        files=(Files(feed="orders", count=1_000, rows=500),),
        multiplies="files",
        objectives=(_soon(60), _fast(10_000)),
    ),
    Scenario(
        name="one_huge_file",
        says="one file of 10,000,000 rows, split among all workers",
        files=(Files(feed="orders", count=1, rows=10_000_000),),
        objectives=(_fast(60_000), _small(400)),
    ),
    Scenario(
        name="many_large",
        says="eight files of 1,000,000 rows at once",
        files=(Files(feed="orders", count=8, rows=1_000_000),),
        objectives=(_fast(60_000), _small(400)),
    ),
    Scenario(
        name="defects",
        says="20 files in which a row in eleven is bad, with quotes, line breaks, blank lines and duplicate keys",
        files=(Files(feed="orders", count=20, rows=50_000, recipe={"defects": _BROKEN | _UNUSUAL}),),
        objectives=(_fast(20_000), _small(400)),
    ),
    Scenario(
        name="hot_key",
        says="four files, each with one partition key in nine rows of ten, for a new table of four partitions",
        files=(Files(feed="orders", count=4, rows=30_000, recipe={"key_order": "hot"}),),
        table=_HOT,
        objectives=(_throttled(0.3),),
    ),
    Scenario(
        name="throttled",
        says="four files that want much more than their table's 5,000 write units a second",
        files=(Files(feed="orders", count=4, rows=150_000),),
        table=_SMALL,
        objectives=(_fast(4_500), _throttled(0.1)),
    ),
    Scenario(
        name="duplicate_storm",
        says="ten notifications come of each of 200 files, in any order, and a row in five has an earlier one's key",
        files=(Files(feed="orders", count=200, rows=1_000, recipe={"defects": {"duplicates": 0.2}}),),
        notices=10,
        multiplies="files",
        lease_s=6,  # a duplicate that met a busy file comes back when that lease could have run out
        objectives=(_soon(60),),
    ),
    Scenario(
        name="mixed_feeds",
        says="four feeds with keys, dialects and types of their own: four files a second for 50 seconds",
        files=(
            Files(feed="orders", count=50, rows=5_000),
            Files(feed="readings", count=50, rows=5_000),
            Files(feed="customers", count=50, rows=5_000, recipe={"defects": {"quotes": 0.2}}),
            Files(feed="visits", count=50, rows=5_000, recipe={"compression": "gzip"}),
        ),
        every_s=0.25,
        multiplies="files",
        objectives=(_soon(5), _small(400)),
    ),
)
SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
