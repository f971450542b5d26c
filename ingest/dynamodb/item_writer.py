"""The seam of the write modes: what loads rows calls `write(items, heartbeat)`, and looks at nothing else of a writer.

`ingest.dynamodb.writers` chooses the writer of a feed; `ingest.contract.WRITE_OPERATIONS` says what each may call.
"""

from collections.abc import Callable
from typing import Protocol

from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import TableKeysDiffer
from ingest.items.items import Items, Refusal

# What DynamoDB answers where a table's key is not that of the items. Each item has the whole key of its feed, of the
# feed's types, and no two have the same: so it is true of every item, or of none.
_OTHER_KEYS = (
    "The provided key element does not match the schema",
    "Missing the key ",
    "Type mismatch for key ",
    "One of the required keys was not given a value",
    "Provided list of item keys contains duplicates",
)

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
            TableKeysDiffer: the table has other keys than the items; none is written.
            ServiceFault: not all are written, and trying later may help.
            IngestError: whatever `heartbeat` raised; not all are written.
        """


def check_refusal(table: str, message: str) -> None:
    """Check that what DynamoDB refuses a request for may be the fault of an item, and not of the table's key.

    Raises:
        TableKeysDiffer: the table has another key than the items.
    """
    if any(said in message for said in _OTHER_KEYS):
        raise TableKeysDiffer(
            f"Table {table} has other keys than the feed and refuses its items: {message.rstrip('.')}. Change the "
            "feed's keys or create the table again; `ingest feeds check --aws` shows both."
        )


class NullWriter:
    """Writes nothing: for reading a file without a table."""

    stats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat) -> list[Refusal]:
        """Take all items and forget them."""
        return []
