"""Handles batches of queue messages: keeps them hidden during the work, and returns which must come back."""

import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypedDict

from aws_lambda_powertools import Logger

from ingest.aws.clock import Clock, redelivery_delay_s
from ingest.contract import SERVICE, MessageAttribute
from ingest.errors import IngestError, InternalFault, SettingsFault, StillLoading, UnknownMessage
from ingest.queue.sqs import SqsQueue
from ingest.worker.dispatch import Dispatcher, Message, Past
from ingest.worker.lease import Timing

DELETE_EVERY_S = 1.0  # one request deletes the messages of many small files
MARGIN_S = 5  # a message must not come back before its lease has run out
DOUBTFUL_DELIVERIES = 3  # a message delivered this often, or whose work killed a worker, is handled alone
_NOT_A_BATCH = (
    "The function was invoked with something other than a batch of SQS messages ({}). It takes its work from its "
    "queue: let S3, SNS or EventBridge send there."
)
MOST_SHOWN = 200  # characters of such an event's field names
logger = Logger(service=SERVICE, location=None)


class Failure(TypedDict):
    """One message that must come back."""

    itemIdentifier: str


class Reply(TypedDict):
    """The response that Lambda's event source mapping for SQS expects."""

    batchItemFailures: list[Failure]


Record = dict[str, Any]


class BatchHandler:
    """Handles batches of queue messages. `at_end` is called after each batch."""

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        queue: SqsQueue,
        clock: Clock,
        timing: Timing,
        retry_base_s: float,
        retry_cap_s: float,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self._dispatcher = dispatcher
        self._queue = queue
        self._clock = clock
        self._timing = timing
        self._retry_base_s = retry_base_s
        self._retry_cap_s = retry_cap_s
        self._at_end = at_end
        self._kept_s = float("-inf")
        self._done: list[str] = []
        self._deleted_s = 0.0
        self._function_s = 0.0

    def answer(self, event: object, left_s: float) -> Reply:
        """Dispatch each message of a batch; return exactly those that must come back.

        Finished messages are deleted within a second or when the batch is next hidden. Messages that may kill the
        function come last, each with no other beside it: if the function is killed, only that one comes back.

        Raises:
            SettingsFault: the event is not a batch of SQS messages.
        """
        try:
            records = records_of(event)
        except SettingsFault as fault:
            logger.error("not invoked by the queue", extra=_error_fields(fault))
            raise
        try:
            return self._answer(records, left_s)
        finally:
            self._at_end()

    def _answer(self, records: list[Record], left_s: float) -> Reply:
        deadline_s = self._clock.now_s() + left_s
        kept = {record["receiptHandle"] for record in records}
        self._kept_s = float("-inf")
        self._done, self._deleted_s = [], self._clock.monotonic_s()
        self._function_s = left_s
        rest = self._in_order(records, deadline_s)
        self._prefetch(records, deadline_s)
        failed = []
        while rest:
            record, past = rest.pop(0)
            if past.deaths or _delivery(record) >= DOUBTFUL_DELIVERIES:
                rest = [*self._separate(rest, deadline_s)]
                self._delete_done(kept)
            if not self._dispatch(record, deadline_s, kept):
                failed.append(record)
            elif rest:  # after the last message, the response deletes it at once
                self._done.append(record["receiptHandle"])
                if self._clock.monotonic_s() - self._deleted_s >= DELETE_EVERY_S:
                    self._delete_done(kept)
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def _prefetch(self, records: list[Record], deadline_s: float) -> None:
        try:
            self._dispatcher.prefetch([_message(record, deadline_s) for record in records])
        except Exception as error:  # each is looked up again when it is begun
            logger.warning("files not looked up together", extra=_error_fields(error))

    def _in_order(self, records: list[Record], deadline_s: float) -> list[tuple[Record, Past]]:
        """Return the messages with their past; those that may kill the function come last."""
        found = [(record, self._past(record, deadline_s)) for record in records]
        return sorted(found, key=lambda item: (item[1].deaths, _delivery(item[0])))

    def _past(self, record: Record, deadline_s: float) -> Past:
        try:
            return self._dispatcher.past(_message(record, deadline_s))
        except Exception as error:  # it decides only the order
            logger.warning("not known whether a message is a danger", extra=_error_fields(error))
            return Past()

    def _separate(self, rest: list[tuple[Record, Past]], deadline_s: float) -> Iterator[tuple[Record, Past]]:
        """Resend messages whose last delivery did not fail by an error of their work; yield the others.

        The message handled before them may kill this function, and each return counts as a failed delivery.
        """
        for record, past in rest:
            if past.has_no_error and self._is_sent_again(_message(record, deadline_s)):
                self._done.append(record["receiptHandle"])
            else:
                yield record, past

    def _is_sent_again(self, message: Message) -> bool:
        try:
            self._dispatcher.hand_over(message, self._dispatcher.feed_of(message.body), stalls=message.stalls)
        except Exception as error:
            logger.warning("message stays with one that is a danger", extra=_error_fields(error))
            return False
        return True

    def _dispatch(self, record: Record, deadline_s: float, kept: set[str]) -> bool:
        """Return whether a message is finished. An error of one message must not affect the others."""
        if self._clock.monotonic_s() - self._kept_s >= self._timing.lease_s / 3:
            self._keep(kept)
        message = _message(record, deadline_s)
        message = replace(message, worker=self._clock.unique(), function_s=self._function_s)
        try:
            fault = _attribute_fault(record)
            if fault:
                self._dispatcher.dead_letter(message, fault)
            else:
                self._dispatcher.dispatch(message, lambda: self._keep(kept))
        except Exception as error:
            fields = {"message_id": message.message_id, "delivery": message.delivery}
            logger.warning("message will be retried", extra=fields | _error_fields(error))
            kept.discard(record["receiptHandle"])
            self._hide(record, self._delay_s(error, message.delivery))
            return False
        return True

    def _keep(self, handles: set[str]) -> None:
        """Hide the batch for as long as a lease lasts, so that its messages come back soon if this function is killed.

        The queue's own visibility timeout is much longer: six times the function's timeout.
        """
        self._kept_s = self._clock.monotonic_s()
        self._delete_done(handles)
        try:
            self._queue.keep(handles, round(self._timing.lease_s + MARGIN_S))
        except Exception as error:  # they come back late or too early; leases in the ledger prevent double work
            logger.warning("visibility timeout not extended", extra=_error_fields(error))

    def _delay_s(self, error: Exception, delivery: int) -> int:
        """Return how many seconds a failed message stays hidden."""
        if isinstance(error, StillLoading):
            return round(error.wait_s) + 1
        return redelivery_delay_s(
            delivery, base_s=self._retry_base_s, cap_s=self._retry_cap_s, chance=self._clock.chance()
        )

    def _hide(self, record: Record, delay_s: int) -> None:
        try:
            self._queue.hide(record["receiptHandle"], delay_s)
        except Exception as error:
            fields = {"message_id": record["messageId"]} | _error_fields(error)
            logger.warning("message will be retried late", extra=fields)

    def _delete_done(self, kept: set[str]) -> None:
        done, self._done, self._deleted_s = self._done, [], self._clock.monotonic_s()
        if not done:
            return
        kept.difference_update(done)
        try:
            self._queue.delete(done)
        except Exception as error:  # the response deletes them, too
            logger.warning("messages will be deleted late", extra={"messages": len(done)} | _error_fields(error))


