"""Writes a block's items: one for each key. Each row is counted exactly once."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ingest.contract import DUPLICATE
from ingest.dynamodb.item_writer import WriteResult
from ingest.feeds.feed import Feed
from ingest.items.duplicates import KeyHashes
from ingest.items.fold import Folded, fold, in_turns, versions_of
from ingest.items.items import Items, Refusal
from ingest.ledger.row_counts import RowCounts
from ingest.reading.rows import Fault

Write = Callable[[Items], WriteResult]


@dataclass(frozen=True, slots=True)
class WrittenBlock:
    """The result of writing items: those that were not refused, counts of the superseded and skipped ones, the keys
    that were written, and the refused items. `is_whole`: none was refused or skipped, so the table has all keys of this
    block."""

    items: Items
    counts: RowCounts
    keys: KeyHashes
    refused: list[Fault]
    is_whole: bool


def write_items(items: Items, feed: Feed, write: Write) -> WrittenBlock:
    """Write items with the effect of writing one after the other; keys are distinct in each call of `write`.

    If the table has a newer row of the same file, a row counts as written: the newer row supersedes it, or was there
    first only because the file is loaded again.
    """

    def write_counted(some: Items) -> WriteResult:
        result = write(some)
        if feed.write == "insert" or DUPLICATE not in result.skipped:
            return result
        return replace(result, skipped={why: rows for why, rows in result.skipped.items() if why != DUPLICATE})

    folded = fold(items, feed)
    if folded.groups is None:
        return _write_winners(items, folded, feed, write_counted)
    return _Turns(items, write_counted).run(folded, feed)


def _write_winners(items: Items, folded: Folded, feed: Feed, write: Write) -> WrittenBlock:
    """Write the deciding item of each key; if the table refuses it, write the key's next deciding item."""
    refused: list[Fault] = []
    tried: set[int] = set()
    skipped: dict[int, str] = {}
    while True:
        fresh = folded.items.without(tried)
        result = write(fresh)
        skipped |= {fresh.records[row]: why for why, rows in result.skipped.items() for row in rows}
        if not result.refusals:
            break
        tried |= set(fresh.records)
        refused += [_fault(fresh.records[refusal.row], refusal) for refusal in result.refusals]
        items = items.without({fault.record for fault in refused})
        folded = fold(items, feed)
    counts = _counts(len(items) - len(folded.items), skipped.values())
    keys = KeyHashes(folded.items.without(set(skipped))) if skipped else folded.keys
    return WrittenBlock(items, counts, keys, refused, not (refused or skipped))


@dataclass(slots=True)
class _Turns:
    """Writes items that may depend on what earlier rows wrote: groups that cannot be folded, row by row."""

    items: Items
    write: Write
    taken: set[int] = field(default_factory=set)  # rows that were not refused
    refused: dict[int, Refusal] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)

    def run(self, folded: Folded, feed: Feed) -> WrittenBlock:
        """Write all items; return the result."""
        groups, versions = folded.groups or (), versions_of(self.items, feed)
        for rows in in_turns(groups if versions else self._write_folded(folded), versions, self.refused):
            self._note(rows, self.write(self.items.take(rows)))
        deciding = [row for rows in groups if (row := next(filter(self.taken.__contains__, reversed(rows)), -1)) >= 0]
        kept = self.items.without({self.items.records[row] for row in self.refused})
        skipped = [self.skipped[row] for row in deciding if row in self.skipped]
        keys = KeyHashes(self.items.take([row for row in deciding if row not in self.skipped]))
        faults = [_fault(self.items.records[row], refusal) for row, refusal in sorted(self.refused.items())]
        return WrittenBlock(kept, _counts(len(kept) - len(deciding), skipped), keys, faults, not (faults or skipped))

    def _write_folded(self, folded: Folded) -> list[list[int]]:
        """Write one item for each key; return the rows of those that were refused and consist of several rows."""
        groups = folded.groups or ()
        result = self.write(folded.items)
        last = [rows[-1] for rows in groups]
        again = {refusal.row for refusal in result.refusals if len(groups[refusal.row]) > 1}
        refusals = [refusal for refusal in result.refusals if refusal.row not in again]
        self._note(last, WriteResult(refusals, result.skipped))
        self.taken.difference_update(last[n] for n in again)
        return [list(groups[n]) for n in sorted(again)]

    def _note(self, rows: list[int], result: WriteResult) -> None:
        self.refused |= {rows[refusal.row]: refusal for refusal in result.refusals}
        self.taken |= set(rows).difference(self.refused)
        self.skipped |= {rows[row]: why for why, some in result.skipped.items() for row in some}


def _fault(record: int, refusal: Refusal) -> Fault:
    return Fault(record, refusal.reason, refusal.message)


def _counts(superseded: int, skipped: Iterable[str]) -> RowCounts:
    """Return the numbers of rows superseded, before writing or by the table, and skipped, by reason."""
    whys = list(skipped)
    skips = {f"rows_{why}": whys.count(why) for why in set(whys) - {DUPLICATE}}
    return RowCounts(rows_superseded=superseded + whys.count(DUPLICATE), **skips)
