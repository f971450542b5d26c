"""A worker process: the product's own function with a poller like Lambda's. `python -m loadtest.harness.worker`.

The environment is the function's, and: CHAOS_FUNCTION_S, the seconds after which an invocation is killed;
CHAOS_SKEW_S, the skew of its clock in seconds; CHAOS_REDELIVER, the share of messages redelivered while they are
handled; CHAOS_ROOT, the folder with feeds.toml. The process ends when its standard input does.
"""

import contextlib
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import boto3

from ingest.aws.clock import Clock
from ingest.contract import Env
from ingest.worker import handler
from ingest.worker.batch import BatchHandler

WAIT_S, MOST_MESSAGES = 1, 10


class SkewedClock(Clock):
    """The machine's clock plus a number of seconds."""

    def now_s(self) -> float:
        """Return the skewed time, in epoch seconds."""
        return super().now_s() + float(os.environ["CHAOS_SKEW_S"])


class Poller:
    """Receives batches, passes them to the function, and deletes the messages that did not fail."""

    def __init__(self, function: BatchHandler, client: Any) -> None:
        self._batch_handler = function
        self._client = client
        self._url = os.environ[Env.QUEUE_URL]
        self._function_s = float(os.environ["CHAOS_FUNCTION_S"])
        self._redeliver = float(os.environ["CHAOS_REDELIVER"])

    def poll(self) -> None:
        """Handle one batch, if there is one."""
        asked: Any = {"AttributeNames": ["All"], "MessageAttributeNames": ["All"], "WaitTimeSeconds": WAIT_S}
        answer = self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=MOST_MESSAGES, **asked)
        messages = answer.get("Messages", [])
        if messages:
            print(f'{{"received": {len(messages)}}}', flush=True)
            self._answer(messages)

    def _answer(self, messages: list[dict[str, Any]]) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._function_s)  # SIGALRM kills the process, as Lambda does
        threads = [
            self._show_soon(message["ReceiptHandle"]) for message in messages if random.random() < self._redeliver
        ]
        reply = self._batch_handler.answer({"Records": [record_of(message) for message in messages]}, self._function_s)
        signal.setitimer(signal.ITIMER_REAL, 0)
        for thread in threads:
            thread.cancel()
        failed = {failure["itemIdentifier"] for failure in reply["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                with contextlib.suppress(self._client.exceptions.ReceiptHandleIsInvalid):  # the function has deleted it
                    self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def _show_soon(self, handle: str) -> threading.Timer:
        """Make a message visible while it is handled, so that another worker receives it too."""
        shown = {"QueueUrl": self._url, "ReceiptHandle": handle, "VisibilityTimeout": 0}
        timer = threading.Timer(random.uniform(0.0, 3.0), self._client.change_message_visibility, kwargs=shown)
        timer.daemon = True
        timer.start()
        return timer


def record_of(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message as a record of a Lambda event."""
    reported = {
        name: {"stringValue": value.get("StringValue"), "dataType": value["DataType"]}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    same = {name: message[name[0].upper() + name[1:]] for name in ("messageId", "receiptHandle", "body", "attributes")}
    return {**same, "messageAttributes": reported, "eventSource": "aws:sqs"}


def main() -> None:
    """Poll until the harness has ended."""
    setattr(handler, "Clock", SkewedClock)  # noqa: B010
    root = Path(os.environ["CHAOS_ROOT"])
    poller = Poller(handler.build(os.environ, root), boto3.Session().client("sqs", config=handler.CLIENT_CONFIG))
    threading.Thread(target=_end_with_the_harness, daemon=True).start()
    print('{"worker": "ready"}', flush=True)
    while True:
        try:
            poller.poll()
        except Exception as error:  # the queue failed: Lambda's poller would continue
            print(f'{{"poller": "{type(error).__name__}"}}', flush=True)
            time.sleep(0.2)


def _end_with_the_harness() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    main()
