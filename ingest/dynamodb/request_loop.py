"""Many requests under way in one thread, each sent until it is answered: pauses, limits, patience and counts."""

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

PATIENCE_S = 20.0  # without any row taken; the queue brings the message back
FORGET_S = 10.0  # without a request: what a table took then says little about what it takes now
EXPIRED_S = 5.0  # such answers for this long, with nothing taken in between, will not pass
CATCH_UP_S = 0.05  # what the rate allows and is not used is lost after this long
_START = ConcurrencyLimiter()
_MAY_PASS = ("ExpiredTokenException", "ExpiredToken")  # credentials are asked for again each second


class Requests(Protocol[R]):
    """Some items as requests of one kind, and what the answers to these mean."""

    def fresh(self) -> Iterator[R]:
        """Yield the requests, no sooner than each can be sent."""

    def answered(self, request: R, answer: Answer) -> Answered[R] | None:
        """Return what an answer says of a request; None where it may be an error that any request can meet.

        Raises:
            ServiceFault: it will not pass.
        """


class RequestLoop(Generic[R]):
    """Sends requests for a table until each is answered.

    What DynamoDB throttles or leaves over is sent again after a pause that grows (full jitter), as is what failed on
    its way; nothing is sent after an error that will not pass. `limiter` says how many requests may be under way at
    first, `budget` which of them may be sent. What is learnt of the table and the connections are kept from one run to
    the next.
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
        self._taken = self._left = 0  # rows: of requests that were not throttled, and of those that were
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
        """Send all of some requests until each is answered; return what became of rows not in the table.

        `taken` is called with the rows of each request that are done.

        Raises:
            ServiceFault: not all are answered.
            IngestError: whatever `heartbeat` raised, which is called before each request and at least once a second;
                not all are answered.
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
        """Give up whatever is under way and close the connections; the next run opens new ones."""
        if self._exchange:
            self._exchange.close()
            self._exchange = None
        self._gate.give_up()

    def _pass_over_idle(self) -> None:
        """Stop the loop's clock between two runs: the rate limiter learns from what was taken in a second of it."""
        idle_s = self._now_s() - self._ended_s
        if idle_s > FORGET_S:
            self._rate_limiter, self._next_s = RateLimiter(), 0.0
        self._idle_s += idle_s
        self._gate.opens_s = 0.0

    def _busy_s(self) -> float:
        """Return the loop's clock."""
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
                pending.progress_s = pending.progress_s if exchange.in_flight else now_s  # it is not the table's fault
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
        """Return how long nothing can be started; a second at most, since then `heartbeat` is due."""
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
        """Take what came of a request; return what that says of its rows, if anything."""
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
        if answer.status == 200:  # DynamoDB always says what it did; something between us and it did not
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
        """Return whether credentials were refused that are about to be replaced."""
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
        """Send a request again of which nothing is known; but it was not throttled, which the rate learns from."""
        self._taken += len(sent.request.rows)
        pending.last_error = last_error
        pause_s = send_again_pause_s(sent.tries, chance=self._chance())
        pending.again(sent.request, sent.tries + 1, self._busy_s() + pause_s)

    def _refill(self, pending: PendingRequests[R], left: R, tries: int, last_error: IngestError) -> None:
        """Send a request again when the table may have capacity for it."""
        pending.last_error = last_error
        pause_s = refill_pause_s(tries, chance=self._chance())
        pending.again(left, tries + 1, self._busy_s() + pause_s)


def error_of(answer: Answer) -> tuple[str, str]:
    """Return code and message of an error answer; empty where it has none."""
    return code_and_message(answer_document(answer))


def answer_document(answer: Answer) -> dict[str, Any]:
    """Return what an answer says; nothing where that is not a JSON object."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def code_and_message(document: dict[str, Any]) -> tuple[str, str]:
    """Return code and message of an error answer's document.

    >>> code_and_message({"__type": "com.amazonaws.dynamodb.v20120810#LimitExceededException", "message": "no"})
    ('LimitExceededException', 'no')
    """
    message = document.get("message") or document.get("Message") or ""
    return str(document.get("__type", "")).rpartition("#")[2], str(message)
