"""The fast writer: request bodies made column by column, many requests under way, in one thread."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import random

from ingest.aws.clock import refill_pause_s, send_again_pause_s
from ingest.aws.errors import service_fault
from ingest.dynamodb.batches import Batch, batches, unprocessed
from ingest.dynamodb.http.client import Exchange
from ingest.dynamodb.http.connection import ConnectionLostError
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, check_refusal, not_noted
from ingest.dynamodb.pending import PendingBatches, SentBatch
from ingest.dynamodb.rate_limit import ConcurrencyLimiter, RateLimiter
from ingest.dynamodb.write_stats import BUCKETS, Latencies, WriteStats, bucket_of, throttled_request
from ingest.errors import IngestError, Throttled, Unavailable
from ingest.items.items import Items

PATIENCE_S = 20.0  # without any item taken; the queue brings the message back
FORGET_S = 10.0  # without a write: what a table took then says little about what it takes now
EXPIRED_S = 5.0  # such answers for this long, with nothing taken in between, will not pass
CATCH_UP_S = 0.05  # what the rate allows and is not used is lost after this long
_START = ConcurrencyLimiter()
_TOOK_ALL = b'{"UnprocessedItems":{}}'
_MAY_PASS = ("ExpiredTokenException", "ExpiredToken")  # credentials are asked for again each second


class BatchWriter:
    """Puts items by BatchWriteItem, with the contract of boto3's `batch_writer` and without its faults.

    What DynamoDB leaves unprocessed or throttles is sent again after a pause that grows (full jitter); a request it
    finds invalid is halved until the bad item stands alone; nothing is sent after an error that will not pass.
    Items of one partition key are sent apart from each other, as far as they are in one call, if `interleave`.
    `limiter` says how many requests may be under way at first. Memory: the bodies of some 4,000 items, and of the
    requests under way and waiting.
    """

    def __init__(
        self,
        table: str,
        connect: Callable[[], Exchange[SentBatch]],
        *,
        interleave: bool = True,
        limiter: ConcurrencyLimiter = _START,
        patience_s: float = PATIENCE_S,
        now_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random,
    ) -> None:
        self._table = table
        self._connect = connect
        self._exchange: Exchange[SentBatch] | None = None
        self._interleave = interleave
        self._limiter = limiter
        self._rate_limiter = RateLimiter()
        self._next_s = 0.0  # when the rate allows the next request
        self._taken = self._left = 0
        self._requests = self._retries = self._items = self._units = 0
        self._latencies = [0] * BUCKETS
        self._last_error = WriteStats()
        self._patience_s = patience_s
        self._now_s = now_s
        self._ended_s = now_s()
        self._idle_s = 0.0
        self._chance = chance

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""
        return replace(
            self._last_error,
            items=self._items,
            units=self._units,
            requests=self._requests,
            retries=self._retries,
            latencies=Latencies(tuple(self._latencies)),
        )

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Put all items; return those DynamoDB refuses. All others are durable then. Keys must be distinct.

        `taken` is called with the rows of each batch that is in the table.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
            ServiceFault: not all are written.
            IngestError: whatever `heartbeat` raised, which is called before each request and at least once a second;
                not all are written.
        """
        self._exchange = self._exchange or self._connect()
        self._pass_over_idle()
        now_s = self._busy_s()
        work = PendingBatches(items, batches(items, self._table, interleave=self._interleave), now_s=now_s)
        self._rate_limiter = self._rate_limiter.begun(now=now_s, taken=self._taken, left=self._left)
        try:
            self._run(work, self._exchange, heartbeat, taken)
        except BaseException:
            self.close()
            raise
        finally:
            self._ended_s = self._now_s()
        return WriteResult(sorted(work.refusals, key=lambda refusal: refusal.row))

    def close(self) -> None:
        """Give up whatever is under way and close the connections; the next `write` opens new ones."""
        if self._exchange:
            self._exchange.close()
            self._exchange = None

    def _pass_over_idle(self) -> None:
        """Stop the writer's clock between two writes: the rate limiter learns from what was taken in a second of it."""
        idle_s = self._now_s() - self._ended_s
        if idle_s > FORGET_S:
            self._rate_limiter, self._next_s = RateLimiter(), 0.0
        self._idle_s += idle_s

    def _busy_s(self) -> float:
        """Return the writer's clock."""
        return self._now_s() - self._idle_s

    def _run(self, work: PendingBatches, exchange: Exchange[SentBatch], heartbeat: Heartbeat, taken: Taken) -> None:
        while True:
            self._start(work, exchange, heartbeat)
            if not exchange.in_flight and work.is_done:
                return
            heartbeat()
            for sent, outcome in exchange.poll(self._wait_s(work, exchange)):
                taken(self._take(work, sent, outcome))
            if self._busy_s() - work.progress_s > self._patience_s:
                raise work.last_error or Unavailable(
                    f"Table {self._table} gave no answer for {self._patience_s:.0f} s."
                )

    def _start(self, work: PendingBatches, exchange: Exchange[SentBatch], heartbeat: Heartbeat) -> None:
        now_s = self._busy_s()
        while exchange.in_flight < self._limiter.most_in_flight and self._next_s <= now_s:
            sent = work.next(now_s)
            if sent is None:
                return
            heartbeat()
            sent.at_s = now_s
            exchange.start(sent, sent.batch.body)
            self._requests += 1
            self._retries += sent.tries > 0
            self._items += len(sent.batch.rows)
            if self._rate_limiter.is_limited:
                since_s = max(self._next_s, now_s - CATCH_UP_S)
                self._next_s = since_s + len(sent.batch.rows) / self._rate_limiter.per_s(now_s)

    def _wait_s(self, work: PendingBatches, exchange: Exchange[SentBatch]) -> float:
        """Return how long nothing can be started; a second at most, since then `heartbeat` is due."""
        if exchange.in_flight >= self._limiter.most_in_flight:
            return 1.0
        now_s = self._busy_s()
        return min(1.0, max(work.due_in_s(now_s), self._next_s - now_s))

    def _take(self, work: PendingBatches, sent: SentBatch, outcome: Answer | ConnectionLostError) -> Sequence[int]:
        """Take what came of a batch; return the rows that are in the table now."""
        if isinstance(outcome, ConnectionLostError):
            self._again(work, sent, Unavailable(f"Writing to table {self._table} failed: {outcome}."))
        elif outcome.status == 200:
            return self._take_answer(work, sent, outcome.body)
        else:
            self._take_error(work, sent, outcome)
        return ()

    def _take_answer(self, work: PendingBatches, sent: SentBatch, body: bytes) -> Sequence[int]:
        if body == _TOOK_ALL:
            left = []
        elif b'"UnprocessedItems"' in body:
            left = unprocessed(body, sent.batch, work.items)
        else:  # DynamoDB always says; something between us and it did not
            self._again(work, sent, Unavailable(f"Table {self._table} answered without saying what it took."))
            return ()
        taken = len(sent.batch.rows) - len(left)
        if taken:
            self._taken += taken
            work.progress_s, work.expired_since_s = self._busy_s(), None
            self._latencies[bucket_of(work.progress_s - sent.at_s)] += 1
        if left:
            self._throttled(sent, len(left), WriteStats(unprocessed=len(left)))
            last_error = Throttled(f"Table {self._table} leaves items unprocessed: its write capacity is used up.")
            rest = sent.batch.only(left)
            self._units += sent.batch.write_units - rest.write_units
            self._refill(work, rest, sent.tries, last_error)
            return sorted(set(sent.batch.rows) - set(left))
        self._units += sent.batch.write_units
        self._limiter = self._limiter.after_success()
        return sent.batch.rows

    def _take_error(self, work: PendingBatches, sent: SentBatch, answer: Answer) -> None:
        code, message = _reported(answer.body)
        if code == "ValidationException":
            check_refusal(self._table, message)
            work.halve(sent.batch, message)
            work.progress_s = self._busy_s()
            return
        fault = service_fault(code, answer.status, message, f"writing to table {self._table}")
        if isinstance(fault, Throttled):
            self._throttled(sent, len(sent.batch.rows), throttled_request(answer.body))
            self._refill(work, sent.batch, sent.tries, fault)
            return
        if not (self._may_pass(work, code) or isinstance(fault, Unavailable)):
            raise fault
        self._again(work, sent, fault)

    def _may_pass(self, work: PendingBatches, code: str) -> bool:
        """Return whether credentials were refused that are about to be replaced."""
        if code not in _MAY_PASS:
            return False
        if work.expired_since_s is None:
            work.expired_since_s = self._busy_s()
        return self._busy_s() - work.expired_since_s < EXPIRED_S

    def _throttled(self, sent: SentBatch, left: int, counted: WriteStats) -> None:
        now_s = self._busy_s()
        self._last_error = self._last_error.plus(counted)
        self._limiter = self._limiter.after_throttle(begun_at=sent.at_s, now=now_s)
        self._left += left
        share = left / len(sent.batch.rows)
        self._rate_limiter = self._rate_limiter.after_throttle(
            begun_at=sent.at_s, now=now_s, taken=self._taken, left=self._left, share=share
        )

    def _again(self, work: PendingBatches, sent: SentBatch, last_error: IngestError) -> None:
        """Send a batch again of which nothing is known."""
        work.last_error = last_error
        pause_s = send_again_pause_s(sent.tries, chance=self._chance())
        work.again(sent.batch, sent.tries + 1, self._busy_s() + pause_s)

    def _refill(self, work: PendingBatches, left: Batch, tries: int, last_error: IngestError) -> None:
        """Send a batch again when the table may have capacity for it."""
        work.last_error = last_error
        pause_s = refill_pause_s(tries, chance=self._chance())
        work.again(left, tries + 1, self._busy_s() + pause_s)


def _reported(body: bytes) -> tuple[str, str]:
    """Return code and message of an error answer."""
    try:
        reported = json.loads(body)
        message = reported.get("message") or reported.get("Message") or ""
        return str(reported.get("__type", "")).rpartition("#")[2], str(message)
    except (ValueError, AttributeError):
        return "", ""
