"""The dead-letter queue: its messages taken, and taken out of it or let go again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from ingest.aws.errors import aws_call
from ingest.contract import DeadLetterAttribute
from ingest.errors import Unavailable
from ingest.queue.sqs import MOST_ENTRIES


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter that was taken. `received` is how often it was delivered, `sent_s` when it was sent (epoch).

    `code` and `reason` are there if the function has put it there itself, `group` if the ingester had sent it.
    """

    message_id: str
    receipt: str
    body: str
    received: int
    sent_s: float
    code: str | None = None
    reason: str | None = None
    group: str | None = None


if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDDEN_S = 900  # no one else redrives what is being looked at; it comes back by itself after that
WAIT_S = 1  # not 0: then SQS asks only some of its servers, and may find nothing although messages are left


class DeadLetterQueue:
    """The queue of messages that could not be handled."""

    def __init__(self, *, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def take(self) -> Iterator[DeadLetter]:
        """Yield each message once, hidden from others for 15 minutes."""
        seen: set[str] = set()
        fresh: list[Any] = [None]
        while fresh:
            with aws_call("looking at the dead letters"):
                answer: Any = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=MOST_ENTRIES,
                    VisibilityTimeout=HIDDEN_S,
                    WaitTimeSeconds=WAIT_S,
                    MessageSystemAttributeNames=["ApproximateReceiveCount", "SentTimestamp", "MessageGroupId"],
                    MessageAttributeNames=[DeadLetterAttribute.CODE, DeadLetterAttribute.REASON],
                )
            fresh = [m for m in answer.get("Messages", []) if m["MessageId"] not in seen]
            seen |= {message["MessageId"] for message in fresh}
            yield from map(_letter, fresh)

    def delete(self, letters: Iterable[DeadLetter]) -> None:
        """Take messages out for good."""
        for entries in _entries(letters):
            with aws_call("deleting dead letters"):
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
            failed = answer.get("Failed", [])
            if failed:
                raise Unavailable(
                    f"The dead-letter queue kept {len(failed)} message(s) that were dealt with: "
                    f"{failed[0].get('Message', '')} Doing it again does no harm."
                )

    def release(self, letters: Iterable[DeadLetter]) -> None:
        """Let messages be seen again at once. Those that are gone already do not matter."""
        for entries in _entries(letters, VisibilityTimeout=0):
            with aws_call("letting dead letters go"):
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)


def _letter(message: Any) -> DeadLetter:
    system, own = message["Attributes"], message.get("MessageAttributes", {})
    code, reason = (
        own.get(name, {}).get("StringValue") for name in (DeadLetterAttribute.CODE, DeadLetterAttribute.REASON)
    )
    return DeadLetter(
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        received=int(system["ApproximateReceiveCount"]),
        sent_s=int(system["SentTimestamp"]) / 1000,
        code=code,
        reason=reason,
        group=system.get("MessageGroupId"),
    )


def _entries(letters: Iterable[DeadLetter], **more: int) -> Iterator[Any]:
    """Yield the entries of requests, ten at most in each."""
    rest = iter(letters)
    while portion := list(islice(rest, MOST_ENTRIES)):
        yield [{"Id": str(n), "ReceiptHandle": letter.receipt, **more} for n, letter in enumerate(portion)]
