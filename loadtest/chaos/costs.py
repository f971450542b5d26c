"""What bookkeeping costs: write units of the ledger, by what DynamoDB charges. Pure.

An update costs a unit for each KiB of the larger of the item before and after; a failed condition costs the same; in a
transaction all costs double. An entry of the index (keys alone: one unit) is written when the attributes it is made of
change: one unit if it is new, two if it moves.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

import json
from collections import Counter
from typing import Any

from ingest.contract import LedgerKeys
from loadtest.simulator.capacity import write_units
from loadtest.simulator.values import Item, item_bytes

TRANSACTION_FACTOR = 2
_INDEXED = (LedgerKeys.LISTING, LedgerKeys.LISTED_AT)
Key = tuple[str, str]


class LedgerCosts:
    """Counts the write units of the requests it is shown, with their answers."""

    def __init__(self) -> None:
        self.units: Counter[str] = Counter()  # by kind of record: head, file, segment, index
        self.writes: Counter[str] = Counter()
        self._bytes: dict[Key, int] = {}
        self._indexed: dict[Key, tuple[Any, ...]] = {}

    def count(self, operation: str, body: bytes, answer: bytes) -> None:
        """Count one request that was answered, well or with an error."""
        if operation == "UpdateItem":
            asked, reported = json.loads(body), json.loads(answer or b"{}")
            self._update(_key(asked["Key"]), reported.get("Attributes") or reported.get("Item"))
        elif operation == "TransactWriteItems":
            for write in json.loads(body)["TransactItems"]:
                self._charge(_key(write["Update"]["Key"]), TRANSACTION_FACTOR)

    @property
    def total(self) -> int:
        """All units."""
        return self.units.total()

    def _update(self, key: Key, item: Item | None) -> None:
        before = self._bytes.get(key, 0)
        if item:
            self._bytes[key] = item_bytes(item)
            self._index(key, item)
        self._charge(key, 1, max(before, self._bytes.get(key, 0)))

    def _charge(self, key: Key, factor: int, size: int | None = None) -> None:
        kind = _kind(key)
        self.units[kind] += factor * write_units(self._bytes.get(key, 0) if size is None else size)
        self.writes[kind] += 1

    def _index(self, key: Key, item: Item) -> None:
        entry = tuple(json.dumps(item.get(name)) for name in _INDEXED)
        before = self._indexed.get(key)
        if LedgerKeys.LISTING in item and entry != before:
            self._indexed[key] = entry
            self.units["index"] += 1 if before is None else 2
            self.writes["index"] += 1


def _key(key: Item) -> Key:
    return key[LedgerKeys.PARTITION_KEY]["S"], key[LedgerKeys.SORT_KEY]["S"]


def _kind(key: Key) -> str:
    if key[1] == LedgerKeys.HEAD:
        return "head"
    return "file" if key[1].startswith(LedgerKeys.FILE_PREFIX) else "segment"
