"""What a simulator took: counts, what the tables hold after all writes, and what was wrong with their order.

A spool has a request a line: each is read as DynamoDB reads it, after the run.
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
    """Counts. Read them from any thread; only the simulator's own writes them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: float | None = None
        self.requests = self.items = 0  # items: writes that were made
        self.write_units, self.read_units = 0, 0.0  # without indexes; not where writes are only counted
        self.unprocessed = self.throttled_requests = 0  # what found no capacity; requests that were refused whole
        self.errors: Counter[str] = Counter()  # answers by name; throttling is among them
        self.faults: Counter[str] = Counter()
        self.connections = self.open_connections = 0
        self.in_flight = self.max_in_flight = 0
        self.per_second: list[int] = []  # items taken in each second since the first request
        self.asked_per_second: list[int] = []  # requests that are read in full
        self.limited_per_second: list[int] = []  # those that found no capacity for something or all they asked

    def received(self) -> None:
        """Count a request."""
        if self._begun is None:
            self._begun = self._clock()
        self.requests += 1
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def took(self, items: int) -> None:
        """Count what was taken, now."""
        self.items += items
        self._add(self.per_second, items)

    def asked(self, *, was_limited: bool) -> None:
        """Count a request by whether it found capacity for all it asked, now."""
        self._add(self.asked_per_second, 1)
        self._add(self.limited_per_second, int(was_limited))

    def _add(self, per_second: list[int], count: int) -> None:
        assert self._begun is not None
        second = int(self._clock() - self._begun)
        if second >= len(per_second):
            per_second += [0] * (second + 1 - len(per_second))
        per_second[second] += count

    def document(self) -> dict[str, Any]:
        """Return the counts as JSON takes them."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


class WrittenItems:
    """Takes writes in the order they are made, and knows what came out."""

    def __init__(self, sequence: str | None) -> None:
        self._sequence = sequence
        self._tables: defaultdict[str, dict[tuple[str, ...], Item]] = defaultdict(dict)
        self.doubled = 0  # puts of an item just as the table held it
        self.out_of_order = 0  # puts with a lower sequence number than what they overwrote

    def item(self, asked: Asked) -> Item | None:
        """Return the item that a table holds under a key."""
        return self._tables[asked.table].get(asked.key)

    def set(self, asked: Asked, item: Item | None) -> None:
        """Take what a write makes of an item; None: it is deleted."""
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
    """Return the checksum of items in hexadecimal; it does not depend on their order, but on their number."""
    summed = Checksum()
    summed.add(items)
    return f"{summed.value:016x}"


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
