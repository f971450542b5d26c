"""Last row wins: which items of a block, and of a segment, share a key.

Two numbers are one key when DynamoDB says so: 1, 1.0 and 1e0. Across blocks only a 64-bit hash of each key is kept,
about 70 bytes of memory a row; two keys of a million share a hash about once in 4 * 10^7 segments, which would count
one row as superseded instead of written and change nothing else.
"""

from collections.abc import Hashable

from ingest.core.cutter import CutState
from ingest.core.items import Items
from ingest.core.numbers import canonical_number

WINDOW_BYTES = 64 * 1024 * 1024
MAX_KEYS = 1_000_000  # of a window are remembered: some 70 MB


class KeyWindow:
    """The keys of the blocks since `start`, at most 64 MiB and a million of them; then it begins anew."""

    def __init__(self, start: CutState, *, window_bytes: int = WINDOW_BYTES) -> None:
        self.start = start
        self._window_bytes = window_bytes
        self._seen: set[int] = set()

    def count(self, place: CutState, hashes: set[int]) -> int:
        """Take the keys of a block that begins at `place`; return how many of them an earlier block had."""
        if place.byte - self.start.byte >= self._window_bytes or len(self._seen) >= MAX_KEYS:
            self._seen.clear()
            self.start = place
        overwritten = len(self._seen & hashes)
        self._seen |= hashes
        return overwritten


def last_of_each_key(items: Items) -> tuple[Items, set[int], int]:
    """Return the items that no later item replaces, the hashes of their keys, and how many were replaced."""
    if not items.keys:  # a preview without a feed
        return items, set(), 0
    keys = _keys(items)
    hashes = set(map(hash, keys))
    if len(hashes) == len(keys):
        return items, hashes, 0
    last = {key: row for row, key in enumerate(keys)}
    return items.take(sorted(last.values())), hashes, len(keys) - len(last)


def _keys(items: Items) -> list[Hashable]:
    columns: list[list[Hashable]] = []
    for key in items.keys:
        values = items.attribute(key.name).values.to_pylist()
        columns.append(list(map(canonical_number, values)) if key.type == "N" else values)
    return columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
