"""A checksum of the items of a table: the same in any order, in any portions, from any number of readers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from loadtest.generate.canonical import canonical_value
from loadtest.generate.hashing import U64, attribute_seed, linear, powers, row_hashes, value_hashes
from loadtest.generate.truth import MODULUS

Item = Mapping[str, Mapping[str, Any]]  # DynamoDB JSON
_ITEMS = 2048  # at a time: few calls an item, and little memory


class Checksum:
    """The checksum of the items added so far, and their number.

    `not_summed` are attributes to leave out: `Truth.not_summed`.
    """

    def __init__(self, not_summed: Iterable[str] = ()) -> None:
        self.value = 0
        self.items = 0
        self._not_summed = frozenset(not_summed)

    def add(self, items: Iterable[Item]) -> None:
        """Take items, each once."""
        for some in _batches(items):
            self.value = (self.value + int(item_hashes(some, self._not_summed).sum(dtype=np.uint64))) % MODULUS
            self.items += len(some)

    def merge(self, other: "Checksum") -> None:
        """Take what another reader was given."""
        self.value = (self.value + other.value) % MODULUS
        self.items += other.items

    def __str__(self) -> str:
        return f"{self.value:016x}"


def item_hashes(items: list[Item], not_summed: frozenset[str] = frozenset()) -> U64:
    """Return the hash of each item; equal items have equal hashes, in whatever order or spelling their values are."""
    sums = np.zeros(len(items), np.uint64)
    for (name, kind), (rows, contents) in _by_attribute(items).items():
        if name not in not_summed:
            values, lengths = linear(contents)
            table = powers(int(lengths.max(initial=0)) + 1)
            hashes = value_hashes(attribute_seed(name, kind), values, table[lengths])
            if len(rows) == len(items):
                sums += hashes
            else:
                sums[rows] += hashes
    return row_hashes(sums)


def _by_attribute(items: list[Item]) -> dict[tuple[str, str], tuple[list[int], list[bytes]]]:
    """Return the values of each attribute and type, and which items have them."""
    found: dict[tuple[str, str], tuple[list[int], list[bytes]]] = defaultdict(lambda: ([], []))
    for row, item in enumerate(items):
        for name, value in item.items():
            [(kind, content)] = value.items()
            rows, contents = found[name, kind]
            rows.append(row)
            contents.append(content.encode() if kind == "S" else canonical_value(kind, content))
    return found


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(islice(left, _ITEMS)):
        yield some
