"""The seam of the write modes: what loads rows calls `write(items, heartbeat)`, and looks at nothing else of a writer.

`ingest.dynamodb.writers` chooses the writer of a feed; `ingest.contract.WRITE_OPERATIONS` says what each may call.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import TableKeysDiffer
from ingest.items.items import Items, Refusal
from ingest.ledger.work_item import NO_ITEMS, WrittenItems

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
# Takes the rows of items that are in the table now, long before all are.
Taken = Callable[[Sequence[int]], None]


def not_noted(rows: Sequence[int]) -> None:
    """Take rows that are in the table, for who does not ask."""


class ItemWriter(Protocol):
    """Puts items in a table."""

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> list[Refusal]:
        """Put all items; return those the table refused, when all others are durable. Keys are distinct.

        `heartbeat` is called before each request and at least once a second, `taken` with rows that are durable: a
        writer may leave that out, and what it had put is put again if it does not come to its end.

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

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> list[Refusal]:
        """Take all items and forget them."""
        return []


MOST_REFUSED = 100  # are kept with a checkpoint, so that its entry in the ledger stays small


class ResumableWriter:
    """An `ItemWriter` that remembers what it has written since a checkpoint, and does not write that again.

    A load that goes on at the checkpoint gives the same items in the same order, so they are known by their numbers.
    `has_written`: something that was not known.
    """

    def __init__(self, writer: ItemWriter) -> None:
        self.has_written = False
        self._writer = writer
        self.begin()

    def begin(self, known: WrittenItems = NO_ITEMS) -> None:
        """Begin behind a checkpoint, of which some items are known."""
        self._given = 0
        self._complete, self._done = known.complete, bytearray(known.done)
        self._refused = dict[int, str](known.refused)

    @property
    def written(self) -> WrittenItems:
        """What is known now. More refusals than can be kept make it nothing: all is written again then."""
        if len(self._refused) > MOST_REFUSED:
            return NO_ITEMS
        return WrittenItems(self._complete, bytes(self._done), tuple(sorted(self._refused.items())))

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> list[Refusal]:
        """Put the items that are not known; return those refused, now or before. Raises as `ItemWriter.write`."""
        first, self._given = self._given, self._given + len(items)
        known = self._complete - first
        if known < len(items):
            self._write(items, first, known, heartbeat)
            self._complete, self._done = self._given, bytearray()
        refused = sorted(self._refused.items())
        return [Refusal(number - first, message) for number, message in refused if first <= number < self._given]

    def _write(self, items: Items, first: int, known: int, heartbeat: Heartbeat) -> None:
        """Put the items that are not known to be done, and note what becomes of each; all before `known` are."""
        done = self._done
        done.extend(bytes(max(0, len(items) - known - len(done))))
        left: Sequence[int] = range(known, len(items))
        if 1 in done:
            left = [row for row in left if not done[row - known]]

        def note(taken: Sequence[int]) -> None:
            self.has_written = self.has_written or bool(taken)
            if isinstance(taken, range) and isinstance(left, range):
                done[taken.start : taken.stop] = b"\1" * len(taken)
            else:
                for row in taken:
                    done[left[row] - known] = 1

        some = items if len(left) == len(items) else items.take(list(left))
        refusals = self._writer.write(some, heartbeat, note) if left else []
        self.has_written = self.has_written or bool(left)
        self._refused |= {first + left[refusal.row]: refusal.message for refusal in refusals}
