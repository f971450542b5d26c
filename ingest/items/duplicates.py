"""Find items of a block, and of a segment, that share a key, and the lines they are on.

Two numbers are one key if DynamoDB treats them as equal: 1, 1.0 and 1e0. Across blocks, only a 64-bit hash of each key
is kept, 8 to 16 bytes of memory per row. Two keys of a million share a hash about once in 4 * 10^7 segments; this would
count one row as superseded instead of written and change nothing else. Blocks whose key ranges do not overlap, as in a
file sorted by key, share no keys and are not hashed at all.

Lines are looked up only if a duplicate is found: 8 of the 16 bytes record which row of its block has a hash. For blocks
with records of several lines, the text is kept as well, at most a window of it.
"""

import base64
from array import array
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.items.columns import AnyArray
from ingest.items.items import Items
from ingest.items.numbers import canonical_number
from ingest.reading.blocks import Position

WINDOW_BYTES = 64 * 1024 * 1024
MAX_KEYS = 1_000_000  # that a window remembers: about 16 MB
Range = tuple[Any, Any] | None  # the least and the greatest value; None: unknown
Key = Hashable
LinesOf = Callable[[Collection[int]], Mapping[int, int]]  # the lines on which records of a block begin, by record


class KeyHashes:
    """The hashes of the keys of some items of a block, all of them different keys; computed on first access."""

    def __init__(self, items: Items) -> None:
        self._items = Items(tuple(items.attribute(key.name) for key in items.keys), items.keys, items.records)
        self.count = len(items) if items.keys else 0

    @cached_property
    def hashes(self) -> "array[int]":
        """The hashes themselves, in the order of the items."""
        return array("q", map(hash, keys_of(self._items)) if self.count else ())

    @cached_property
    def range(self) -> Range:
        """The range of the partition keys."""
        column = _comparable(self._items, 0) if self.count else None
        if column is None:
            return None
        found: Any = pc.min_max(column).as_py()
        return found["min"], found["max"]

    @property
    def records(self) -> Sequence[int]:
        """The records the items came from."""
        return self._items.records


@dataclass(frozen=True, slots=True)
class HashedBlock:
    """What is kept of a block to find the lines of its rows: the hash of each key, and the record with that key."""

    hashes: "array[int]"
    records: Sequence[int]
    lines_of: LinesOf

    def lines(self, wanted: Collection[int]) -> dict[int, int]:
        """Return, by hash, the lines of the block's rows whose keys have these hashes."""
        found = {value: self.records[self.hashes.index(value)] for value in set(wanted).intersection(self.hashes)}
        lines = self.lines_of(set(found.values())) if found else {}
        return {value: lines[record] for value, record in found.items()}


class SeenKeys:
    """The keys seen so far in a window."""

    def __init__(self) -> None:
        self.count = 0
        self._hashes: list[AnyArray] = []  # each once, as 64-bit numbers; a Python set takes nine times the memory
        self._blocks: list[HashedBlock] = []
        self._apart: list[tuple[KeyHashes, LinesOf | None]] = []  # not hashed yet
        self._range: Range = None

    def add(self, keys: KeyHashes, lines_of: LinesOf | None = None) -> int:
        """Add the keys of one more block; return how many of them were seen before.

        `lines_of`: None if no lines will be needed, of this block or an earlier one.
        """
        if lines_of is None:
            self._blocks.clear()
            self._apart = [(earlier, None) for earlier, _ in self._apart]
        if not keys.count:
            return 0
        is_first, before = not self.count, self._range
        self.count += keys.count
        self._range = keys.range if is_first else _joined(before, keys.range)
        self._apart.append((keys, lines_of))
        if is_first or _are_apart(before, keys.range):
            return 0
        for earlier, lines in self._apart[:-1]:
            self._hash(earlier, lines)
        new = self._hash(keys, lines_of)
        self._apart.clear()
        return keys.count - new

    def _hash(self, keys: KeyHashes, lines_of: LinesOf | None) -> int:
        """Add hashes; return how many are new. Arrow looks up the many known hashes among the few of the block."""
        known = pa.chunked_array(self._hashes, pa.int64())
        found = pa.Array.from_buffers(pa.int64(), keys.count, [None, pa.py_buffer(keys.hashes)]).unique()
        again = known.filter(pc.is_in(known, value_set=found))
        new = found.filter(pc.invert(pc.is_in(found, value_set=again))) if len(again) else found
        self._hashes.append(new)
        if lines_of:
            records = keys.records if isinstance(keys.records, range) else array("I", keys.records)
            self._blocks.append(HashedBlock(keys.hashes, records, lines_of))
        return len(new)

    def lines_before(self, keys: KeyHashes) -> dict[int, int]:
        """Return, by key hash, the line of the last earlier row with each key of the block that was just added."""
        missing, found = set(keys.hashes), dict[int, int]()
        for block in reversed(self._blocks):
            if block.hashes is not keys.hashes:
                found |= block.lines(missing)
                missing.difference_update(found)
        return found


