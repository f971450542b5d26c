"""What tables hold after all writes of a spool: each request is read as DynamoDB reads it, after the run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from loadtest.checker.found import TableFound
from loadtest.simulator import requests
from loadtest.simulator.capacity import write_units
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.settings import Table
from loadtest.simulator.spool import bodies
from loadtest.workload.checksum import Item, item_hashes
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64

_AT_ONCE = 4096  # items are hashed together: that costs a tenth of hashing each


@dataclass(slots=True)
class Puts:
    """Puts to a table in their order; `names` are its key attributes. `refused` counts requests by why."""

    names: tuple[str, ...]
    refused: Counter[str] = field(default_factory=Counter)
    waiting: list[Item] = field(default_factory=list)
    keys: list[U64] = field(default_factory=list)
    items: list[U64] = field(default_factory=list)

    def put(self, item: Item) -> None:
        """Take an item."""
        self.waiting.append(item)
        if len(self.waiting) >= _AT_ONCE:
            self._hash()

    def _hash(self) -> None:
        """Make hashes of what waits: it needs less room then."""
        self.keys.append(item_hashes([{name: item[name] for name in self.names} for item in self.waiting]))
        self.items.append(item_hashes(self.waiting))
        self.waiting = []

    def found(self) -> TableFound:
        """Return what the table holds after all of them."""
        self._hash()
        keys, items = np.concatenate(self.keys), np.concatenate(self.items)
        order = np.argsort(keys, kind="stable")
        keys, items = keys[order], items[order]
        is_again = keys[1:] == keys[:-1]
        is_last = np.ones(len(keys), np.bool_)
        is_last[:-1] = ~is_again
        held, refused = items[is_last], self.refused.items()
        return TableFound(
            items=len(held),
            checksum=int(held.sum(dtype=np.uint64)) % MODULUS,
            hashes=held,
            overwritten=int((is_again & (items[1:] != items[:-1])).sum()),
            refused=tuple(f"DynamoDB would have refused {count:,} requests: {why}" for why, count in refused),
        )


@dataclass(slots=True)
class Replayed:
    """What came of the writes."""

    tables: dict[str, TableFound]
    requests: int
    write_units: int


def replay(spool: Path, tables: Mapping[str, Table]) -> Replayed:
    """Return what the tables hold after the writes of a spool, in their order."""
    puts = {name: Puts(tuple(key.name for key in table.keys)) for name, table in tables.items()}
    count = units = 0
    for body in bodies(spool):
        count += 1
        try:
            writes = requests.batch(body, tables)
        except RequestRefused as refused:
            _named(body, puts).refused[str(refused)] += 1
            continue
        for write in writes:
            puts[write.table].put(write.item)
            units += write_units(write.bytes)
    return Replayed({name: table.found() for name, table in puts.items()}, count, units)


def _named(body: bytes, puts: Mapping[str, Puts]) -> Puts:
    """Return the table that a refused request names, as far as that can be seen."""
    return next((table for name, table in puts.items() if f'"{name}"'.encode() in body), next(iter(puts.values())))
