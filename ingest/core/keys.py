"""Last row wins: which items of a block, and of a segment, share a key.

Two numbers are one key when DynamoDB says so: 1, 1.0 and 1e0. Across blocks only a 64-bit hash of each key is kept,
about 70 bytes of memory a row; two keys of one segment (up to some 600,000 rows) share a hash about once in 10^8
segments, which would count one row as superseded instead of written and change nothing else.
"""

from collections.abc import Hashable

from ingest.core.items import Items
from ingest.core.numbers import canonical_number


def last_of_each_key(items: Items) -> tuple[Items, set[int], int]:
    """Return the items that no later item replaces, the hashes of their keys, and how many were replaced."""
    if not items.keys:  # a preview without a feed
        return items, set(), 0
    keys = _keys(items)
    last = {key: row for row, key in enumerate(keys)}
    hashes = {hash(key) for key in last}
    if len(last) == len(keys):
        return items, hashes, 0
    return items.take(sorted(last.values())), hashes, len(keys) - len(last)


def _keys(items: Items) -> list[Hashable]:
    columns = []
    for key in items.keys:
        values = items.attribute(key.name).values.to_pylist()
        columns.append(list(map(canonical_number, values)) if key.type == "N" else values)
    return list(zip(*columns, strict=True))
