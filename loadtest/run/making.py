"""Makes the files of a scenario, by the generator; what must become of each is known then."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from loadtest.checker.found import Expected
from loadtest.run.target import Drop
from loadtest.scenarios.scenario import FEEDS, Files, Scenario, schema
from loadtest.workload.expected import KnownOutcome
from loadtest.workload.recipe import Recipe, recipe_of
from loadtest.workload.stream import Generation

_ENDINGS = {"gzip": ".csv.gz", "bz2": ".csv.bz2", "zstd": ".csv.zst"}


@dataclass(frozen=True, slots=True)
class Made:
    """A file that is made: how it is dropped, and what must become of it."""

    drop: Drop
    expected: Expected


class KeepFile(Protocol):
    """Keeps the bytes of an object."""

    def __call__(self, key: str, portions: Iterable[bytes], *, most_bytes: int) -> None:
        """Take all portions, of at most `most_bytes`."""


def make(scenario: Scenario, run: str, kind: Files, number: int, *, seed: int, write: KeepFile) -> Made:
    """Make a run's file of this number; `write` takes its bytes."""
    key = key_of(run, kind, number)
    generation = Generation(recipe(scenario, kind, number, seed=seed))
    write(key, generation, most_bytes=generation.most_bytes)
    known_outcome = generation.known_outcome
    return Made(Drop(key, known_outcome.bytes, scenario.notices), expected(key, kind.feed, known_outcome))


def keys_of(scenario: Scenario, run: str) -> Iterator[str]:
    """Yield the object keys of a run, in the order of its files."""
    return (key_of(run, kind, number) for number, kind in enumerate(scenario.in_turn()))


def key_of(run: str, kind: Files, number: int) -> str:
    """Return the object key of a run's file. No two runs share one: a stack remembers."""
    ending = _ENDINGS.get(kind.recipe.get("compression", ""), ".csv")
    return f"{folder(kind.feed, run)}{number:05d}{ending}"


def folder(feed: str, run: str) -> str:
    """Return how the keys of a run's files of one feed begin, and no other's."""
    return f"{schema(feed).prefix}{run}/"


def recipe(scenario: Scenario, kind: Files, number: int, *, seed: int) -> Recipe:
    """Return the generator's recipe for the file of this number."""
    segment_bytes = scenario.segment_bytes
    return recipe_of(
        FEEDS, kind.feed, rows=kind.rows, seed=seed, file=number, segment_bytes=segment_bytes, **kind.recipe
    )


def expected(key: str, feed: str, known_outcome: KnownOutcome) -> Expected:
    """Return what must become of a file with this known outcome."""
    return Expected(
        key=key,
        table=schema(feed).table,
        size=known_outcome.bytes,
        rows=known_outcome.rows,
        items=known_outcome.items,
        checksum=known_outcome.checksum,
        rejected=known_outcome.rejected,
        superseded=known_outcome.superseded,
    )
