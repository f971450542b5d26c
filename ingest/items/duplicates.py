"""Last row wins: which items of a block, and of a segment, share a key.

Two numbers are one key when DynamoDB says so: 1, 1.0 and 1e0. Across blocks only a 64-bit hash of each key is kept,
about 70 bytes of memory a row; two keys of a million share a hash about once in 4 * 10^7 segments, which would count
one row as superseded instead of written and change nothing else. Blocks whose keys lie apart, as those of a file do
that is in the order of its keys, share none: they are not hashed at all.
"""

from collections.abc import Hashable, Iterable, Iterator, Set
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import AnyArray
from ingest.items.items import Items
from ingest.items.numbers import canonical_number
from ingest.reading.blocks import Position

WINDOW_BYTES = 64 * 1024 * 1024
MAX_KEYS = 1_000_000  # of a window are remembered: some 70 MB
Range = tuple[Any, Any] | None  # the least and the greatest; None: not known


class KeyHashes(Set[int]):
    """The hashes of the keys of some items, no two of them equal; made when they are asked for."""

    def __init__(self, items: Items) -> None:
        self._items = Items(tuple(items.attribute(key.name) for key in items.keys), items.keys, items.records)
        self.count = len(items)

    @cached_property
    def hashes(self) -> set[int]:
        """The hashes themselves."""
        return set(map(hash, _keys(self._items))) if self._items.keys else set()

    @cached_property
    def range(self) -> Range:
        """The range of the partition keys."""
        column = _comparable(self._items, 0) if self._items.keys else None
        if column is None:
            return None
        found: Any = pc.min_max(column).as_py()
        return found["min"], found["max"]

    @classmethod
    def _from_iterable(cls, hashes: Iterable[int]) -> set[int]:  # type: ignore[override]
        """Return what `&` and the like make."""
        return set(hashes)

    def __contains__(self, value: object) -> bool:
        return value in self.hashes

    def __iter__(self) -> Iterator[int]:
        return iter(self.hashes)

    def __len__(self) -> int:
        return len(self.hashes)


class SeenKeys:
    """The keys of a window so far."""

    def __init__(self) -> None:
        self.count = 0
        self._hashes: set[int] = set()
        self._apart: list[KeyHashes] = []  # not hashed yet
        self._range: Range = None

    def add(self, keys: KeyHashes) -> int:
        """Take more keys; return how many of them were there."""
        if not keys.count:
            return 0
        is_first, before = not self.count, self._range
        self.count += keys.count
        self._range = keys.range if is_first else _joined(before, keys.range)
        if is_first or _are_apart(before, keys.range):
            self._apart.append(keys)
            return 0
        for earlier in self._apart:
            self._hashes |= earlier.hashes
        self._apart.clear()
        known = len(self._hashes)
        self._hashes |= keys.hashes
        return known + len(keys.hashes) - len(self._hashes)


class DuplicateKeyWindow:
    """The keys of the blocks since `start`, at most 64 MiB and a million of them; then it begins anew."""

    def __init__(self, start: Position, *, window_bytes: int = WINDOW_BYTES) -> None:
        self.start = start
        self._window_bytes = window_bytes
        self._seen = SeenKeys()

    def count(self, place: Position, keys: KeyHashes) -> int:
        """Take the keys of a block that begins at `place`; return how many of them an earlier block had."""
        if place.byte - self.start.byte >= self._window_bytes or self._seen.count >= MAX_KEYS:
            self._seen = SeenKeys()
            self.start = place
        return self._seen.add(keys)


def _joined(some: Range, others: Range) -> Range:
    return (min(some[0], others[0]), max(some[1], others[1])) if some and others else None


def _are_apart(some: Range, others: Range) -> bool:
    return bool(some and others and (others[0] > some[1] or others[1] < some[0]))


def last_of_each_key(items: Items) -> tuple[Items, KeyHashes, int]:
    """Return the items that no later item replaces, the hashes of their keys, and how many were replaced."""
    if not items.keys or _are_distinct(items):  # without keys: a preview without a feed
        return items, KeyHashes(items), 0
    last = {key: row for row, key in enumerate(_keys(items))}
    if len(last) == len(items):
        return items, KeyHashes(items), 0
    kept = items.take(sorted(last.values()))
    return kept, KeyHashes(kept), len(items) - len(kept)


def _are_distinct(items: Items) -> bool:
    """Return whether no two items share a key; False where that cannot be decided without looking at each."""
    columns = [column for place in range(len(items.keys)) if (column := _comparable(items, place)) is not None]
    if len(columns) < len(items.keys):
        return False
    values = columns[0] if len(columns) == 1 else _pairs(*columns)
    ascends = pc.less(values.slice(0, len(values) - 1), values.slice(1)) if len(values) > 1 else None
    if ascends is None or pc.all(ascends).as_py():  # the usual export: a tenth of the cost of what follows
        return True
    return bool(pc.count_distinct(values, mode="all").as_py() == len(items))


def _pairs(partition: AnyArray, sort: AnyArray) -> AnyArray:
    """Return a number for each pair of values, another for each other pair."""
    first, second = partition.dictionary_encode(), sort.dictionary_encode()
    return pc.add(pc.multiply(first.indices.cast(pa.int64()), len(second.dictionary)), second.indices)


def _comparable(items: Items, place: int) -> AnyArray | None:
    """Return a key as a column whose values are equal where the keys are, and in order; None if that takes Python."""
    key = items.keys[place]
    values = items.attribute(key.name).values
    if key.type != "N":
        return values
    try:
        return pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        return None


def _keys(items: Items) -> list[Hashable]:
    columns: list[list[Hashable]] = []
    for key in items.keys:
        values: list[Any] = items.attribute(key.name).values.to_pylist()
        columns.append(list(map(canonical_number, values)) if key.type == "N" else values)
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
