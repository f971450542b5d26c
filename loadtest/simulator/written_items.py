"""What a simulator took: counts, what the tables hold after all writes, and what was wrong with their order."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from loadtest.simulator.requests import Write
from loadtest.simulator.settings import Keep
from loadtest.simulator.values import Item

_MODULUS = 1 << 128
_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


class Statistics:
    """Counts. Read them from any thread; only the simulator's own writes them.

    Attributes:
        requests: all requests, those that failed too.
        items: puts taken.
        unprocessed: puts that found no capacity, those of a batch that was refused whole too.
        throttled_requests: requests answered with a throttling error.
        throttles: the unprocessed by reason.
        errors: error answers by name. Throttling is among them.
        faults: requests that were made to go wrong, by fault.
        max_in_flight: most requests at a time that were received and not yet answered.
        per_second: items taken in each second since the first request.
        asked_per_second, limited_per_second: of requests that are read in full, how many came in each second, and how
            many of those found no capacity for something or all that they asked.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: float | None = None
        self.requests = self.items = self.unprocessed = self.throttled_requests = self.bytes = 0
        self.throttles: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.connections = self.open_connections = self.max_connections = 0
        self.in_flight = self.max_in_flight = 0
        self.per_second: list[int] = []
        self.asked_per_second: list[int] = []
        self.limited_per_second: list[int] = []

    def opened(self) -> None:
        """Count a connection."""
        self.connections += 1
        self.open_connections += 1
        self.max_connections = max(self.max_connections, self.open_connections)

    def received(self, body_bytes: int) -> None:
        """Count a request."""
        if self._begun is None:
            self._begun = self._clock()
        self.requests += 1
        self.bytes += body_bytes
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


@dataclass(slots=True)
class _Kept:
    digest: int
    sequence: Decimal | None
    item: Item | None


class WrittenItems:
    """Takes writes in the order they are made, and knows what came out.

    Attributes:
        doubled: puts of an item just as the table held it.
        overwritten: puts of another item under a key the table held.
        out_of_order: those of them with a lower sequence number than what they overwrote.
    """

    def __init__(self, keep: Keep, sequence: str | None) -> None:
        self._keep, self._sequence = keep, sequence
        self._tables: dict[str, dict[tuple[str, ...], _Kept]] = {}
        self.doubled = self.overwritten = self.out_of_order = 0

    def apply(self, write: Write) -> None:
        """Take one write."""
        if self._keep == "nothing":
            return
        table = self._tables.setdefault(write.table, {})
        before, sequence = table.get(write.key), _number(write.item, self._sequence)
        kept = _Kept(digest(write.table, write.item), sequence, write.item if self._keep == "items" else None)
        table[write.key] = kept
        if before is None:
            return
        self.doubled += before.digest == kept.digest
        self.overwritten += before.digest != kept.digest
        self.out_of_order += None not in (sequence, before.sequence) and sequence < before.sequence  # type: ignore[operator]

    def keys(self, table: str) -> int:
        """Return how many items a table holds."""
        return len(self._tables.get(table, {}))

    def checksum_of(self, table: str) -> str:
        """Return the checksum of the items a table holds."""
        return _hex(kept.digest for kept in self._tables.get(table, {}).values())

    def digests(self, table: str) -> dict[tuple[str, ...], int]:
        """Return the digest of each item a table holds, by its key."""
        return {key: kept.digest for key, kept in self._tables.get(table, {}).items()}

    def items(self, table: str) -> list[Item]:
        """Return the items a table holds, if they are kept."""
        return [kept.item for kept in self._tables.get(table, {}).values() if kept.item is not None]


def checksum(table: str, items: Iterable[Item]) -> str:
    """Return a checksum that does not depend on the order of the items, but on their number.

    Numbers count as they are written: 1 and 1.0 are different items.
    """
    return _hex(digest(table, item) for item in items)


def digest(table: str, item: Item) -> int:
    """Return the digest of an item of a table, in DynamoDB JSON. Numbers count as they are written."""
    return int.from_bytes(blake2b(_text([table, item]).encode(), digest_size=16).digest())


def _hex(digests: Iterable[int]) -> str:
    return f"{sum(digests) % _MODULUS:032x}"


def _number(item: Item, attribute: str | None) -> Decimal | None:
    value = item.get(attribute, {}).get("N") if attribute else None
    return None if value is None else Decimal(value)
