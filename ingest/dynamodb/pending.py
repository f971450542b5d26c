"""The requests still to be sent, and the outcome of the others. Pure: the time is an argument."""

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
        """The operation's name in DynamoDB's API."""

    @property
    def body(self) -> bytes:
        """The request's body."""

    @property
    def rows(self) -> Sequence[int]:
        """The rows it reads or writes."""

    @property
    def write_units(self) -> int:
        """The write units of all its rows, without those of the table's indexes."""

    def only(self, rows: Sequence[int]) -> Self:
        """Return a request for some of these rows, at least one."""


R = TypeVar("R", bound=Request)


@dataclass(slots=True)
class Answered(Generic[R]):
    """What a response means for a request's rows.

    Rows `done` are in the table, or `skipped` for this reason, and consumed these write `units`; a row may be refused.
    The rest is `left`, because the table had no capacity for it, or is sent `instead` in other requests at once.
    """

    done: Sequence[int] = ()
    skipped: str = ""
    units: int = 0
    refusal: Refusal | None = None
    left: R | None = None
    instead: Sequence[R] = ()


@dataclass(slots=True)
class SentRequest(Generic[R]):
    """A request to be sent or in flight: how often it was sent before, and when this attempt was sent."""

    request: R
    tries: int = 0
    at_s: float = 0.0


class PendingRequests(Generic[R]):
    """Requests not yet sent, replacements of others, and retries that wait; and the outcome of those answered.

    `progress_s` is the time of the last progress, `last_error` the most recent error.
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
        """Return the request to send now, if any: held ones first, then replacements, retries now due, new ones."""
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
        """Schedule a retry for `until_s`; `tries` is how often the request was sent."""
        self._number += 1
        heappush(self._waiting, (until_s, self._number, SentRequest(request, tries)))

    def hold(self, sent: SentRequest[R]) -> None:
        """Put a request back, to be the next one sent."""
        self._held.appendleft(sent)

    def due_in_s(self, now_s: float) -> float:
        """Return the seconds until there is something to send; `inf` if nothing is left."""
        if self._held or self._at_once or self._has_more:
            return 0.0
        return max(0.0, self._waiting[0][0] - now_s) if self._waiting else float("inf")

    def note(self, answered: Answered[R], now_s: float) -> None:
        """Record the outcome of a request; it is progress, unless all its rows are left."""
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
