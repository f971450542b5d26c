"""Makes the files of a scenario, by the generator; what must become of each is known then."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtest.generate.recipe import Recipe, recipe_of
from loadtest.generate.stream import Generation
from loadtest.generate.truth import Truth
from loadtest.run.target import Drop
from loadtest.scenarios.feeds import FEEDS, schema
from loadtest.scenarios.scenario import Files, Scenario
from loadtest.verdict.expected import Expected

_ENDINGS = {"gzip": ".csv.gz", "bz2": ".csv.bz2", "zstd": ".csv.zst"}


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is made: how it is dropped, and what must become of it."""

    drop: Drop
    expected: Expected


def make(scenario: Scenario, name: str, kind: Files, number: int, *, seed: int, place: Callable[[str], Path]) -> Made:
    """Make the file of this number; `place` says where the file of an object key belongs."""
    made = recipe(scenario, kind, number, seed=seed)
    key = f"{made.schema.prefix}{name}{_ENDINGS.get(made.compression, '.csv')}"
    path = place(key)
    truth = _written(made, path)
    size = path.stat().st_size
    return Made(Drop(key, path, size, scenario.notices), expected(key, kind.feed, truth))


def recipe(scenario: Scenario, kind: Files, number: int, *, seed: int) -> Recipe:
    """Return what the generator is told of the file of this number."""
    segment_bytes = scenario.segment_bytes
    return recipe_of(
        FEEDS, kind.feed, rows=kind.rows, seed=seed, file=number, segment_bytes=segment_bytes, **kind.recipe
    )


def expected(key: str, feed: str, truth: Truth) -> Expected:
    """Return what must become of a file with this truth."""
    return Expected(
        key=key,
        table=schema(feed).table,
        size=truth.bytes,
        rows=truth.rows,
        items=truth.items,
        checksum=truth.checksum,
        rejected=truth.rejected,
        superseded=truth.superseded,
    )


def _written(recipe: Recipe, path: Path) -> Truth:
    path.parent.mkdir(parents=True, exist_ok=True)
    generation = Generation(recipe)
    with path.open("wb") as file:
        file.writelines(generation)
    return generation.truth
