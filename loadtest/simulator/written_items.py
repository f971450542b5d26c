"""What a simulator took: counts, what the tables hold after all writes, and what was wrong with their order."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from loadtest.simulator.requests import Asked
from loadtest.simulator.values import Item
from loadtest.workload.checksum import Checksum


class Statistics:
    """Counts. Read them from any thread; only the simulator's own writes them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun: float | None = None
        self.requests = self.bytes = self.items = 0  # items: writes that were made
        self.read = self.unmet = 0  # keys that were looked at, and conditions that were not met
        self.write_units, self.read_units = 0, 0.0  # without indexes; not where writes are only counted
        self.unprocessed = self.throttled_requests = 0  # what found no capacity; requests that were refused whole
        self.throttles: Counter[str] = Counter()  # what found no capacity, by reason
        self.errors: Counter[str] = Counter()  # answers by name; throttling is among them
        self.faults: Counter[str] = Counter()
        self.connections = self.open_connections = self.max_connections = 0
        self.in_flight = self.max_in_flight = 0
        self.per_second: list[int] = []  # items taken in each second since the first request
        self.asked_per_second: list[int] = []  # requests that are read in full
        self.limited_per_second: list[int] = []  # those that found no capacity for something or all they asked

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


class WrittenItems:
    """Takes writes in the order they are made, and knows what came out."""

    def __init__(self, sequence: str | None) -> None:
        self._sequence = sequence
        self._tables: defaultdict[str, dict[tuple[str, ...], Item]] = defaultdict(dict)
        self.doubled = self.overwritten = 0  # puts of an item just as the table held it, and of another of its key
        self.out_of_order = 0  # those of them with a lower sequence number than what they overwrote

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
        self.overwritten += before != item
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
