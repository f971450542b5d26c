"""What is still to be sent of some items, and what became of the rest. Pure: the time is an argument."""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Generic, Protocol, Self, TypeVar

from ingest.errors import IngestError
from ingest.items.items import Refusal


class Request(Protocol):
    """A request to DynamoDB for some rows of items."""

    @property
    def operation(self) -> str:
        """Its name in DynamoDB's API."""

    @property
    def body(self) -> bytes:
        """What is sent."""

    @property
    def rows(self) -> Sequence[int]:
        """The rows it is about."""

    @property
    def write_units(self) -> int:
        """What DynamoDB takes for all of it, without the table's indexes."""

    def only(self, rows: Sequence[int]) -> Self:
        """Return a request for some of these rows, at least one."""


R = TypeVar("R", bound=Request)


@dataclass(slots=True)
class Answered(Generic[R]):
    """What an answer says of a request's rows.

    Those `done` are in the table, or `skipped` by why, and took these write `units`; one may be refused. The rest is
    `left`, as the table had no capacity for it, or is to be asked for `instead` in other requests, at once.
    """

    done: Sequence[int] = ()
    skipped: str = ""
    units: int = 0
    refusal: Refusal | None = None
    left: R | None = None
    instead: Sequence[R] = ()


@dataclass(slots=True)
class SentRequest(Generic[R]):
    """A request to be sent or under way: how often it was sent before, and when it was sent now."""

    request: R
    tries: int = 0
    at_s: float = 0.0


class PendingRequests(Generic[R]):
    """Requests not begun, those that take the place of others, and those that wait; and what became of the others.

    `progress_s` is when something was taken last, `last_error` what went wrong last.
    """

    def __init__(self, fresh: Iterator[R], *, now_s: float) -> None:
        self.refusals: list[Refusal] = []
        self.skipped: dict[str, list[int]] = {}
        self.last_error: IngestError | None = None
        self.progress_s = now_s
        self.expired_since_s: float | None = None
        self._fresh = fresh
        self._held: deque[SentRequest[R]] = deque()
        self._at_once: deque[R] = deque()
        self._waiting: list[tuple[float, int, SentRequest[R]]] = []
        self._number = 0
        self._has_more = True

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be sent."""
        return not (self._has_more or self._held or self._at_once or self._waiting)

    def next(self, now_s: float) -> SentRequest[R] | None:
        """Return what to send now, if anything: what was held, in another's place, what has waited, what is new."""
        if self._held:
            return self._held.popleft()
        if self._at_once:
            return SentRequest(self._at_once.popleft())
        if self._waiting and self._waiting[0][0] <= now_s:
            return heappop(self._waiting)[2]
        request = next(self._fresh, None) if self._has_more else None
        self._has_more = request is not None
        return SentRequest(request) if request else None

    def again(self, request: R, tries: int, until_s: float) -> None:
        """Keep a request for later, with how often it was sent."""
        self._number += 1
        heappush(self._waiting, (until_s, self._number, SentRequest(request, tries)))

    def hold(self, sent: SentRequest[R]) -> None:
        """Keep a request that was to be sent now as the next one."""
        self._held.appendleft(sent)

    def due_in_s(self, now_s: float) -> float:
        """Return how long there is nothing to send."""
        if self._held or self._at_once or self._has_more:
            return 0.0
        return max(0.0, self._waiting[0][0] - now_s) if self._waiting else float("inf")

    def note(self, answered: Answered[R], now_s: float) -> None:
        """Take note of what became of a request: that is progress, unless all of it is left."""
        if answered.done:
            self.progress_s, self.expired_since_s = now_s, None
            if answered.skipped:
                self.skipped.setdefault(answered.skipped, []).extend(answered.done)
        elif answered.refusal:
            self.progress_s = now_s
            self.refusals.append(answered.refusal)
        if answered.instead:
            self.progress_s = now_s
            self._at_once.extend(answered.instead)
