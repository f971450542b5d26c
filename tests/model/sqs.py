"""A queue in memory with the rules of SQS that matter: visibility, receive counts, stale receipts, dead letters."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Queued:
    """A message in the queue. `receipt` is that of the last delivery: an older one deletes and hides nothing."""

    message_id: str
    body: str
    hops: int
    stalls: int
    visible_s: float
    received: int = 0
    receipt: int = 0
    feed: str | None = None  # its message group


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message."""

    message: Queued
    receipt: int


@dataclass
class MemoryQueue:
    """A `QueueDepth`."""

    now_s: Callable[[], float]
    most_received: int
    messages: list[Queued] = field(default_factory=list)
    dead: list[Queued] = field(default_factory=list)
    _sent: int = 0

    def send(
        self, bodies: Iterable[str], *, feed: str | None = None, hops: int = 0, stalls: int = 0, delay_s: int = 0
    ) -> None:
        for body in bodies:
            self._sent += 1
            self.messages.append(Queued(f"m{self._sent}", body, hops, stalls, self.now_s() + delay_s, feed=feed))

    def waiting(self) -> int:
        return sum(message.visible_s <= self.now_s() for message in self.messages)

    def receive(self, hidden_s: float) -> Delivery | None:
        """Deliver the message that is visible longest, or dead-letter it where it was delivered too often."""
        for message in sorted(self.messages, key=lambda message: message.visible_s):
            if message.visible_s > self.now_s():
                return None
            if message.received < self.most_received:
                message.received += 1
                message.receipt += 1
                message.visible_s = self.now_s() + hidden_s
                return Delivery(message, message.receipt)
            self.messages.remove(message)
            self.dead.append(message)
        return None

    def hide(self, delivery: Delivery, seconds: float) -> None:
        if delivery.receipt == delivery.message.receipt:
            delivery.message.visible_s = self.now_s() + seconds

    def delete(self, delivery: Delivery) -> None:
        if delivery.receipt == delivery.message.receipt and delivery.message in self.messages:
            self.messages.remove(delivery.message)

    def next_s(self) -> float | None:
        """Return when the next message becomes visible."""
        return min((message.visible_s for message in self.messages), default=None)
