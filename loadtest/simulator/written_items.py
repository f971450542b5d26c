"""What the tables hold after all writes, and what was wrong with their order."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from hashlib import blake2b

from loadtest.simulator.requests import Write
from loadtest.simulator.settings import Keep
from loadtest.simulator.values import Item

_MODULUS = 1 << 128
_text = json.JSONEncoder(sort_keys=True, separators=(",", ":"), check_circular=False).encode


def checksum(table: str, items: Iterable[Item]) -> str:
    """Return a checksum that does not depend on the order of the items, but on their number.

    Numbers count as they are written: 1 and 1.0 are different items.
    """
    return _hex(sum(digest(table, item) for item in items))


@dataclass(slots=True)
class _Kept:
    digest: int
    sequence: Decimal | None
    item: Item | None


class WrittenItems:
    """Takes writes in the order they are made, and knows what came out.

    Attributes:
        doubled: puts of an item just as the table held it.
        overwritten: puts of another item under a key the table held.
        out_of_order: those of them with a lower sequence number than what they overwrote.
    """

    def __init__(self, keep: Keep, sequence: str | None) -> None:
        self._keep, self._sequence = keep, sequence
        self._tables: dict[str, dict[tuple[str, ...], _Kept]] = {}
        self._sum = 0
        self.doubled = self.overwritten = self.out_of_order = 0

    def apply(self, write: Write) -> None:
        """Take one write."""
        if self._keep == "nothing":
            return
        if write.item is None:
            self._tables.get(write.table, {}).pop(write.key, None)
            return
        of_item = digest(write.table, write.item)
        self._sum += of_item
        if self._keep != "checksum":
            self._keep_last(write, write.item, of_item)

    def _keep_last(self, write: Write, item: Item, of_item: int) -> None:
        table = self._tables.setdefault(write.table, {})
        before, sequence = table.get(write.key), _number(item, self._sequence)
        table[write.key] = _Kept(of_item, sequence, item if self._keep == "items" else None)
        if before is None:
            return
        self.doubled += before.digest == of_item
        self.overwritten += before.digest != of_item
        self.out_of_order += None not in (sequence, before.sequence) and sequence < before.sequence  # type: ignore[operator]

    @property
    def checksum_of_puts(self) -> str | None:
        """The checksum of all puts, one that came twice twice."""
        return None if self._keep == "nothing" else _hex(self._sum)

    def keys(self, table: str) -> int:
        """Return how many items a table holds."""
        return len(self._tables.get(table, {}))

    def checksum_of(self, table: str) -> str:
        """Return the checksum of the items a table holds."""
        return _hex(sum(kept.digest for kept in self._tables.get(table, {}).values()))

    def digests(self, table: str) -> dict[tuple[str, ...], int]:
        """Return the digest of each item a table holds, by its key."""
        return {key: kept.digest for key, kept in self._tables.get(table, {}).items()}

    def items(self, table: str) -> list[Item]:
        """Return the items a table holds, if they are kept."""
        return [kept.item for kept in self._tables.get(table, {}).values() if kept.item is not None]


def digest(table: str, item: Item) -> int:
    """Return the digest of an item of a table, in DynamoDB JSON. Numbers count as they are written."""
    return int.from_bytes(blake2b(_text([table, item]).encode(), digest_size=16).digest())


def _hex(total: int) -> str:
    return f"{total % _MODULUS:032x}"


def _number(item: Item, attribute: str | None) -> Decimal | None:
    value = item.get(attribute, {}).get("N") if attribute else None
    return None if value is None else Decimal(value)
