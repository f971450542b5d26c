"""The stack's queues, looked into without taking anything away."""

import json
from collections.abc import Iterator
from typing import Any

_DEPTHS = [f"ApproximateNumberOfMessages{name}" for name in ("", "Delayed", "NotVisible")]
_AT_ONCE, _HIDDEN_S = 10, 30


def depths(sqs: Any, url: str) -> tuple[int, int]:
    """Return how many messages wait, delayed ones among them, and how many are with a worker."""
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_DEPTHS)["Attributes"]
    visible, delayed, with_worker = (int(told.get(name, 0)) for name in _DEPTHS)
    return visible + delayed, with_worker


def messages_about(sqs: Any, url: str, run: str) -> Iterator[tuple[str, str]]:
    """Yield bodies and receipts of the messages of a queue that name a run. All come to light again after a while."""
    while True:
        asked = {"QueueUrl": url, "MaxNumberOfMessages": _AT_ONCE, "VisibilityTimeout": _HIDDEN_S}
        messages = sqs.receive_message(**asked, WaitTimeSeconds=1).get("Messages", [])
        yield from ((message["Body"], message["ReceiptHandle"]) for message in messages if run in message["Body"])
        if not messages:
            return


def send_all(sqs: Any, url: str, bodies: list[str]) -> None:
    """Put messages in a queue, ten a request.

    Raises:
        RuntimeError: some were not taken.
    """
    for first in range(0, len(bodies), _AT_ONCE):
        some = bodies[first : first + _AT_ONCE]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(some)]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        if failed:
            raise RuntimeError(
                f"the queue did not take {len(failed)} messages, the first because: {json.dumps(failed[0])}"
            )
