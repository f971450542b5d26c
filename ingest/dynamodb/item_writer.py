"""The interface of all write modes: the code that loads rows only calls a writer's `write(items, heartbeat)`.

`ingest.dynamodb.writers` chooses the writer of a feed; `ingest.feeds.writing` lists the API operations it calls.
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

# DynamoDB's error messages if a table's key is not that of the items. Each item has the whole key of its feed, of the
# feed's types, and keys are distinct: so such an error concerns every item, or none.
_OTHER_KEYS = (
    "The provided key element does not match the schema",
    "Missing the key ",
    "Type mismatch for key ",
    "One of the required keys was not given a value",
    "Provided list of item keys contains duplicates",
)

# Called regularly during long work: an exception that it raises ends the work at once.
Heartbeat = Callable[[], None]


class Taken(Protocol):
    """A callback for the outcome of some items, called before all are done."""

    def __call__(self, rows: Sequence[int], skipped: str = "") -> None:
        """Note rows that are in the table, or were `skipped` for a reason (one of `SKIPPED_WHYS`)."""


def not_noted(rows: Sequence[int], skipped: str = "") -> None:
    """Ignore the outcome of some items."""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The outcome of a write: refused items, and the rows skipped by reason, in order. All other items are durable."""

    refusals: list[Refusal] = field(default_factory=list)
    skipped: Mapping[str, Sequence[int]] = field(default_factory=dict)

    def __add__(self, more: "WriteResult") -> "WriteResult":
        """Return the results of two writes together."""
        whys = [*self.skipped, *(why for why in more.skipped if why not in self.skipped)]
        skipped = {why: sorted([*self.skipped.get(why, ()), *more.skipped.get(why, ())]) for why in whys}
        return WriteResult(sorted([*self.refusals, *more.refusals], key=lambda refusal: refusal.row), skipped)

    def placed(self, rows: Sequence[int]) -> "WriteResult":
        """Return the result of a write of some items with their row numbers among all items."""
        refusals = [replace(refusal, row=rows[refusal.row]) for refusal in self.refusals]
        return WriteResult(refusals, {why: [rows[row] for row in some] for why, some in self.skipped.items()})


class ItemWriter(Protocol):
    """Writes items to a table, each as its feed says."""

    @property
    def stats(self) -> WriteStats:
        """What was counted since the writer was made."""

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write all items; return those refused or skipped. Keys must be distinct.

        `heartbeat` is called before each request and at least once a second, `taken` with rows that are done. A
        writer may omit calls of `taken`; those rows are written again if it is interrupted.

        Raises:
            TableKeysDiffer: the table has other keys than the items; none is written.
            ServiceFault: not all are written, and trying later may help.
            IngestError: raised by `heartbeat`; not all are written.
        """


def write_some(
    writer: ItemWriter, items: Items, some: Sequence[int], heartbeat: Heartbeat, taken: Taken
) -> WriteResult:
    """Write the items at these rows; return the result with their row numbers among all items."""

    def note(rows: Sequence[int], skipped: str = "") -> None:
        taken([some[row] for row in rows], skipped)

    if len(some) == len(items):
        return writer.write(items, heartbeat, taken)
    return writer.write(items.take(list(some)), heartbeat, note).placed(some)


def check_refusal(table: str, message: str) -> None:
    """Check that DynamoDB may have refused a request because of an item, and not because of the table's key.

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
        """Discard all items."""
        return WriteResult()


MOST_REFUSED = 100  # refusals are kept with a checkpoint, so that its ledger entry stays small
_CODES = {"": 1} | {why: code for code, why in enumerate(SKIPPED_WHYS, 2)}  # as in `WrittenItems.done`


class ResumableWriter:
    """An `ItemWriter` that remembers what it has written since a checkpoint, and does not write that again.

    A load resumed at the checkpoint gives the same items in the same order, so they are identified by their numbers.
    `has_written`: whether items were written that were not known to be.
    """

    def __init__(self, writer: ItemWriter) -> None:
        self.has_written = False
        self._writer = writer
        self.begin()

    def begin(self, known: WrittenItems = NO_ITEMS) -> None:
        """Begin after a checkpoint; `known` are the items already written since."""
        self._given = 0
        self._complete, self._done = known.complete, bytearray(known.done)
        self._refused = {number: (message, reason) for number, message, reason in known.refused}

    @property
    def written(self) -> WrittenItems:
        """The items known to be written; none with more refusals than can be kept, so that all are written again."""
        if len(self._refused) > MOST_REFUSED:
            return NO_ITEMS
        refused = tuple((number, *refusal) for number, refusal in sorted(self._refused.items()))
        return WrittenItems(self._complete, bytes(self._done), refused)

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Write the items not known to be written; return the result for all of them. Raises as the writer does."""
        first, self._given = self._given, self._given + len(items)
        if self._given <= self._complete:
            return WriteResult(self._refusals(first))
        self._write(items, first, heartbeat)
        result = WriteResult(self._refusals(first), self._skipped(first))
        if self._done.count(_CODES[""]) == len(self._done):
            self._complete, self._done = max(self._complete, self._given), bytearray()
        return result

    def _write(self, items: Items, first: int, heartbeat: Heartbeat) -> None:
        """Write the items that are not known to be done, and note the outcome of each."""
        done, at = self._done, first - self._complete  # `at`: the first item's index in `done`; below 0 it is complete
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
        """Return the skipped rows of the items given last, by reason."""
        before = max(0, self._complete - first)
        codes = bytes(self._done[max(0, first - self._complete) : self._given - self._complete])
        found = {why: code for why, code in _CODES.items() if why and code in codes}
        values = pa.Array.from_buffers(pa.uint8(), len(codes), [None, pa.py_buffer(codes)])
        return {
            why: [before + row for row in rows_where(pc.equal(values, pa.scalar(code, pa.uint8())))]
            for why, code in found.items()
        }
