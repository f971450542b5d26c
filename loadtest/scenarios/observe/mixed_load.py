"""What a mixed load drops, and when: good files, bad rows, broken files, doubles, poison, more than the table takes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.harness.stack_client import StackClient
from loadtest.workload.recipe import recipe_of
from loadtest.workload.stream import Generation

FEEDS = Path(__file__).parent / "feeds.toml"
ROWS = range(100, 900)
BURST_FILES, BURST_ROWS = 10, 2000
LARGE_ROWS, LARGE_NOTE = 2200, "choice:" + 8000 * "x"  # three segments of 8 MiB, eight write units a row
SEQUENCERS = ("00", "F" * 16, "F" * 16)  # older than the object's own; newer; the same again
_SPECIAL = (
    ("orphans", 0.03),
    ("large", 0.10),
    ("broken", 0.25),
    ("again", 0.30),
    ("poison", 0.40),
    ("burst", 0.45),
    ("broken", 0.60),
)


@dataclass(frozen=True, slots=True)
class TimedDrop:
    """What is done `at_s` seconds after the beginning."""

    at_s: float
    kind: str
    number: int


def schedule(seconds: float, seed: int) -> list[TimedDrop]:
    """Return the drops of a run: a steady stream, and each special thing at its share of the time."""
    chance = random.Random(seed)
    drops: list[TimedDrop] = []
    at_s = 0.0
    while at_s < seconds:
        drops.append(TimedDrop(at_s, chance.choice(("orders", "orders", "visits", "bad_rows")), len(drops)))
        at_s += chance.uniform(0.6, 1.4)
    drops += [TimedDrop(share * seconds, kind, len(drops) + n) for n, (kind, share) in enumerate(_SPECIAL)]
    return sorted(drops, key=lambda drop: drop.at_s)


def perform(drop: TimedDrop, stack_client: StackClient, seed: int) -> None:
    """Do what a drop says."""
    for key, data in _files(drop, seed):
        etag = stack_client.drop(key, data)
        if drop.kind == "again":
            for sequencer in SEQUENCERS:
                stack_client.send(stack_client.notification(key, sequencer=sequencer, etag=etag, size=len(data)))
    if drop.kind == "poison":
        stack_client.send('{"this": "is not a message of ours"}')


def _files(drop: TimedDrop, seed: int) -> Iterator[tuple[str, bytes]]:
    feed = drop.kind if drop.kind in ("visits", "orphans") else "orders"
    key, rows = f"{feed}/{drop.kind}-{drop.number:03d}.csv", random.Random(f"{seed}/{drop.number}").choice(ROWS)
    match drop.kind:
        case "poison":
            return
        case "broken":
            yield key, b"this,is,another,file\n1,2,3,4\n"
        case "burst":
            for n in range(BURST_FILES):
                yield key.replace(".csv", f"-{n}.csv"), _made(feed, BURST_ROWS, seed, file=1000 + n)
        case "bad_rows":
            yield key, _made(feed, rows, seed, file=drop.number, defects={"bad_number": 1 / 40})
        case "large":
            yield key, _made(feed, LARGE_ROWS, seed, file=drop.number, columns={"note": LARGE_NOTE})
        case _:
            yield key, _made(feed, rows, seed, file=drop.number)


def _made(feed: str, rows: int, seed: int, *, file: int, **more: Any) -> bytes:
    """Return a file as the generator makes it. No two have a key in common, unless their numbers are equal."""
    return b"".join(Generation(recipe_of(FEEDS, feed, rows=rows, seed=seed, file=file, **more)))
