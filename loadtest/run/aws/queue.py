"""The stack's queues, looked into without taking anything away."""

from collections.abc import Iterator, Mapping
from typing import Any

from loadtest.run.aws.clients import Failed

_DEPTHS = [f"ApproximateNumberOfMessages{name}" for name in ("", "Delayed", "NotVisible")]
_AT_ONCE, _HIDDEN_S = 10, 60
WAIT_S = 1  # so that SQS looks on all its servers


def depths(sqs: Any, url: str) -> tuple[int, int]:
    """Return how many messages wait, delayed ones among them, and how many are with a worker."""
    reported = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_DEPTHS)["Attributes"]
    visible, delayed, with_worker = (int(reported.get(name, 0)) for name in _DEPTHS)
    return visible + delayed, with_worker


def messages_about(sqs: Any, url: str, run: str) -> list[tuple[str, str]]:
    """Return bodies and receipts of the messages of a queue that name a run; all messages stay where they are."""
    found = list(_received(sqs, url))
    for first in range(0, len(found), _AT_ONCE):
        receipts = [message["ReceiptHandle"] for message in found[first : first + _AT_ONCE]]
        entries = [{"Id": str(n), "ReceiptHandle": it, "VisibilityTimeout": 0} for n, it in enumerate(receipts)]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    return [(message["Body"], message["ReceiptHandle"]) for message in found if run in message["Body"]]


def _received(sqs: Any, url: str) -> Iterator[Mapping[str, Any]]:
    asked = {"QueueUrl": url, "MaxNumberOfMessages": _AT_ONCE, "VisibilityTimeout": _HIDDEN_S}
    asked["WaitTimeSeconds"] = WAIT_S
    while messages := sqs.receive_message(**asked).get("Messages", []):
        yield from messages


def send_all(sqs: Any, url: str, bodies: list[str]) -> None:
    """Put messages in a queue, ten a request.

    Raises:
        Failed: some were not taken.
    """
    for first in range(0, len(bodies), _AT_ONCE):
        some = bodies[first : first + _AT_ONCE]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(some)]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        if failed:
            raise Failed(f"The queue did not take {len(failed)} messages, the first because: {failed[0]}")
