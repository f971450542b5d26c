"""Messages of a stack's queues, whether it is local or on AWS: S3 notifications, sending, depths, taking."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote_plus

MOST_MESSAGES = 10  # a request
_DEPTHS = [f"ApproximateNumberOfMessages{name}" for name in ("", "Delayed", "NotVisible")]


class Depths(NamedTuple):
    """How many messages a queue holds: those that can be received now, delayed ones, and those in flight."""

    visible: int
    delayed: int
    in_flight: int

    @property
    def waiting(self) -> int:
        """Those that no worker has, delayed ones among them."""
        return self.visible + self.delayed


class NotSentError(RuntimeError):
    """The queue did not take some messages; says why."""


def s3_notification(bucket: str, key: str, *, sequencer: str, etag: str | None = None, size: int | None = None) -> str:
    """Return the body of an S3 notification about a new object; `size` and `etag` are left out if they are None."""
    known = {"key": quote_plus(key, safe="/"), "size": size, "eTag": etag, "sequencer": sequencer}
    thing = {name: value for name, value in known.items() if value is not None}
    record = {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": thing},
    }
    return json.dumps({"Records": [record]})


def send_all(sqs: Any, url: str, bodies: Sequence[str]) -> None:
    """Put messages in a queue, ten a request; raises NotSentError: some were not taken."""
    for first in range(0, len(bodies), MOST_MESSAGES):
        batch = bodies[first : first + MOST_MESSAGES]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        if failed:
            raise NotSentError(f"The queue did not take {len(failed)} messages, the first because: {failed[0]}")


def depths(sqs: Any, url: str) -> Depths:
    """Return how many messages a queue holds, by their state."""
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_DEPTHS)["Attributes"]
    return Depths(*(int(counts.get(name, 0)) for name in _DEPTHS))


def taken(sqs: Any, url: str, *, wait_s: int = 0) -> Iterator[str]:
    """Remove all messages that can be received; yield their bodies. `wait_s` > 0: from all of SQS's servers."""
    asked = {"QueueUrl": url, "MaxNumberOfMessages": MOST_MESSAGES, "WaitTimeSeconds": wait_s}
    while messages := sqs.receive_message(**asked).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]
