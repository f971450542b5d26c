"""The writes a simulator took: counts, the tables' content after all writes, and writes in the wrong order.

A spool has one request per line. After the run each is checked as DynamoDB checks it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from loadtest.checker.found import TableFound
from loadtest.simulator import requests
from loadtest.simulator.errors import RequestRefused
from loadtest.simulator.items import Item
from loadtest.simulator.requests import Asked
from loadtest.simulator.settings import Table, write_units
from loadtest.workload.checksum import MODULUS, U64, Checksum, item_hashes


class Statistics:
    """Counts. Any thread may read them; only the simulator's own writes them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: float | None = None
        self.requests = self.items = 0  # items: writes made
        self.write_units, self.read_units = 0, 0.0  # without indexes; 0 if writes are only counted
        self.unprocessed = self.throttled_requests = 0  # throttled items; requests throttled as a whole
        self.errors: Counter[str] = Counter()  # error responses by name, throttling included
        self.faults: Counter[str] = Counter()
        self.connections = self.open_connections = 0
        self.in_flight = self.max_in_flight = 0
        self.per_second: list[int] = []  # items taken in each second since the first request
        self.asked_per_second: list[int] = []  # requests parsed, by second
        self.limited_per_second: list[int] = []  # of these, requests with any throttled item

    def received(self) -> None:
        """Count a request."""
        if self._begun is None:
            self._begun = self._clock()
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def took(self, items: int) -> None:
        """Count items taken in the current second."""
        self.items += items
        self._add(self.per_second, items)

    def asked(self, *, was_limited: bool) -> None:
        """Count a request in the current second; `was_limited`: any of its items was throttled."""
        self._add(self.asked_per_second, 1)
        self._add(self.limited_per_second, int(was_limited))

    def _add(self, per_second: list[int], count: int) -> None:
        assert self._begun is not None
        second = int(self._clock() - self._begun)
        if second >= len(per_second):
            per_second += [0] * (second + 1 - len(per_second))
        per_second[second] += count

    def document(self) -> dict[str, Any]:
        """Return the counts as a JSON document."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


class WrittenItems:
    """The tables' items, updated by writes in the order they are made."""

    def __init__(self, sequence: str | None) -> None:
        self._sequence = sequence
        self._tables: defaultdict[str, dict[tuple[str, ...], Item]] = defaultdict(dict)
        self.doubled = 0  # puts of an item equal to the existing one
        self.out_of_order = 0  # puts with a lower sequence number than the item they overwrote

    def item(self, asked: Asked) -> Item | None:
        """Return the existing item of a key, or None."""
        return self._tables[asked.table].get(asked.key)

    def set(self, asked: Asked, item: Item | None) -> None:
        """Store the result of a write; None: the item is deleted."""
        table = self._tables[asked.table]
        before = table.pop(asked.key, None)
        if item is None:
            return
        table[asked.key] = item
        if before is None:
            return
        self.doubled += before == item
        if self._sequence and self._sequence in before and self._sequence in item:
            later, earlier = (Decimal(one[self._sequence]["N"]) for one in (before, item))
            self.out_of_order += earlier < later

    def items(self, table: str) -> list[Item]:
        """Return the items a table holds."""
        return list(self._tables[table].values())


def checksum(items: Iterable[Item]) -> str:
    """Return the checksum of items in hexadecimal; it does not depend on their order, but counts each occurrence."""
    summed = Checksum()
    summed.add(items)
    return f"{summed.value:016x}"


DELETED = np.uint64(0)
_AT_ONCE = 4096  # items hashed together, which costs a tenth of hashing them singly


@dataclass(slots=True)
class Puts:
    """Writes to a table in their order; `names` are its key attributes. `refused` counts rejected requests by reason.

    `items`: the hash of the item that each write has put, `DELETED` for a delete.
    """

    names: tuple[str, ...]
    not_summed: frozenset[str]
    refused: Counter[str] = field(default_factory=Counter)
    waiting: list[tuple[Item, bool]] = field(default_factory=list)
    keys: list[U64] = field(default_factory=list)
    items: list[U64] = field(default_factory=list)

    def take(self, request: Mapping[str, Any]) -> None:
        """Add a put or a delete, in the form of a batch's request."""
        is_put = "PutRequest" in request
        self.waiting.append((request["PutRequest"]["Item"] if is_put else request["DeleteRequest"]["Key"], is_put))
        if len(self.waiting) >= _AT_ONCE:
            self.hash()

    def hash(self) -> None:
        """Replace the waiting items by their hashes, which need less memory."""
        self.keys.append(item_hashes([{name: item[name] for name in self.names} for item, _ in self.waiting]))
        hashes = item_hashes([item for item, _ in self.waiting], self.not_summed)
        self.items.append(np.where([is_put for _, is_put in self.waiting], hashes, DELETED))
        self.waiting = []

    def found(self) -> TableFound:
        """Return the table's content after all writes."""
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
    """The result of replaying writes."""

    tables: dict[str, TableFound]
    requests: int = 0
    write_units: int = 0


def replay(spool: Path, tables: Mapping[str, Table], *, not_summed: frozenset[str] = frozenset()) -> Replayed:
    """Return the tables' content after a spool's writes in their order; hashes exclude the attributes `not_summed`."""
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
