"""What tables hold after all writes of a spool: each request is read as DynamoDB reads it, after the run."""

import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from loadtest.checker.found import TableFound
from loadtest.simulator import requests
from loadtest.simulator.capacity import write_units
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.requests import Write
from loadtest.simulator.settings import Table
from loadtest.simulator.spool import Stretch, bodies, stretches
from loadtest.workload.checksum import Item, item_hashes
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64

_AT_ONCE = 4096  # items are hashed together: that costs a tenth of hashing each


@dataclass(slots=True)
class Puts:
    """Puts in their order; `names` are the table's key attributes. `refused` counts requests by why."""

    names: tuple[str, ...]
    refused: Counter[str] = field(default_factory=Counter)
    waiting: list[Item] = field(default_factory=list)
    keys: list[U64] = field(default_factory=list)
    items: list[U64] = field(default_factory=list)

    def put(self, item: Item) -> None:
        """Take an item."""
        self.waiting.append(item)
        if len(self.waiting) >= _AT_ONCE:
            self.hash()

    def hash(self) -> None:
        """Make hashes of what waits: it needs less room then."""
        self.keys.append(item_hashes([{name: item[name] for name in self.names} for item in self.waiting]))
        self.items.append(item_hashes(self.waiting))
        self.waiting = []


def found(parts: Sequence[Puts]) -> TableFound:
    """Return what a table holds after the puts of all parts, one part after the other."""
    keys = np.concatenate([np.zeros(0, np.uint64), *(of for part in parts for of in part.keys)])
    items = np.concatenate([np.zeros(0, np.uint64), *(of for part in parts for of in part.items)])
    order = np.argsort(keys, kind="stable")
    keys, items = keys[order], items[order]
    is_again = keys[1:] == keys[:-1]
    is_last = np.ones(len(keys), np.bool_)
    is_last[:-1] = ~is_again
    held = items[is_last]
    refused: Counter[str] = sum((part.refused for part in parts), Counter())
    return TableFound(
        items=len(held),
        checksum=int(held.sum(dtype=np.uint64)) % MODULUS,
        hashes=held,
        overwritten=int((is_again & (items[1:] != items[:-1])).sum()),
        refused=tuple(f"DynamoDB would have refused {count:,} requests: {why}" for why, count in refused.items()),
    )


Mapped = Callable[[Callable[[Stretch], "Part"], Iterable[Stretch]], Iterable["Part"]]
STRETCH_BYTES = 64_000_000  # what a process reads in a second or two


@dataclass(slots=True)
class Replayed:
    """What came of the writes."""

    tables: dict[str, TableFound] = field(default_factory=dict)
    requests: int = 0
    write_units: int = 0


@dataclass(slots=True)
class Part:
    """What a stretch of a spool holds."""

    puts: dict[str, Puts]
    requests: int = 0
    write_units: int = 0


def replay(spool: Path, tables: Mapping[str, Table], *, stretch_bytes: int = STRETCH_BYTES) -> Replayed:
    """Return what the tables hold after the writes of a spool, in their order. A large one is read by all cores."""
    some = list(stretches(spool, stretch_bytes))
    with _mapping(len(some)) as mapped:
        parts = list(mapped(partial(read, spool, tables), some))
    return Replayed(
        {name: found([part.puts[name] for part in parts]) for name in tables},
        sum(part.requests for part in parts),
        sum(part.write_units for part in parts),
    )


def read(spool: Path, tables: Mapping[str, Table], stretch: Stretch) -> Part:
    """Return what a stretch holds."""
    part = Part({name: Puts(tuple(key.name for key in table.keys)) for name, table in tables.items()})
    for body in bodies(spool, stretch):
        part.requests += 1
        try:
            writes = requests.batch(body, tables)
        except RequestRefused as refused:
            _named(body, part.puts).refused[str(refused)] += 1
            continue
        for write in writes:
            part.puts[write.table].put(_item(write))
            part.write_units += write_units(write.bytes)
    for puts in part.puts.values():
        puts.hash()
    return part


@contextmanager
def _mapping(count: int) -> Iterator[Mapped]:
    """Give a `map` for a number of things: by processes, if they are many."""
    if count < 2:
        yield map
        return
    # Not forked: the threads of the run that has just ended may hold locks.
    with multiprocessing.get_context("spawn").Pool(min(count, os.cpu_count() or 1), _leave_it_to_us) as pool:
        yield pool.imap


def _leave_it_to_us() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches us too, and we end the pool


def _item(write: Write) -> Item:
    assert write.item is not None, "the product deletes nothing"
    return write.item


def _named(body: bytes, puts: Mapping[str, Puts]) -> Puts:
    """Return the table that a refused request names, as far as that can be seen."""
    return next((table for name, table in puts.items() if f'"{name}"'.encode() in body), next(iter(puts.values())))
