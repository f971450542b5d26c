"""Answers batches of queue messages: keeps them hidden while they are worked on, and says which must come back."""

import traceback
from dataclasses import replace
from typing import Any, TypedDict

from aws_lambda_powertools import Logger

from ingest.aws.clock import Clock, redelivery_delay_s
from ingest.contract import SERVICE, MessageAttribute
from ingest.errors import IngestError, InternalFault, StillLoading
from ingest.queue.sqs import SqsQueue
from ingest.worker.dispatch import Dispatcher, Message
from ingest.worker.lease import Timing

MARGIN_S = 5  # a message comes back when its lease has run out, not before
logger = Logger(service=SERVICE, location=None)


class Failure(TypedDict):
    """One message that must come back."""

    itemIdentifier: str


class Reply(TypedDict):
    """What Lambda's event source mapping for SQS expects."""

    batchItemFailures: list[Failure]


class BatchHandler:
    """Answers batches of queue messages."""

    def __init__(
        self,
        *,
        dispatcher: Dispatcher,
        queue: SqsQueue,
        clock: Clock,
        timing: Timing,
        retry_base_s: float,
        retry_cap_s: float,
    ) -> None:
        self._dispatcher = dispatcher
        self._queue = queue
        self._clock = clock
        self._timing = timing
        self._retry_base_s = retry_base_s
        self._retry_cap_s = retry_cap_s
        self._kept_s = float("-inf")
        self._function_s = 0.0

    def answer(self, event: dict[str, Any], left_s: float) -> Reply:
        """Dispatch each message of a batch; return exactly those that must come back."""
        deadline_s = self._clock.now_s() + left_s
        kept = {record["receiptHandle"] for record in event["Records"]}
        self._kept_s = float("-inf")
        self._function_s = left_s
        failed = [record for record in event["Records"] if not self._dispatch(record, deadline_s, kept)]
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in failed]}

    def _dispatch(self, record: dict[str, Any], deadline_s: float, kept: set[str]) -> bool:
        """Return whether a message is done with. Nothing that happens to one may harm the others."""
        message = replace(_message(record, deadline_s, self._clock.unique()), function_s=self._function_s)
        if self._clock.monotonic_s() - self._kept_s >= self._timing.lease_s / 3:
            self._keep(kept)
        try:
            self._dispatcher.dispatch(message, lambda: self._keep(kept))
        except Exception as error:
            fields = {"message_id": message.message_id, "delivery": message.delivery}
            logger.warning("message will be retried", extra=fields | _error_fields(error))
            kept.discard(record["receiptHandle"])
            self._hide(record, self._delay_s(error, message.delivery))
            return False
        return True

    def _keep(self, handles: set[str]) -> None:
        """Hide the batch for as long as a lease holds: if this function is killed, its messages come back soon.

        Not for as long as the queue would hide them, six times the function's time.
        """
        self._kept_s = self._clock.monotonic_s()
        try:
            self._queue.keep(handles, round(self._timing.lease_s + MARGIN_S))
        except Exception as error:  # they come back later, or too early: the ledger knows whose they are
            logger.warning("visibility timeout not extended", extra=_error_fields(error))

    def _delay_s(self, error: Exception, delivery: int) -> int:
        """Return how long a failed message stays hidden."""
        if isinstance(error, StillLoading):
            return round(error.wait_s) + 1
        return redelivery_delay_s(
            delivery, base_s=self._retry_base_s, cap_s=self._retry_cap_s, chance=self._clock.chance()
        )

    def _hide(self, record: dict[str, Any], delay_s: int) -> None:
        try:
            self._queue.hide(record["receiptHandle"], delay_s)
        except Exception as error:
            fields = {"message_id": record["messageId"]} | _error_fields(error)
            logger.warning("message will be retried late", extra=fields)


def _message(record: dict[str, Any], deadline_s: float, worker: str) -> Message:
    attributes = record.get("messageAttributes", {})
    names = (MessageAttribute.HOPS, MessageAttribute.STALLS)
    hops, stalls = (int(attributes.get(name, {}).get("stringValue") or 0) for name in names)
    delivery = int(record["attributes"]["ApproximateReceiveCount"])
    return Message(record["messageId"], record["body"], delivery, deadline_s, worker, hops, stalls)


def _error_fields(error: Exception) -> dict[str, object]:
    """Return what the log may say of an error. A bug's own message may quote a row, so only its frames are shown."""
    bug = error.__cause__ if isinstance(error, InternalFault) else error
    if isinstance(bug, IngestError) or bug is None:
        return {"code": getattr(error, "code", None), "error": str(error)}
    return {"code": InternalFault.code, "error": type(bug).__name__, "frames": traceback.format_tb(bug.__traceback__)}
