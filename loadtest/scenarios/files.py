"""The files of a scenario: made by the generator, with what must become of each."""

from typing import Any

from loadtest.checker.found import Expected
from loadtest.scenarios.catalog import FEEDS, Files, Scenario, feed
from loadtest.scenarios.target import Deployment
from loadtest.workload.recipe import Recipe, recipe_of
from loadtest.workload.stream import Generation

_ENDINGS = {"gzip": ".csv.gz", "bz2": ".csv.bz2", "zstd": ".csv.zst"}


def make(scenario: Scenario, run: str, kind: Files, number: int, *, seed: int, deployment: Deployment) -> Expected:
    """Return what must become of a run's file of this number, once the deployment has taken its bytes."""
    key, generation = key_of(run, kind, number), Generation(recipe(scenario, kind, number, seed=seed))
    deployment.write(key, generation, most_bytes=generation.most_bytes)
    return Expected.of(key, feed(kind.feed).table, generation.known_outcome)


def key_of(run: str, kind: Files, number: int) -> str:
    """Return the object key of a run's file. No two runs share one: a stack remembers."""
    ending = _ENDINGS.get(kind.recipe.get("compression", ""), ".csv")
    return f"{feed(kind.feed).prefix}{run}/{number:05d}{ending}"


def recipe(scenario: Scenario, kind: Files, number: int, *, seed: int) -> Recipe:
    """Return the generator's recipe for the file of this number."""
    more: dict[str, Any] = {"segment_bytes": scenario.segment_bytes, **kind.recipe}
    return recipe_of(FEEDS, kind.feed, rows=kind.rows, seed=seed, file=number, **more)
