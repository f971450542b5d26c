"""A checksum of the items of a table: the same in any order, in any portions, from any number of readers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from loadtest.workload.canonical import canonical_value
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64, linear, mixed_sums, value_hashes

Item = Mapping[str, Mapping[str, Any]]  # DynamoDB JSON
_ITEMS = 2048  # at a time: few calls an item, and little memory


class Checksum:
    """The checksum of the items added so far, and their number.

    `not_summed` are attributes to leave out: `KnownOutcome.not_summed`.
    """

    def __init__(self, not_summed: Iterable[str] = ()) -> None:
        self.value = 0
        self.items = 0
        self._not_summed = frozenset(not_summed)

    def add(self, items: Iterable[Item]) -> None:
        """Take items, each once."""
        left = iter(items)
        while some := list(islice(left, _ITEMS)):
            self.value = (self.value + int(item_hashes(some, self._not_summed).sum(dtype=np.uint64))) % MODULUS
            self.items += len(some)

    def merge(self, other: "Checksum") -> None:
        """Take what another reader was given."""
        self.value = (self.value + other.value) % MODULUS
        self.items += other.items


def item_hashes(items: list[Item], not_summed: frozenset[str] = frozenset()) -> U64:
    """Return the hash of each item; equal items have equal hashes, in whatever order or spelling their values are."""
    return mixed_sums(value_sums(items, not_summed))


def value_sums(items: Sequence[Item], not_summed: frozenset[str] = frozenset()) -> U64:
    """Return the sum of the hashes of each item's values; that of an item's parts adds up to that of the item."""
    columns: dict[tuple[str, str], tuple[list[int], list[Any]]] = defaultdict(lambda: ([], []))
    for row, item in enumerate(items):
        for name, value in item.items():
            for kind, content in value.items():
                rows, contents = columns[name, kind]
                rows.append(row)
                contents.append(content)
    sums = np.zeros(len(items), np.uint64)
    for (name, kind), (rows, contents) in columns.items():
        if name not in not_summed:
            sums[rows] += value_hashes(name, kind, *linear([canonical_value(kind, content) for content in contents]))
    return sums