def records_of(event: object) -> list[Record]:
    """Return the messages that the function was invoked with.

    Raises:
        SettingsFault: it was invoked with something else, which the message describes.
    """
    records = event.get("Records") if isinstance(event, dict) else None
    if isinstance(records, list) and all(map(_is_message, records)):
        return records
    looks_like = records[0] if isinstance(records, list) else event
    names = ", ".join(sorted(map(str, looks_like))[:10]) if isinstance(looks_like, dict) else ""
    raise SettingsFault(_NOT_A_BATCH.format(f"fields {names[:MOST_SHOWN]}" if names else type(looks_like).__name__))


def _is_message(record: object) -> bool:
    needed = ("messageId", "receiptHandle", "body")
    return isinstance(record, dict) and all(isinstance(record.get(name), str) for name in needed)


def _message(record: Record, deadline_s: float) -> Message:
    hops, stalls = (_count(record, name) or 0 for name in (MessageAttribute.HOPS, MessageAttribute.STALLS))
    return Message(
        record["messageId"], record["body"], _delivery(record), deadline_s, worker="", hops=hops, stalls=stalls
    )


def _delivery(record: Record) -> int:
    return int((record.get("attributes") or {}).get("ApproximateReceiveCount", 1))


def _attribute_fault(record: Record) -> UnknownMessage | None:
    """Return what is wrong with the attributes that the ingester sets on its own messages, or None."""
    for name in (MessageAttribute.HOPS, MessageAttribute.STALLS):
        if _count(record, name) is None:
            return UnknownMessage(f"The message attribute {name} is not a whole number; the ingester did not write it.")
    return None


def _count(record: Record, name: str) -> int | None:
    """Return the number in a message attribute, 0 if the attribute is missing, None if it is not a number."""
    attribute = (record.get("messageAttributes") or {}).get(name)
    if attribute is None:
        return 0
    text = attribute.get("stringValue") if isinstance(attribute, dict) else None
    return int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text) else None


def _error_fields(error: Exception) -> dict[str, object]:
    """Return the log fields of an error. A bug's message may quote a row, so only its stack frames are logged."""
    bug = error.__cause__ if isinstance(error, InternalFault) else error
    if isinstance(bug, IngestError) or bug is None:
        return {"code": getattr(error, "code", None), "error": str(error)}
    return {"code": InternalFault.code, "error": type(bug).__name__, "frames": traceback.format_tb(bug.__traceback__)}
