"""Reduce a block to one item for each key, according to how its feed writes rows.

Of whole items, the last row is kept; if rows only insert, the first; with versions, the greatest. Updates are merged
into one update, a put and the updates after it into one put. The result is the same as writing row after row.
"""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.contract import WriteOperation
from ingest.feeds.feed import Feed
from ingest.items.columns import Attribute
from ingest.items.duplicates import Key, KeyHashes, are_distinct, keys_of
from ingest.items.items import Items


@dataclass(frozen=True, slots=True)
class Folded:
    """Items with distinct keys, and the hashes of these keys.

    `groups[i]` are the rows that have the key of item i, in their order. `groups` is None if each row has its own key,
    or if only one row of each key matters.
    """

    items: Items
    keys: KeyHashes
    groups: Sequence[Sequence[int]] | None = None


def fold(items: Items, feed: Feed) -> Folded:
    """Return one item for each key. One row of each key decides: it gives the item's record and its place in the order.

    With versioned updates, the row written last decides (`in_turns` yields all); each key's last row gives the place.
    """
    if not items.keys or are_distinct(items):  # without keys: a preview without a feed
        return Folded(items, KeyHashes(items))
    keys = keys_of(items)
    last = {key: row for row, key in enumerate(keys)}
    if len(last) == len(items):
        return Folded(items, KeyHashes(items))
    versions = versions_of(items, feed)
    if feed.updates:
        return _folded_changes(items, _groups(keys), versions)
    kept = items.take(sorted(_winners(keys, versions, feed, last)))
    return Folded(kept, KeyHashes(kept))


def versions_of(items: Items, feed: Feed) -> list[Any] | None:
    """Return the versions of rows of one file, to compare them; None if the later row is always the newer one."""
    if feed.write == "undo" or not (feed.version_column and feed.version_attribute):
        return None
    attribute = items.attribute(feed.version_attribute)
    values: list[Any] = attribute.values.to_pylist()
    return list(map(Decimal, values)) if attribute.type == "N" else values


def in_turns(
    groups: Iterable[Sequence[int]], versions: Sequence[Any] | None, refused: Container[int]
) -> Iterator[list[int]]:
    """Yield the rows of groups, one of each group per turn, so that no row is written before the earlier ones.

    Rows older than an earlier row are left out, unless that one is in `refused`, which grows with each turn.
    """
    waiting = [_in_order(rows, versions, refused) for rows in groups]
    while turn := [(each, row) for each in waiting if (row := next(each, None)) is not None]:
        yield sorted(row for _, row in turn)
        waiting = [each for each, _ in turn]


def _in_order(rows: Sequence[int], versions: Sequence[Any] | None, refused: Container[int]) -> Iterator[int]:
    newest: Any = None
    for row in rows:
        if versions is None or newest is None or versions[row] >= newest:
            yield row
            if versions and row not in refused:
                newest = versions[row]


def _winners(keys: Sequence[Key], versions: Sequence[Any] | None, feed: Feed, last: dict[Key, int]) -> Iterable[int]:
    """Return the row of each key that decides: the last, the first, or the last with the greatest version."""
    if feed.write == "insert":
        return {key: row for row, key in reversed(list(enumerate(keys)))}.values()
    if versions is None:
        return last.values()
    found: dict[Key, int] = {}
    for row, key in enumerate(keys):
        before = found.setdefault(key, row)
        if versions[row] >= versions[before]:
            found[key] = row
    return found.values()


def _groups(keys: Sequence[Key]) -> list[list[int]]:
    """Return the rows of each key; the keys are in the order of their last rows."""
    found: dict[Key, list[int]] = {}
    for row, key in enumerate(keys):
        found.setdefault(key, []).append(row)
    return sorted(found.values(), key=lambda rows: rows[-1])


def _folded_changes(items: Items, groups: list[list[int]], versions: Sequence[Any] | None) -> Folded:
    if versions is not None:  # the table may have an item between two of them in age: each row is compared with it
        kept = items.take([max(rows, key=lambda row: (versions[row], row)) for rows in groups])
        return Folded(kept, KeyHashes(kept), groups)
    operations: list[Any] | None = items.operations.to_pylist() if items.operations is not None else None
    merged = [_merged(rows, operations) for rows in groups]
    parts = [part for part, _ in merged]
    last = pa.array([part[-1] for part in parts], pa.int64())
    kept = Items(
        tuple(_last_values(attribute, parts, last) for attribute in items.attributes),
        items.keys,
        [items.records[part[-1]] for part in parts],
        None if operations is None else pa.array([operation for _, operation in merged], pa.string()),
    )
    return Folded(kept, KeyHashes(kept), groups)


def _merged(rows: Sequence[int], operations: Sequence[str] | None) -> tuple[Sequence[int], str]:
    """Return which rows of a key make its item, and the operation that writes it."""
    if operations is None:
        return rows, WriteOperation.UPDATE
    whole = next((n for n in reversed(range(len(rows))) if operations[rows[n]] != WriteOperation.UPDATE), None)
    if whole is None:
        return rows, WriteOperation.UPDATE
    if operations[rows[whole]] == WriteOperation.PUT:
        return rows[whole:], WriteOperation.PUT
    # after a delete, updates find nothing to change: they make the whole item
    return (rows[whole + 1 :], WriteOperation.PUT) if rows[whole + 1 :] else (rows[-1:], WriteOperation.DELETE)


def _last_values(attribute: Attribute, parts: Sequence[Sequence[int]], last: pa.Int64Array) -> Attribute:
    """Return the last value of an attribute in each part; a null counts if it is written or removes the attribute."""
    if attribute.write_null or attribute.remove_null or not attribute.values.null_count:
        return attribute.take(last)
    places: list[Any] = last.to_pylist()
    several = [n for n, part in enumerate(parts) if len(part) > 1]
    flat = pa.array([row for n in several for row in parts[n]], pa.int64())
    has_value = iter(pc.is_valid(attribute.values.take(flat)).to_pylist())
    for n in several:
        with_value = [row for row in parts[n] if next(has_value)]
        places[n] = with_value[-1] if with_value else places[n]
    return attribute.take(pa.array(places, pa.int64()))
