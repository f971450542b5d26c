"""The scenarios of scenarios.toml: which files of which feeds come when, to what table, and what is expected then."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from ingest.feeds.feed import Feed
from ingest.feeds.parse import read_feeds
from loadtest.bench.measuring import Goal, figure
from loadtest.simulator.capacity import Simulation
from loadtest.simulator.settings import Key, Table
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
    """Return the tables of all feeds, by the name their feed gives them."""
    keys = {feed.table: feed.key_attributes() for feed in read_feeds(FEEDS).feeds.values()}
    # A key is of type S, N or B.
    return {table: Table(*(Key(key.name, key.type) for key in names)) for table, names in keys.items()}  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Files of one kind: how many, with `rows` each (of changes: about), and further settings of the generator."""

    feed: str
    count: int
    rows: int
    recipe: Mapping[str, Any] = field(default_factory=dict)


FIGURES = {  # what objectives are about, by the path in a run's figures
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
        """Return the goal with what was found; None where that was not measured."""
        found = figure(figures, self.figure)
        return None if found is None else Goal(FIGURES[self.figure], float(found), self.at_least, self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A load, as it is at scale 1."""

    name: str
    says: str
    files: tuple[Files, ...]
    objectives: tuple[Objective, ...]  # at scale 1; at smaller scales start-up weighs more
    every_s: float = 0.0  # between two files; 0: all at once
    notices: int = 1  # notifications of each file
    multiplies: Literal["files", "rows"] = "rows"  # what the scale multiplies
    table: Simulation | None = None  # the capacity of each table in `sim`; None: it takes everything
    workers: int = 2  # functions at once in `sim`
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

    def made(self, kind: Files, number: int, *, seed: int) -> Generation | ChangesFile:
        """Return the file of this number: its bytes, and what must become of it."""
        if feed(kind.feed).operation:
            return ChangesFile(seed=seed, files=kind.count, rows=kind.rows, file=number % kind.count)
        more: dict[str, Any] = {"segment_bytes": self.segment_bytes, **kind.recipe}
        return Generation(recipe_of(FEEDS, kind.feed, rows=kind.rows, seed=seed, file=number, **more))

    @property
    def kept(self) -> frozenset[str]:
        """The tables whose items decide what becomes of a row."""
        feeds = [feed(kind.feed) for kind in self.files]
        return frozenset(one.table for one in feeds if one.is_conditional or one.skip_unchanged)

    def in_turn(self) -> Iterator[Files]:
        """Yield the kind of each file: they take turns."""
        for number in range(max(kind.count for kind in self.files)):
            yield from (kind for kind in self.files if number < kind.count)


SCENARIOS: dict[str, Scenario] = msgspec.convert(
    {name: {"name": name, **raw} for name, raw in tomllib.loads(DECLARED.read_text(encoding="utf-8")).items()},
    dict[str, Scenario],
)
