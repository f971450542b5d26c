"""How full queues are."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest.edges.aws_errors import aws_call

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_COUNTS = ("", "NotVisible", "Delayed")


@dataclass(frozen=True, slots=True)
class Depth:
    """About how many messages of a queue wait, are with a function, and are not to be delivered yet."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def all(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


def queue_depth(client: "SQSClient", url: str) -> Depth:
    """Return how full a queue is."""
    names: Any = [f"ApproximateNumberOfMessages{which}" for which in _COUNTS]
    with aws_call("looking at the queue"):
        counts = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return Depth(*(int(counts[name]) for name in names))
