"""The feeds of the scenarios, and the keys of their tables as a simulated table takes them."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from loadtest.simulator.settings import Key, Table
from loadtest.workload.schema import Schema, read_schema

FEEDS = Path(__file__).parent / "feeds.toml"
NAMES = ("orders", "readings", "customers", "visits")


@cache
def schema(feed: str) -> Schema:
    """Return what the generator knows of a feed."""
    return read_schema(FEEDS, feed)


@cache
def tables() -> dict[str, Table]:
    """Return the tables of all feeds, by the name their feed gives them."""
    return dict(_tables())


def _tables() -> Iterator[tuple[str, Table]]:
    for feed in NAMES:
        known = schema(feed)
        types = {column.name or name: column.type for name, column in known.columns}
        partition, *sort = [Key(name, types.get(name, "S")) for name, _ in known.keys]
        yield known.table, Table(partition, sort[0] if sort else None)
