"""What was put to one table, as hashes: 16 bytes a row, and the last item of a key is the one that stays."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from loadtest.checker.found import TableFound
from loadtest.workload.checksum import Item, item_hashes
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64

_AT_ONCE = 4096  # items are hashed together: that costs a tenth of hashing each


@dataclass(slots=True)
class Puts:
    """Puts in their order; `names` are the table's key attributes. `refused` counts requests by why."""

    names: tuple[str, ...]
    refused: Counter[str] = field(default_factory=Counter)
    waiting: list[Item] = field(default_factory=list)
    keys: list[U64] = field(default_factory=list)
    items: list[U64] = field(default_factory=list)

    def put(self, item: Item) -> None:
        """Take an item."""
        self.waiting.append(item)
        if len(self.waiting) >= _AT_ONCE:
            self.hash()

    def hash(self) -> None:
        """Make hashes of what waits: it needs less room then."""
        self.keys.append(item_hashes([{name: item[name] for name in self.names} for item in self.waiting]))
        self.items.append(item_hashes(self.waiting))
        self.waiting = []


def found(parts: Sequence[Puts]) -> TableFound:
    """Return what a table holds after the puts of all parts, one part after the other."""
    keys = np.concatenate([np.zeros(0, np.uint64), *(of for part in parts for of in part.keys)])
    items = np.concatenate([np.zeros(0, np.uint64), *(of for part in parts for of in part.items)])
    order = np.argsort(keys, kind="stable")
    keys, items = keys[order], items[order]
    is_again = keys[1:] == keys[:-1]
    is_last = np.ones(len(keys), np.bool_)
    is_last[:-1] = ~is_again
    checksum = int(items[is_last].sum(dtype=np.uint64)) % MODULUS
    refused: Counter[str] = sum((part.refused for part in parts), Counter())
    return TableFound(
        items=int(is_last.sum()),
        checksum=checksum,
        overwritten=int((is_again & (items[1:] != items[:-1])).sum()),
        refused=tuple(f"DynamoDB would have refused {count:,} requests: {why}" for why, count in refused.items()),
    )
