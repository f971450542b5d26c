"""The seam of the write modes: what loads rows calls `write(items, heartbeat)`, and looks at nothing else of a writer.

`ingest.dynamodb.writers` chooses the writer of a feed; `ingest.feeds.writing` says what it may call.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ingest.dynamodb.write_stats import NOTHING_WRITTEN, WriteStats
from ingest.errors import TableKeysDiffer
from ingest.items.columns import rows_where
from ingest.items.items import Items, Refusal
from ingest.ledger.work_item import NO_ITEMS, SKIPPED_WHYS, WrittenItems

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


class Taken(Protocol):
    """Takes what became of some items, long before all are done."""

    def __call__(self, rows: Sequence[int], skipped: str = "") -> None:
        """Take rows that are in the table, or were `skipped`, by why (`SKIPPED_WHYS`)."""


def not_noted(rows: Sequence[int], skipped: str = "") -> None:
    """Take what became of some items, for who does not ask."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What became of items: those refused, and the rows of those skipped, by why, in order. All others are durable."""

    refusals: list[Refusal] = field(default_factory=list)
    skipped: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __add__(self, more: "WriteResult") -> "WriteResult":
        """Return the results of two writes together."""
        whys = [*self.skipped, *(why for why in more.skipped if why not in self.skipped)]
        skipped = {why: sorted([*self.skipped.get(why, ()), *more.skipped.get(why, ())]) for why in whys}
        return WriteResult(sorted([*self.refusals, *more.refusals], key=lambda refusal: refusal.row), skipped)

    def placed(self, rows: Sequence[int]) -> "WriteResult":
        """Return the result of a write of some items by their rows among all."""
        refusals = [replace(refusal, row=rows[refusal.row]) for refusal in self.refusals]
        return WriteResult(refusals, {why: [rows[row] for row in some] for why, some in self.skipped.items()})


class ItemWriter(Protocol):
    """Writes items to a table, each as its feed says."""

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write all items; return what became of those that are not in the table now. Keys are distinct.

        `heartbeat` is called before each request and at least once a second, `taken` with rows that are done: a
        writer may leave that out, and what it had written is written again if it does not come to its end.

        Raises:
            TableKeysDiffer: the table has other keys than the items; none is written.
            ServiceFault: not all are written, and trying later may help.
            IngestError: whatever `heartbeat` raised; not all are written.
        """


def write_some(
    writer: ItemWriter, items: Items, some: Sequence[int], heartbeat: Heartbeat, taken: Taken
) -> WriteResult:
    """Write some of the items, by their rows; return what became of them by their rows among all."""

    def note(rows: Sequence[int], skipped: str = "") -> None:
        taken([some[row] for row in rows], skipped)

    if len(some) == len(items):
        return writer.write(items, heartbeat, taken)
    return writer.write(items.take(list(some)), heartbeat, note).placed(some)


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

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Take all items and forget them."""
        return WriteResult()


MOST_REFUSED = 100  # are kept with a checkpoint, so that its entry in the ledger stays small
_CODES = {"": 1} | {why: code for code, why in enumerate(SKIPPED_WHYS, 2)}  # as `WrittenItems.done` has them


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
        self._refused = {number: (message, reason) for number, message, reason in known.refused}

    @property
    def written(self) -> WrittenItems:
        """What is known now. More refusals than can be kept make it nothing: all is written again then."""
        if len(self._refused) > MOST_REFUSED:
            return NO_ITEMS
        refused = tuple((number, *refusal) for number, refusal in sorted(self._refused.items()))
        return WrittenItems(self._complete, bytes(self._done), refused)

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write the items that are not known; return what became of all, now or before. Raises as the writer."""
        first, self._given = self._given, self._given + len(items)
        if self._given <= self._complete:
            return WriteResult(self._refusals(first))
        self._write(items, first, heartbeat)
        result = WriteResult(self._refusals(first), self._skipped(first))
        if self._done.count(_CODES[""]) == len(self._done):
            self._complete, self._done = max(self._complete, self._given), bytearray()
        return result

    def _write(self, items: Items, first: int, heartbeat: Heartbeat) -> None:
        """Write the items that are not known to be done, and note what becomes of each."""
        done, at = self._done, first - self._complete  # `at`: of the first item in `done`; all before it are complete
        done.extend(bytes(max(0, at + len(items) - len(done))))
        left: Sequence[int] = range(max(0, -at), len(items))
        begin, end = max(0, at), at + len(items)
        if done.count(0, begin, end) < end - begin:
            left = [row for row in left if not done[at + row]]

        def note(rows: Sequence[int], skipped: str = "") -> None:
            self.has_written = self.has_written or bool(rows)
            code = _CODES[skipped]
            if isinstance(rows, range) and isinstance(left, range):
                done[begin + rows.start : begin + rows.stop] = bytes([code]) * len(rows)
            else:
                for row in rows:
                    done[at + left[row]] = code

        if not left:
            return
        some = items if len(left) == len(items) else items.take(list(left))
        result = self._writer.write(some, heartbeat, note)
        self._refused |= {first + left[r.row]: (r.message, r.reason) for r in result.refusals}
        note(range(len(left)))
        for why, rows in result.skipped.items():
            note(rows, why)

    def _refusals(self, first: int) -> list[Refusal]:
        refused = sorted(self._refused.items())
        return [Refusal(number - first, *refusal) for number, refusal in refused if first <= number < self._given]

    def _skipped(self, first: int) -> dict[str, list[int]]:
        """Return the rows of the items just given that were skipped, by why."""
        before = max(0, self._complete - first)
        codes = bytes(self._done[max(0, first - self._complete) : self._given - self._complete])
        found = {why: code for why, code in _CODES.items() if why and code in codes}
        values = pa.Array.from_buffers(pa.uint8(), len(codes), [None, pa.py_buffer(codes)])
        return {
            why: [before + row for row in rows_where(pc.equal(values, pa.scalar(code, pa.uint8())))]
            for why, code in found.items()
        }
