"""What tables hold after all writes of a spool, a request a line: each is read as DynamoDB reads it, after the run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.checker.found import TableFound
from loadtest.simulator import requests
from loadtest.simulator.capacity import write_units
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.settings import Table
from loadtest.workload.checksum import Item, item_hashes
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64

DELETED = np.uint64(0)
_AT_ONCE = 4096  # items are hashed together: that costs a tenth of hashing each


@dataclass(slots=True)
class Puts:
    """Writes to a table in their order; `names` are its key attributes. `refused` counts requests by why.

    `items`: the hash of what each has put, `DELETED` if it was a delete.
    """

    names: tuple[str, ...]
    not_summed: frozenset[str]
    refused: Counter[str] = field(default_factory=Counter)
    waiting: list[tuple[Item, bool]] = field(default_factory=list)
    keys: list[U64] = field(default_factory=list)
    items: list[U64] = field(default_factory=list)

    def take(self, request: Mapping[str, Any]) -> None:
        """Take a put or a delete, as a batch has it."""
        is_put = "PutRequest" in request
        self.waiting.append((request["PutRequest"]["Item"] if is_put else request["DeleteRequest"]["Key"], is_put))
        if len(self.waiting) >= _AT_ONCE:
            self.hash()

    def hash(self) -> None:
        """Make hashes of what waits: it needs less room then."""
        self.keys.append(item_hashes([{name: item[name] for name in self.names} for item, _ in self.waiting]))
        hashes = item_hashes([item for item, _ in self.waiting], self.not_summed)
        self.items.append(np.where([is_put for _, is_put in self.waiting], hashes, DELETED))
        self.waiting = []

    def found(self) -> TableFound:
        """Return what the table holds after them."""
        self.hash()
        keys, items = np.concatenate(self.keys), np.concatenate(self.items)
        order = np.argsort(keys, kind="stable")
        keys, items = keys[order], items[order]
        is_again = keys[1:] == keys[:-1]
        is_last = np.ones(len(keys), np.bool_)
        is_last[:-1] = ~is_again
        held = items[is_last & (items != DELETED)]
        is_again &= (items[1:] != DELETED) & (items[:-1] != DELETED)
        refused = (f"DynamoDB would have refused {count:,} requests: {why}" for why, count in self.refused.items())
        return TableFound(
            items=len(held),
            checksum=int(held.sum(dtype=np.uint64)) % MODULUS,
            hashes=held,
            overwritten=int((is_again & (items[1:] != items[:-1])).sum()),
            refused=tuple(refused),
        )


@dataclass(slots=True)
class Replayed:
    """What came of the writes."""

    tables: dict[str, TableFound]
    requests: int = 0
    write_units: int = 0


def replay(spool: Path, tables: Mapping[str, Table], *, not_summed: frozenset[str] = frozenset()) -> Replayed:
    """Return what the tables hold after the writes of a spool, in their order; no hash has what is `not_summed`."""
    puts = {name: Puts(tuple(key.name for key in table.keys), not_summed) for name, table in tables.items()}
    replayed = Replayed({})
    with spool.open("rb") as bodies:
        for body in bodies:
            replayed.requests += 1
            try:
                writes = requests.batch(body, tables)
            except RequestRefused as refused:
                named = (one for name, one in puts.items() if f'"{name}"'.encode() in body)
                next(named, next(iter(puts.values()))).refused[str(refused)] += 1
                continue
            for write in writes:
                puts[write.table].take(write.request)
                replayed.write_units += write_units(write.bytes)
    replayed.tables = {name: one.found() for name, one in puts.items()}
    return replayed
