"""A table that does with each row what its feed says: conditions, updates, deletes; no request, no batch."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ingest.contract import DUPLICATE, Skipped, WriteOperation
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import NOTHING_WRITTEN
from ingest.feeds.feed import DELETED_ATTRIBUTE, ORDER_ATTRIBUTE, Feed
from ingest.items.items import Items, Refusal
from ingest.reading.rows import LINE_DIGITS
from tests.support.items import python_items

Item = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """What a row does: to the item of a key, with these values, and without the attributes it removes."""

    operation: str
    key: tuple[Any, ...]
    values: Item
    removed: tuple[str, ...] = ()


def changes(items: Items, feed: Feed) -> Iterator[Change]:
    """Yield what each item does."""
    values = python_items(items)
    for row, item in enumerate(values):
        operation = items.operations[row].as_py() if items.operations is not None else feed.write
        removed = tuple(a.name for a in items.attributes if a.remove_null and not a.values[row].is_valid)
        yield Change(operation, tuple(item[key.name] for key in items.keys), item, removed)


@dataclass
class ModelTable:
    """An `ItemWriter` whose table is a dict. Items it deletes with versions leave a tombstone.

    `refuse` says which rows it never takes; `fail_after` how many rows it takes before it fails, as a killed function.
    """

    feed: Feed
    items: dict[tuple[Any, ...], Item] = field(default_factory=dict)
    refuse: Callable[[Item], bool] = lambda item: False
    fail_after: int | None = None
    asked: int = 0
    stats = NOTHING_WRITTEN

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Do what each item says."""
        asked = list(changes(items, self.feed))
        assert len({change.key for change in asked}) == len(asked), "the same key twice in one call"
        refusals: list[Refusal] = []
        skipped: dict[str, list[int]] = {}
        for row, change in enumerate(asked):
            if self.fail_after is not None and self.asked >= self.fail_after:
                raise Killed
            self.asked += 1
            if self.refuse(change.values):
                refusals.append(Refusal(row, "refused, as scripted"))
                continue
            why = self.apply(change)
            skipped.setdefault(why, []).append(row) if why else None
            taken([row], why)
        return WriteResult(refusals, skipped)

    def apply(self, change: Change) -> str:
        """Do what one row says; return why it was skipped, or nothing."""
        stored, feed = self.items.get(change.key), self.feed
        version = feed.version_attribute
        if version and stored is not None and stored.get(version, change.values[version]) > change.values[version]:
            return DUPLICATE if self._is_of_this_file(stored, change) else Skipped.OLDER
        if change.operation == "insert" and stored is not None:
            return self._of_insert(stored, change)
        made = self._made(None if stored is None or DELETED_ATTRIBUTE in stored else stored, change)
        if feed.skip_unchanged and made == stored:
            return Skipped.UNCHANGED
        if made is None:
            self.items.pop(change.key, None)
        else:
            self.items[change.key] = made
        return ""

    def _made(self, stored: Item | None, change: Change) -> Item | None:
        if change.operation == WriteOperation.UPDATE:
            return {
                name: value for name, value in ((stored or {}) | change.values).items() if name not in change.removed
            }
        if change.operation == WriteOperation.DELETE:
            return {**change.values, DELETED_ATTRIBUTE: True} if self.feed.newest else None
        return change.values

    def _of_insert(self, stored: Item, change: Change) -> str:
        name = self.feed.row_attribute or ""
        if change.values[name] == stored.get(name):
            return ""
        return DUPLICATE if self._is_of_this_file(stored, change) else Skipped.EXISTS

    def _is_of_this_file(self, stored: Item, change: Change) -> bool:
        """Whether a row lost against another one of its file: to the file it is as if that had come later."""
        for name in (self.feed.row_attribute, ORDER_ATTRIBUTE):
            mine, other = change.values.get(name or ""), stored.get(name or "")
            if mine and other and mine[:-LINE_DIGITS] == other[:-LINE_DIGITS]:
                return True
        return False


class Killed(Exception):
    """The function was killed in the middle of a write."""
