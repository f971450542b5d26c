"""What operators do with the queues: receive, delete and release dead letters, and stop and start the delivery.

Delivery stops when the function's event source mapping is disabled, and starts when it is enabled.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from ingest.aws.errors import aws_call
from ingest.contract import DeadLetterAttribute
from ingest.errors import SettingsFault, Unavailable
from ingest.queue.sqs import MOST_ENTRIES

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter that was received. `received` is its number of deliveries, `sent_s` the time it was sent (epoch).

    `code` and `reason` are set if the function dead-lettered it itself, `group` if the ingester had sent it.
    """

    message_id: str
    receipt: str
    body: str
    received: int
    sent_s: float
    code: str | None = None
    reason: str | None = None
    group: str | None = None


HIDDEN_S = 900  # visibility timeout: meanwhile no other operator can redrive the message
WAIT_S = 1  # long polling: with 0, SQS asks only some of its servers and may miss messages


class DeadLetterQueue:
    """The queue of messages that could not be handled."""

    def __init__(self, *, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def take(self) -> Iterator[DeadLetter]:
        """Yield each message once; it is hidden from other receivers for 15 minutes."""
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
        """Delete messages for good."""
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
        """Make messages visible again at once. Messages that no longer exist are skipped."""
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
    """Yield the entries of batch requests, at most ten in each."""
    rest = iter(letters)
    while portion := list(islice(rest, MOST_ENTRIES)):
        yield [{"Id": str(n), "ReceiptHandle": letter.receipt, **more} for n, letter in enumerate(portion)]


ON, OFF = "Enabled", "Disabled"
LOOK_S = 1.0
PATIENCE_S = 180.0  # AWS needs some 10 to 60 s


class PollingClock(Protocol):
    """The time functions that waiting uses."""

    def monotonic_s(self) -> float:
        """Return seconds of a monotonic clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class EventSource:
    """Enables and disables the only event source mapping of a function."""

    def __init__(self, *, client: "LambdaClient", function: str, clock: PollingClock) -> None:
        self._client = client
        self._function = function
        self._clock = clock

    def switch(self, *, on: bool) -> bool:
        """Enable or disable the mapping, and wait until it is; return whether that was a change.

        Raises:
            SettingsFault: the function has not exactly one mapping.
            Unavailable: it took too long; the change may still happen.
        """
        wanted, until_s = ON if on else OFF, self._clock.monotonic_s() + PATIENCE_S
        mapping = self._settled(self._mapping(), until_s)
        if mapping["State"] == wanted:
            return False
        with aws_call(self._what):
            mapping = self._client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
        while mapping["State"] != wanted:
            mapping = self._look_again(mapping, until_s)
        return True

    def state(self) -> str:
        """Return the state of the mapping as AWS has it: Enabled, Disabled, or between; "-" if there is none."""
        mappings = self._mappings()
        return str(mappings[0].get("State", "-")) if mappings else "-"

    @property
    def _what(self) -> str:
        return f"switching the queue's mapping of the function {self._function}"

    def _mappings(self) -> Any:
        with aws_call(f"looking for the mapping of the function {self._function}"):
            return self._client.list_event_source_mappings(FunctionName=self._function)["EventSourceMappings"]

    def _mapping(self) -> Any:
        found = self._mappings()
        if len(found) != 1:
            raise SettingsFault(
                f"The function {self._function} has {len(found)} event source mappings instead of one; deploy the "
                "stack again."
            )
        return found[0]

    def _settled(self, mapping: Any, until_s: float) -> Any:
        """Return the mapping once no other change of it is in progress: AWS refuses two at a time."""
        while mapping["State"] not in (ON, OFF):
            mapping = self._look_again(mapping, until_s)
        return mapping

    def _look_again(self, mapping: Any, until_s: float) -> Any:
        if self._clock.monotonic_s() >= until_s:
            raise Unavailable(
                f"The mapping of the function {self._function} is still {mapping['State']} after {PATIENCE_S:.0f} s; "
                "look again in a moment."
            )
        self._clock.sleep(LOOK_S)
        with aws_call(self._what):
            return self._client.get_event_source_mapping(UUID=mapping["UUID"])
