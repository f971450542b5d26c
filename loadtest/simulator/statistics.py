"""What a simulator did: counts, and the items it took in each second."""

from collections import Counter
from collections.abc import Callable
from typing import Any


class Statistics:
    """Counts. Read them from any thread; only the simulator's own writes them.

    Attributes:
        requests: all requests, those that failed too.
        items, deletes: puts and deletes taken.
        unprocessed: puts and deletes that found no capacity, those of a batch that was refused whole too.
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
        self.requests = self.items = self.deletes = self.unprocessed = self.throttled_requests = self.bytes = 0
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

    def closed(self) -> None:
        """Count a connection's end."""
        self.open_connections -= 1

    def received(self, body_bytes: int) -> None:
        """Count a request."""
        if self._begun is None:
            self._begun = self._clock()
        self.requests += 1
        self.bytes += body_bytes
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)

    def answered(self) -> None:
        """Count a request as no longer in flight."""
        self.in_flight -= 1

    def took(self, items: int, deletes: int = 0) -> None:
        """Count what was taken, now."""
        self.items += items
        self.deletes += deletes
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
