"""A checksum of the items of a table: the same in any order, in any portions, from any number of readers."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from loadtest.workload.canonical import canonical_values
from loadtest.workload.expected import MODULUS
from loadtest.workload.hashing import U64, attribute_seed, linear, powers, row_hashes, value_hashes

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
    for name, kind, rows, contents in _columns(items):
        if name not in not_summed:
            values, lengths = linear(canonical_values(kind, contents))
            table = powers(int(lengths.max(initial=0)) + 1)
            sums[rows] += value_hashes(attribute_seed(name, kind), values, table[lengths])
    return row_hashes(sums)


def _columns(items: list[Item]) -> Iterator[tuple[str, str, list[int] | slice, list[Any]]]:
    """Yield names and types with their values, and which items have them: those of equal shape together."""
    shapes: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        shapes[(*item,)].append(row)
    for names, rows in shapes.items():
        some = items if len(shapes) == 1 else [items[row] for row in rows]
        for name in names:
            yield from _by_type(name, rows, [item[name] for item in some])


def _by_type(
    name: str, rows: list[int], values: list[Mapping[str, Any]]
) -> Iterator[tuple[str, str, list[int] | slice, list[Any]]]:
    kinds = set().union(*values)
    if len(kinds) == 1:
        [kind] = kinds
        yield name, kind, slice(len(rows)) if len(rows) == rows[-1] + 1 else rows, [value[kind] for value in values]
        return
    for kind in kinds:
        places = [place for place, value in enumerate(values) if kind in value]
        yield name, kind, [rows[place] for place in places], [values[place][kind] for place in places]


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(items)
    while some := list(islice(left, _ITEMS)):
        yield some
