"""SQS operations that Lambda does not do for the function: sending, changing visibility, dead-lettering, counting."""

import hashlib
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ingest.aws.errors import aws_call
from ingest.contract import DeadLetterAttribute, MessageAttribute
from ingest.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MOST_ENTRIES = 10  # in one request: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html
MOST_HIDDEN_S = 42_000  # SQS: at most 12 hours after the delivery, and a function may run for 15 minutes

MOST_GROUP = 128  # characters of a message group


class SqsQueue:
    """The queue that the function reads, and its dead-letter queue."""

    def __init__(self, *, client: "SQSClient", url: str, dead_letter_url: str) -> None:
        self._client = client
        self._url = url
        self._dead_letter_url = dead_letter_url

    def send(
        self, bodies: Iterable[str], *, feed: str | None, hops: int = 0, stalls: int = 0, delay_s: int = 0
    ) -> None:
        """Send messages of a feed, to be delivered after a delay. `feed` is None if it is not known.

        The feed is their message group: SQS delivers other feeds' messages first if a feed keeps many functions busy.

        Raises:
            ServiceFault: not all messages were accepted; sending all of them again does no harm.
        """
        attributes = {MessageAttribute.HOPS: _number(hops), MessageAttribute.STALLS: _number(stalls)}
        common: Any = {"DelaySeconds": delay_s, "MessageAttributes": attributes, **_group(feed)}
        entries: Any = [{"Id": str(n), "MessageBody": body, **common} for n, body in enumerate(bodies)]
        for start in range(0, len(entries), MOST_ENTRIES):
            with aws_call("sending messages"):
                answer = self._client.send_message_batch(
                    QueueUrl=self._url, Entries=entries[start : start + MOST_ENTRIES]
                )
            _refuse_failed(answer.get("Failed", []), "sending")

    def waiting(self) -> int:
        """Return the approximate number of messages that wait to be delivered."""
        return self._count("ApproximateNumberOfMessages")

    def held(self) -> int:
        """Return the approximate number of messages in flight: delivered, neither deleted nor returned."""
        return self._count("ApproximateNumberOfMessagesNotVisible")

    def _count(self, attribute: Any) -> int:
        with aws_call("looking at the queue"):
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=[attribute])
        return int(answer["Attributes"][attribute])

    def keep(self, receipt_handles: Iterable[str], seconds: int) -> None:
        """Set the visibility timeout of messages to `seconds` from now. Messages that no longer exist are skipped."""
        entries: Any = [
            {"Id": str(n), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
            for n, handle in enumerate(receipt_handles)
        ]
        with aws_call("keeping messages hidden"):
            self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Set the visibility timeout of one message to `seconds` from now, or to the largest value that SQS accepts, if
        that is less."""
        with aws_call("hiding a message"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=min(seconds, MOST_HIDDEN_S)
            )

    def delete(self, receipt_handles: Iterable[str]) -> None:
        """Delete finished messages. Messages that no longer exist are skipped."""
        entries: Any = [{"Id": str(n), "ReceiptHandle": handle} for n, handle in enumerate(receipt_handles)]
        with aws_call("deleting messages"):
            self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)

    def dead_letter(self, body: str, *, code: str, reason: str) -> None:
        """Dead-letter a message, with code and reason as attributes; the reason in characters that SQS accepts."""
        printable = "".join(character if character.isprintable() else "?" for character in reason)
        with aws_call("putting a message in the dead-letter queue"):
            self._client.send_message(
                QueueUrl=self._dead_letter_url,
                MessageBody=body,
                MessageAttributes={
                    DeadLetterAttribute.CODE: {"DataType": "String", "StringValue": code},
                    DeadLetterAttribute.REASON: {"DataType": "String", "StringValue": printable},
                },
            )


def _group(feed: str | None) -> dict[str, str]:
    return {} if feed is None else {"MessageGroupId": message_group(feed)}


def message_group(feed: str) -> str:
    """Return the message group of a feed: its name, in at most 128 characters and only those that SQS accepts.

    >>> message_group("orders"), message_group("Bücher 2026"), len(message_group("x" * 200))
    ('orders', 'B%C3%BCcher%202026', 128)
    """
    group = quote(feed, safe=string.punctuation, errors="replace")
    if len(group) <= MOST_GROUP:
        return group
    digest = hashlib.sha256(group.encode()).hexdigest()[:16]
    return group[: MOST_GROUP - len(digest)] + digest


def _number(value: int) -> dict[str, str]:
    return {"DataType": "Number", "StringValue": str(value)}


def _refuse_failed(failed: Any, what: str) -> None:
    if failed:
        raise Unavailable(f"The queue refused {len(failed)} message(s) while {what}: {failed[0].get('Message', '')}")


if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_COUNTS = ("", "NotVisible", "Delayed")


@dataclass(frozen=True, slots=True)
class Depth:
    """Approximate numbers of messages in a queue: waiting, in flight, and delayed."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def all(self) -> int:
        """The sum of the three."""
        return self.visible + self.in_flight + self.delayed


def queue_depth(client: "SQSClient", url: str) -> Depth:
    """Return the approximate numbers of messages in a queue."""
    names: Any = [f"ApproximateNumberOfMessages{which}" for which in _COUNTS]
    with aws_call("looking at the queue"):
        counts = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return Depth(*(int(counts[name]) for name in names))
