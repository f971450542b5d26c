"""The fast writer: request bodies made column by column, many requests under way, in one thread."""

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from random import random

from ingest.core.answers import unprocessed
from ingest.core.batches import Batch, batches
from ingest.core.counts import WriteCounts, throttled_request
from ingest.core.faults import Refusal
from ingest.core.flow import Flow
from ingest.core.items import Items
from ingest.core.retry import send_again_pause_s
from ingest.edges.aws_errors import service_fault
from ingest.edges.http.answers import Answer
from ingest.edges.http.connection import ConnectionLostError
from ingest.edges.http.exchange import Exchange
from ingest.errors import IngestError, Throttled, Unavailable

PATIENCE_S = 20.0  # without any item taken; the queue brings the message back
_START = Flow()
_TOOK_ALL = b'{"UnprocessedItems":{}}'
_MAY_PASS = ("ExpiredTokenException", "ExpiredToken")  # credentials are asked for again each second
_MOST_EXPIRED = 10  # such answers in a row, with nothing taken in between


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch under way: how often it was sent before, and when it was sent now."""

    batch: Batch
    tries: int = 0
    at_s: float = 0.0


class BatchWriter:
    """Puts items by BatchWriteItem, with the contract of boto3's `batch_writer` and without its faults.

    What DynamoDB leaves unprocessed or throttles is sent again after a pause that grows (full jitter); a request it
    finds invalid is halved until the bad item stands alone; nothing is sent after an error that will not pass.
    Items of one partition key are sent apart from each other, as far as they are in one call, if `interleave`.
    `flow` is how many requests may be under way at first. `beat` is called before each request and at least once a
    second: what it raises ends the write there and then. Memory: the bodies of some 4,000 items, and of the requests
    under way and waiting.
    """

    def __init__(
        self,
        table: str,
        connect: Callable[[], Exchange[Sent]],
        *,
        interleave: bool = True,
        flow: Flow = _START,
        beat: Callable[[], None] = lambda: None,
        patience_s: float = PATIENCE_S,
        now_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random,
    ) -> None:
        self._table = table
        self._connect = connect
        self._exchange: Exchange[Sent] | None = None
        self._interleave = interleave
        self._flow = flow
        self._requests = self._retries = 0
        self._trouble = WriteCounts()
        self._beat = beat
        self._patience_s = patience_s
        self._now_s = now_s
        self._chance = chance

    @property
    def counts(self) -> WriteCounts:
        """What was counted since the writer was made."""
        return replace(self._trouble, requests=self._requests, retries=self._retries)

    def write(self, items: Items) -> list[Refusal]:
        """Put all items; return those DynamoDB refuses. All others are durable then. Keys must be distinct.

        Raises:
            ServiceFault: not all are written.
            IngestError: whatever `beat` raised; not all are written.
        """
        self._exchange = self._exchange or self._connect()
        work = _Work(items, batches(items, self._table, interleave=self._interleave))
        try:
            self._run(work, self._exchange)
        except BaseException:
            self.close()
            raise
        return sorted(work.refusals, key=lambda refusal: refusal.row)

    def close(self) -> None:
        """Give up whatever is under way and close the connections; the next `write` opens new ones."""
        if self._exchange:
            self._exchange.close()
            self._exchange = None

    def _run(self, work: "_Work", exchange: Exchange[Sent]) -> None:
        work.progress_s = self._now_s()
        while True:
            self._start(work, exchange)
            if not exchange.in_flight and work.is_done:
                return
            self._beat()
            for sent, outcome in exchange.poll(work.pause_s(self._now_s())):
                self._take(work, sent, outcome)
            if self._now_s() - work.progress_s > self._patience_s:
                raise work.trouble or Unavailable(f"Table {self._table} gave no answer for {self._patience_s:.0f} s.")

    def _start(self, work: "_Work", exchange: Exchange[Sent]) -> None:
        now_s = self._now_s()
        while exchange.in_flight < self._flow.most_in_flight:
            sent = work.next(now_s)
            if sent is None:
                return
            self._beat()
            exchange.start(replace(sent, at_s=now_s), sent.batch.body)
            self._requests += 1
            self._retries += sent.tries > 0

    def _take(self, work: "_Work", sent: Sent, outcome: Answer | ConnectionLostError) -> None:
        if isinstance(outcome, ConnectionLostError):
            self._again(work, sent, Unavailable(f"Writing to table {self._table} failed: {outcome}."))
        elif outcome.status == 200:
            self._take_answer(work, sent, outcome.body)
        else:
            self._take_error(work, sent, outcome)

    def _take_answer(self, work: "_Work", sent: Sent, body: bytes) -> None:
        if b'"UnprocessedItems"' not in body:  # DynamoDB always tells; something between us and it did not
            self._again(work, sent, Unavailable(f"Table {self._table} answered without saying what it took."))
            return
        left = [] if body == _TOOK_ALL else unprocessed(body, sent.batch, work.items)
        if len(left) < len(sent.batch.rows):
            work.progress_s, work.expired_in_a_row = self._now_s(), 0
        if not left:
            self._flow = self._flow.after_success()
            return
        self._throttled(sent, WriteCounts(unprocessed=len(left)))
        trouble = Throttled(f"Table {self._table} leaves items unprocessed: its write capacity is used up.")
        self._again(work, replace(sent, batch=sent.batch.only(left)), trouble)

    def _take_error(self, work: "_Work", sent: Sent, answer: Answer) -> None:
        code, message = _told(answer.body)
        if code == "ValidationException":
            work.halve(sent.batch, message)
            work.progress_s = self._now_s()
            return
        fault = service_fault(code, answer.status, message, f"writing to table {self._table}")
        if isinstance(fault, Throttled):
            self._throttled(sent, throttled_request(answer.body))
        work.expired_in_a_row += code in _MAY_PASS
        is_expired = code in _MAY_PASS and work.expired_in_a_row <= _MOST_EXPIRED
        if not (is_expired or isinstance(fault, (Throttled, Unavailable))):
            raise fault
        self._again(work, sent, fault)

    def _throttled(self, sent: Sent, counted: WriteCounts) -> None:
        self._trouble = self._trouble.plus(counted)
        self._flow = self._flow.after_throttle(begun_at=sent.at_s, now=self._now_s())

    def _again(self, work: "_Work", sent: Sent, trouble: IngestError) -> None:
        pause_s = send_again_pause_s(sent.tries, chance=self._chance())
        work.trouble = trouble
        work.wait(replace(sent, tries=sent.tries + 1), self._now_s() + pause_s)


class _Work:
    """What is still to be sent of some items: batches not begun, halves of refused ones, and those that wait."""

    def __init__(self, items: Items, fresh: Iterator[Batch]) -> None:
        self.items = items
        self.refusals: list[Refusal] = []
        self.trouble: IngestError | None = None
        self.progress_s = 0.0
        self.expired_in_a_row = 0
        self._fresh = fresh
        self._halves: deque[Batch] = deque()
        self._waiting: list[tuple[float, int, Sent]] = []
        self._number = 0
        self._has_more = True

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to be sent."""
        return not (self._has_more or self._halves or self._waiting)

    def next(self, now_s: float) -> Sent | None:
        """Return what to send now, if anything: halves first, then what has waited long enough, then what is new."""
        if self._halves:
            return Sent(self._halves.popleft())
        if self._waiting and self._waiting[0][0] <= now_s:
            return heappop(self._waiting)[2]
        batch = next(self._fresh, None) if self._has_more else None
        self._has_more = batch is not None
        return Sent(batch) if batch else None

    def wait(self, sent: Sent, until_s: float) -> None:
        """Keep a batch for later."""
        self._number += 1
        heappush(self._waiting, (until_s, self._number, sent))

    def pause_s(self, now_s: float) -> float:
        """Return how long nothing can become due."""
        return min(1.0, max(0.0, self._waiting[0][0] - now_s)) if self._waiting else 1.0

    def halve(self, batch: Batch, message: str) -> None:
        """Send the halves of a refused batch apart; an item alone is the bad one."""
        rows = batch.rows
        if len(rows) == 1:
            self.refusals.append(Refusal(rows[0], message))
            return
        middle = len(rows) // 2
        self._halves.extend((batch.only(rows[:middle]), batch.only(rows[middle:])))


def _told(body: bytes) -> tuple[str, str]:
    """Return code and message of an error answer."""
    try:
        told = json.loads(body)
        message = told.get("message") or told.get("Message") or ""
        return str(told.get("__type", "")).rpartition("#")[2], str(message)
    except (ValueError, AttributeError):
        return "", ""
