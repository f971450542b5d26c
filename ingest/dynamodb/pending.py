"""What is still to be sent of some items. Pure: the time is an argument."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

from ingest.dynamodb.batches import Batch
from ingest.errors import IngestError
from ingest.items.items import Items, Refusal


@dataclass(slots=True)
class SentBatch:
    """A batch to be sent or under way: how often it was sent before, and when it was sent now."""

    batch: Batch
    tries: int = 0
    at_s: float = 0.0


class PendingBatches:
    """Batches not begun, halves of refused ones, and those that wait; and what became of the others.

    `progress_s` is when something was taken last, `last_error` what went wrong last.
    """

    def __init__(self, items: Items, fresh: Iterator[Batch], *, now_s: float) -> None:
        self.items = items
        self.refusals: list[Refusal] = []
        self.last_error: IngestError | None = None
        self.progress_s = now_s
        self.expired_since_s: float | None = None
        self._fresh = fresh
        self._halves: deque[Batch] = deque()
        self._waiting: list[tuple[float, int, SentBatch]] = []
        self._number = 0
        self._has_more = True

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be sent."""
        return not (self._has_more or self._halves or self._waiting)

    def next(self, now_s: float) -> SentBatch | None:
        """Return what to send now, if anything: halves first, then what has waited long enough, then what is new."""
        if self._halves:
            return SentBatch(self._halves.popleft())
        if self._waiting and self._waiting[0][0] <= now_s:
            return heappop(self._waiting)[2]
        batch = next(self._fresh, None) if self._has_more else None
        self._has_more = batch is not None
        return SentBatch(batch) if batch else None

    def again(self, batch: Batch, tries: int, until_s: float) -> None:
        """Keep a batch for later, with how often it was sent."""
        self._number += 1
        heappush(self._waiting, (until_s, self._number, SentBatch(batch, tries)))

    def due_in_s(self, now_s: float) -> float:
        """Return how long there is nothing to send."""
        if self._halves or self._has_more:
            return 0.0
        return max(0.0, self._waiting[0][0] - now_s) if self._waiting else float("inf")

    def halve(self, batch: Batch, message: str) -> None:
        """Send the halves of a refused batch apart; an item alone is the bad one."""
        rows = batch.rows
        if len(rows) == 1:
            self.refusals.append(Refusal(rows[0], message))
            return
        middle = len(rows) // 2
        self._halves.extend((batch.only(rows[:middle]), batch.only(rows[middle:])))
