"""The request loop: many requests in flight from one thread, each retried until answered; back-off, limits, counts."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import random
from typing import Any, Generic, Protocol

from ingest.aws.clock import refill_pause_s, send_again_pause_s
from ingest.aws.errors import service_fault
from ingest.dynamodb.budget.worker import Budget, BudgetGate
from ingest.dynamodb.http.client import Exchange
from ingest.dynamodb.http.connection import ConnectionLostError
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult
from ingest.dynamodb.pending import Answered, PendingRequests, R, SentRequest
from ingest.dynamodb.rate_limit import ConcurrencyLimiter, RateLimiter
from ingest.dynamodb.write_stats import BUCKETS, Latencies, WriteStats, bucket_of, throttled_request
from ingest.errors import IngestError, Throttled, Unavailable

PATIENCE_S = 20.0  # without progress for this long, the loop gives up; SQS then delivers the message again
FORGET_S = 10.0  # without a request for this long, what was learnt about the table's throughput is dropped
EXPIRED_S = 5.0  # expired-token errors for this long, with nothing written in between, are permanent
CATCH_UP_S = 0.05  # what the rate allows is lost if it is not used within this time
_START = ConcurrencyLimiter()
_MAY_PASS = ("ExpiredTokenException", "ExpiredToken")  # retried: credentials are read again each second


class Requests(Protocol[R]):
    """The requests of one kind for some items, and how their responses are interpreted."""

    def fresh(self) -> Iterator[R]:
        """Yield the requests lazily: each is taken only when it can be sent."""

    def answered(self, request: R, answer: Answer) -> Answered[R] | None:
        """Return what a response means for its request; None for an error that is not specific to this request.

        Raises:
            ServiceFault: the error is permanent.
        """


class RequestLoop(Generic[R]):
    """Sends requests for a table until each is answered.

    Throttled requests, unprocessed items and requests that failed in transit are retried with growing back-off (full
    jitter); after a permanent error nothing more is sent. `limiter` sets how many requests may be in flight at first,
    `budget` which of them may be sent. Connections and what was learnt about the table are kept between runs.
    """

    def __init__(
        self,
        table: str,
        connect: Callable[[], Exchange[SentRequest[R]]],
        *,
        limiter: ConcurrencyLimiter = _START,
        doing: str = "writing to",
        budget: Budget | None = None,
        patience_s: float = PATIENCE_S,
        now_s: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random,
    ) -> None:
        self.table = table
        self.connect = connect
        self._exchange: Exchange[SentRequest[R]] | None = None
        self.limiter = limiter
        self._doing = f"{doing} table {table}"  # for messages
        self._gate = BudgetGate[R](budget)
        self._rate_limiter = RateLimiter()
        self._next_s = 0.0  # when the rate allows the next request
        self._taken = self._left = 0  # rows: accepted or not known to be throttled, and throttled
        self._requests = self._retries = self._rows = self._units = 0
        self._latencies = [0] * BUCKETS
        self._errors = WriteStats()
        self._patience_s = patience_s
        self._now_s = now_s
        self._ended_s = now_s()
        self._idle_s = 0.0
        self._chance = chance

    @property
    def stats(self) -> WriteStats:
        """What was counted since the loop was made."""
        return replace(
            self._errors,
            items=self._rows,
            units=self._units,
            requests=self._requests,
            retries=self._retries,
            latencies=Latencies(tuple(self._latencies)),
        )

    def run(self, requests: Requests[R], heartbeat: Heartbeat, taken: Taken) -> WriteResult:
        """Send the requests until each is answered; return the rows refused or skipped.

        `taken` is called with the rows that each response completes.

        Raises:
            ServiceFault: not all are answered.
            IngestError: raised by `heartbeat`, which is called before each request and at least once a second; not all
                are answered.
        """
        self._exchange = self._exchange or self.connect()
        self._pass_over_idle()
        now_s = self._busy_s()
        pending = PendingRequests(requests.fresh(), now_s=now_s)
        self._rate_limiter = self._rate_limiter.begun(now=now_s, taken=self._taken, left=self._left)
        try:
            self._run(requests, pending, self._exchange, heartbeat, taken)
        except BaseException:
            self.close()
            raise
        finally:
            self._ended_s = self._now_s()
        skipped = {why: sorted(rows) for why, rows in pending.skipped.items()}
        return WriteResult(sorted(pending.refusals, key=lambda refusal: refusal.row), skipped)

    def close(self) -> None:
        """Abandon the requests in flight and close the connections; the next run opens new ones."""
        if self._exchange:
            self._exchange.close()
            self._exchange = None
        self._gate.give_up()

    def _pass_over_idle(self) -> None:
        """Exclude the time between two runs from the loop's clock: the rate limiter measures items a second by it."""
        idle_s = self._now_s() - self._ended_s
        if idle_s > FORGET_S:
            self._rate_limiter, self._next_s = RateLimiter(), 0.0
        self._idle_s += idle_s
        self._gate.opens_s = 0.0

    def _busy_s(self) -> float:
        """Return the loop's clock: seconds, without those between runs."""
        return self._now_s() - self._idle_s

    def _run(
        self,
        requests: Requests[R],
        pending: PendingRequests[R],
        exchange: Exchange[SentRequest[R]],
        heartbeat: Heartbeat,
        taken: Taken,
    ) -> None:
        while True:
            self._start(pending, exchange, heartbeat)
            if not exchange.in_flight and pending.is_done:
                return
            heartbeat()
            for sent, came in exchange.poll(self._wait_s(pending, exchange)):
                answered = self._take(requests, pending, sent, came)
                if answered and answered.done:
                    taken(answered.done, answered.skipped)
            if self._busy_s() - pending.progress_s > self._patience_s:
                raise pending.last_error or Unavailable(
                    f"Table {self.table} gave no answer for {self._patience_s:.0f} s."
                )

    def _start(self, pending: PendingRequests[R], exchange: Exchange[SentRequest[R]], heartbeat: Heartbeat) -> None:
        now_s, gate, is_limited = self._busy_s(), self._gate, self._rate_limiter.is_limited
        for _ in range(self.limiter.most_in_flight - exchange.in_flight):
            if self._next_s > now_s or gate.opens_s > now_s:
                return
            sent = pending.next(now_s)
            if sent is None:
                return
            heartbeat()
            if not gate.admit(pending, sent, now_s):
                pending.progress_s = pending.progress_s if exchange.in_flight else now_s  # the wait is for the budget
                return
            sent.at_s, request = now_s, sent.request
            exchange.start(sent, gate.body(request), request.operation)
            rows = len(request.rows)
            self._requests += 1
            self._retries += sent.tries > 0
            self._rows += rows
            if is_limited:
                self._next_s = max(self._next_s, now_s - CATCH_UP_S) + rows / self._rate_limiter.per_s(now_s)

    def _wait_s(self, pending: PendingRequests[R], exchange: Exchange[SentRequest[R]]) -> float:
        """Return the seconds until another request can start; at most 1, because `heartbeat` is due then."""
        if exchange.in_flight >= self.limiter.most_in_flight:
            return 1.0
        now_s = self._busy_s()
        return min(1.0, max(pending.due_in_s(now_s), self._next_s - now_s, self._gate.opens_s - now_s))

    def _take(
        self,
        requests: Requests[R],
        pending: PendingRequests[R],
        sent: SentRequest[R],
        came: Answer | ConnectionLostError,
    ) -> Answered[R] | None:
        """Process the response or failure of a request; return what it means for the rows, None if nothing."""
        if isinstance(came, ConnectionLostError):
            self._gate.answered(sent, None, None)
            self._again(pending, sent, Unavailable(f"{self._doing[0].upper()}{self._doing[1:]} failed: {came}."))
            return None
        answered = requests.answered(sent.request, came)
        self._gate.answered(sent, came, answered)
        if answered is None:
            self._take_error(pending, sent, came)
            return None
        now_s = self._busy_s()
        pending.note(answered, now_s)
        if answered.done:
            self._taken += len(answered.done)
            self._units += answered.units
            self._latencies[bucket_of(now_s - sent.at_s)] += 1
        if answered.left:
            left = len(answered.left.rows)
            self._throttled(sent, left, WriteStats(unprocessed=left))
            last_error = Throttled(f"Table {self.table} leaves items unprocessed: its write capacity is used up.")
            self._refill(pending, answered.left, sent.tries, last_error)
        elif answered.done:
            self.limiter = self.limiter.after_success()
        return answered

    def _take_error(self, pending: PendingRequests[R], sent: SentRequest[R], answer: Answer) -> None:
        if answer.status == 200:  # DynamoDB always reports what it did: an intermediary answered
            fault: IngestError = Unavailable(f"Table {self.table} answered without saying what it took.")
            self._again(pending, sent, fault)
            return
        code, message = error_of(answer)
        fault = service_fault(code, answer.status, message, self._doing)
        if isinstance(fault, Throttled):
            self._throttled(sent, len(sent.request.rows), throttled_request(answer.body))
            self._refill(pending, sent.request, sent.tries, fault)
            return
        if not (self._may_pass(pending, code) or isinstance(fault, Unavailable)):
            raise fault
        self._again(pending, sent, fault)

    def _may_pass(self, pending: PendingRequests[R], code: str) -> bool:
        """Return whether the credentials expired so recently that new ones may still come."""
        if code not in _MAY_PASS:
            return False
        if pending.expired_since_s is None:
            pending.expired_since_s = self._busy_s()
        return self._busy_s() - pending.expired_since_s < EXPIRED_S

    def _throttled(self, sent: SentRequest[R], left: int, counted: WriteStats) -> None:
        now_s, rows = self._busy_s(), len(sent.request.rows)
        self._errors = self._errors.plus(counted)
        self.limiter = self.limiter.after_throttle(begun_at=sent.at_s, now=now_s)
        self._left += left
        share = left / rows if rows > 1 else None
        self._rate_limiter = self._rate_limiter.after_throttle(
            begun_at=sent.at_s, now=now_s, taken=self._taken, left=self._left, share=share
        )

    def _again(self, pending: PendingRequests[R], sent: SentRequest[R], last_error: IngestError) -> None:
        """Retry a request of unknown outcome. The rate limiter counts its rows as taken: they were not throttled."""
        self._taken += len(sent.request.rows)
        pending.last_error = last_error
        pause_s = send_again_pause_s(sent.tries, chance=self._chance())
        pending.again(sent.request, sent.tries + 1, self._busy_s() + pause_s)

    def _refill(self, pending: PendingRequests[R], left: R, tries: int, last_error: IngestError) -> None:
        """Retry throttled or unprocessed rows after a pause in which the table's capacity may refill."""
        pending.last_error = last_error
        pause_s = refill_pause_s(tries, chance=self._chance())
        pending.again(left, tries + 1, self._busy_s() + pause_s)


def error_of(answer: Answer) -> tuple[str, str]:
    """Return the code and message of an error response; empty strings where it has none."""
    return code_and_message(answer_document(answer))


def answer_document(answer: Answer) -> dict[str, Any]:
    """Return the JSON object in a response; an empty one if the body is not a JSON object."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def code_and_message(document: dict[str, Any]) -> tuple[str, str]:
    """Return the code and message of an error response's document.

    >>> code_and_message({"__type": "com.amazonaws.dynamodb.v20120810#LimitExceededException", "message": "no"})
    ('LimitExceededException', 'no')
    """
    message = document.get("message") or document.get("Message") or ""
    return str(document.get("__type", "")).rpartition("#")[2], str(message)
