"""The seam of the write modes: what loads rows calls `write(items, heartbeat)`, and looks at nothing else of a writer.

`ingest.dynamodb.writers` chooses the writer of a feed; `ingest.contract.WRITE_OPERATIONS` says what each may call.
"""

from collections.abc import Callable
from typing import Protocol

from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.items.items import Items, Refusal

# Called all the time by whatever is busy: what it raises ends the work there and then.
Heartbeat = Callable[[], None]


class ItemWriter(Protocol):
    """Puts items in a table."""

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""

    def write(self, items: Items, heartbeat: Heartbeat) -> list[Refusal]:
        """Put all items; return those the table refused, when all others are durable. Keys are distinct.

        `heartbeat` is called before each request and at least once a second.

        Raises:
            ServiceFault: not all are written, and trying later may help.
            IngestError: whatever `heartbeat` raised; not all are written.
        """


class NullWriter:
    """Writes nothing: for reading a file without a table."""

    stats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat) -> list[Refusal]:
        """Take all items and forget them."""
        return []
