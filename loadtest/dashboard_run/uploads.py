"""What a mixed load drops, and when: good files, bad rows, broken files, doubles, poison, more than the table takes."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from loadtest.harness.stack_client import StackClient

ORDERS, VISITS = "order_id,customer_id,quantity,note\n", "visitor,at,page\n"
ROWS = range(100, 900)
BURST_FILES, BURST_ROWS = 10, 2000
LARGE_ROWS, LARGE_NOTE = 2200, 8000  # three segments of 8 MiB, eight write units a row
SEQUENCERS = ("00", "F" * 16, "F" * 16)  # older than the object's own; newer; the same again


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
    drops += [TimedDrop(share * seconds, kind, n) for n, (kind, share) in enumerate(_SPECIAL)]
    return sorted(drops, key=lambda drop: drop.at_s)


_SPECIAL = (
    ("orphan", 0.03),
    ("large", 0.10),
    ("broken", 0.25),
    ("again", 0.30),
    ("poison", 0.40),
    ("burst", 0.45),
    ("broken", 0.60),
)


def perform(drop: TimedDrop, stack_client: StackClient, seed: int) -> None:
    """Do what a drop says."""
    for key, data in _files(drop, random.Random(f"{seed}/{drop.kind}/{drop.number}")):
        etag = stack_client.drop(key, data.encode())
        if drop.kind == "again":
            for sequencer in SEQUENCERS:
                stack_client.send(stack_client.notification(key, sequencer=sequencer, etag=etag, size=len(data)))
    if drop.kind == "poison":
        stack_client.send('{"this": "is not a message of ours"}')


def _files(drop: TimedDrop, chance: random.Random) -> Iterator[tuple[str, str]]:
    rows, name = chance.choice(ROWS), f"{drop.kind}-{drop.number:03d}"
    match drop.kind:
        case "orders" | "again":
            yield f"orders/{name}.csv", orders(name, rows)
        case "bad_rows":
            yield f"orders/{name}.csv", orders(name, rows, bad_every=40)
        case "visits":
            yield f"visits/{name}.csv", VISITS + "".join(f"{name}-{n % 50},{n},/page/{n}\n" for n in range(rows))
        case "orphan":
            yield f"orphans/{name}.csv", orders(name, 10)
        case "large":
            yield f"orders/{name}.csv", orders(name, LARGE_ROWS, note="x" * LARGE_NOTE)
        case "broken":
            yield f"orders/{name}.csv", "this,is,another,file\n1,2,3,4\n"
        case "burst":
            for n in range(BURST_FILES):
                yield f"orders/{name}-{n}.csv", orders(f"{name}-{n}", BURST_ROWS)


def orders(name: str, count: int, *, note: str = "back door", bad_every: int = 0) -> str:
    """Return a file of orders, of a hundred customers; one row in `bad_every` has a quantity that is not a number."""
    rows = [
        f"{name}-{n},C-{n % 100},{'many' if bad_every and not n % bad_every else n % 9 + 1},{note}\n"
        for n in range(count)
    ]
    return ORDERS + "".join(rows)