class DuplicateKeyWindow:
    """The keys of the blocks since `start`: at most 64 MiB of the file and a million keys; then a new window starts.

    A window starts with a block, so that a worker that resumes at a checkpoint inside it reads the same blocks again.
    """

    def __init__(self, start: Position, *, window_bytes: int = WINDOW_BYTES, most_keys: int = MAX_KEYS) -> None:
        self.start = start
        self._most_keys = most_keys
        self._window_bytes = window_bytes
        self._seen = SeenKeys()

    def begin_block(self, place: Position, most_keys: int) -> None:
        """Start a new window if a block at `place`, of at most `most_keys` keys, does not fit into the current one."""
        is_full = self._seen.count and self._seen.count + most_keys > self._most_keys
        if is_full or place.byte - self.start.byte >= self._window_bytes:
            self._seen = SeenKeys()
            self.start = place

    def count(self, keys: KeyHashes, lines_of: LinesOf | None = None) -> int:
        """Add the keys of a part of the block; return how many of them were seen before.

        `lines_of`: None if `lines_before` will not be called any more. A block that alone has too many keys is
        compared with only the last of them; a worker that resumes at this block does the same.
        """
        if self._seen.count + keys.count > self._most_keys:
            self._seen = SeenKeys()
        return self._seen.add(keys, lines_of)

    def lines_before(self, keys: KeyHashes) -> dict[int, int]:
        """Return, by key hash, the line of the last earlier row with each key of the block that was just counted."""
        return self._seen.lines_before(keys)


@dataclass(frozen=True, slots=True)
class Replacement:
    """A row of a block, by its record, that has the key of an earlier row.

    The earlier row is the record `replaced` of the same block, or else it is on `replaced_line`, in an earlier block.
    """

    key: Mapping[str, str]
    record: int
    replaced: int | None
    replaced_line: int | None = None


def replacements(items: Items, before: Mapping[int, int], limit: int) -> list[Replacement]:
    """Return the first rows of a block that have the key of an earlier row, in the order of the file.

    Each replaces the previous row with the same key. `before`: the lines of earlier blocks' rows, by key hash.
    """
    found: list[Replacement] = []
    last: dict[Key, int] = {}
    for row, key in enumerate(keys_of(items)):
        replaced = last.get(key)
        line = before.get(hash(key)) if replaced is None else None
        last[key] = record = items.records[row]
        if replaced is not None or line is not None:
            found.append(Replacement(_key_text(items, row), record, replaced, line))
            if len(found) >= limit:
                break
    return found


def _key_text(items: Items, row: int) -> dict[str, str]:
    """Return a key as it is written, by attribute; bytes in Base64."""
    values: dict[str, Any] = {key.name: items.attribute(key.name).values[row].as_py() for key in items.keys}
    return {name: base64.b64encode(v).decode() if isinstance(v, bytes) else v for name, v in values.items()}


def _joined(some: Range, others: Range) -> Range:
    return (min(some[0], others[0]), max(some[1], others[1])) if some and others else None


def _are_apart(some: Range, others: Range) -> bool:
    return bool(some and others and (others[0] > some[1] or others[1] < some[0]))


def are_distinct(items: Items) -> bool:
    """Return whether no two items share a key; False if that cannot be decided without examining each item."""
    columns = [column for place in range(len(items.keys)) if (column := _comparable(items, place)) is not None]
    if len(columns) < len(items.keys):
        return False
    values = columns[0] if len(columns) == 1 else _pairs(*columns)
    ascends = pc.less(values.slice(0, len(values) - 1), values.slice(1)) if len(values) > 1 else None
    if ascends is None or pc.all(ascends).as_py():  # the usual export, at a tenth of the cost of the check below
        return True
    return bool(pc.count_distinct(values, mode="all").as_py() == len(items))


def _pairs(partition: AnyArray, sort: AnyArray) -> AnyArray:
    """Return a number for each pair of values: the same for equal pairs, different for different pairs."""
    first, second = partition.dictionary_encode(), sort.dictionary_encode()
    return pc.add(pc.multiply(first.indices.cast(pa.int64()), len(second.dictionary)), second.indices)


def _comparable(items: Items, place: int) -> AnyArray | None:
    """Return a key as a column whose values compare as the keys do; None if only Python code can compare them."""
    key = items.keys[place]
    values = items.attribute(key.name).values
    if key.type != "N":
        return values
    try:
        return pc.cast(values, pa.int64())
    except pa.ArrowInvalid:
        return None


def keys_of(items: Items) -> list[Key]:
    """Return the key of each item; two are equal if DynamoDB treats them as equal."""
    columns: list[list[Key]] = []
    for key in items.keys:
        values: list[Any] = items.attribute(key.name).values.to_pylist()
        columns.append(list(map(canonical_number, values)) if key.type == "N" else values)
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
