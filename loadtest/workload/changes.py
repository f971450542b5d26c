"""Files of changes: rows that put, update and delete items, out of order and repeated, and the table's final content.

The files of a history share their keys. The greatest version of a key stays, in whatever order files are loaded: so a
change may occur in any file at any place, once or twice. A row that updates only some attributes must be applied after
the earlier changes of its key: such rows are in order in one file, and never in files that may be split.
"""

import csv
import io
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ingest.contract import Reason
from loadtest.workload.checksum import Checksum, KnownOutcome

VERSION = "version"  # the attribute that orders changes
NOT_SUMMED = frozenset({"ttl"})  # expiry of a deleted item, which depends on the load
PUT, UPDATE, DELETE = "I", "U", "D"
MOST_VERSIONS = 6
DOUBLED, IN_ORDER, BAD = 0.05, 0.2, 0.002  # shares of rows, of keys, and of rows
BEFORE = {PUT: (PUT, UPDATE, UPDATE, DELETE), UPDATE: (PUT, UPDATE, UPDATE, DELETE), DELETE: (PUT, UPDATE)}
_BAD_ROWS = {Reason.BAD_OPERATION: {"op": "X"}, Reason.NO_VERSION: {"version": ""}}
Item = Mapping[str, Mapping[str, Any]]


class ChangeRow(NamedTuple):
    """A row of a file; empty cells have no value."""

    op: str
    account: str
    entry: str
    version: str
    amount: str = ""
    state: str = ""
    note: str = ""

    def after(self, before: Item) -> Item:
        """Return the item after the change, given the one before; a deleted item keeps its key and version."""
        is_update = self.op == UPDATE and "_deleted" not in before
        key = {"account": {"S": self.account}, "entry": {"S": self.entry}, "version": {"N": self.version}}
        if self.op == DELETE:
            return {**key, "_deleted": {"BOOL": True}}
        kept = {name: value for name, value in before.items() if name != "state"} if is_update else {}
        cells = {"amount": {"N": self.amount}, "state": {"S": self.state}, "note": {"S": self.note}}
        return {**kept, **key, **{name: value for name, value in cells.items() if any(value.values())}}


class History:
    """Changes distributed to files by a seed, and the items that result from all of them."""

    def __init__(self, seed: int, files: int, rows: int, wide_bytes: int) -> None:
        self._chance, self._wide = random.Random(seed), "x" * wide_bytes
        self._in_order_share = 0 if wide_bytes else IN_ORDER
        self.files: list[list[ChangeRow]] = [[] for _ in range(files)]
        self.rejected = [Counter[str]() for _ in range(files)]  # rows of each file, by reason
        self.items: list[Item] = []  # in the table after all changes
        self._in_order: list[list[ChangeRow]] = [[] for _ in range(files)]
        left = files * rows
        while left > 0:
            left -= self._add_key(f"{seed}-{len(self.items) // 10}", str(len(self.items)))
        for changes, in_order, rejected in zip(self.files, self._in_order, self.rejected, strict=True):
            self._chance.shuffle(changes)
            self._spoil(changes, rejected)
            changes.extend(in_order)

    def _add_key(self, account: str, entry: str) -> int:
        """Distribute the changes of one more key; return the number of rows."""
        chance, item, version = self._chance, dict[str, Any](), self._chance.randrange(90)
        is_in_order, op, rows = chance.random() < self._in_order_share, chance.choice([PUT, PUT, UPDATE]), 0
        file = chance.randrange(len(self.files))
        for number in range(chance.randint(1, MOST_VERSIONS)):
            version += chance.randint(1, 9)
            change = self._change(op, account, entry, str(version), is_whole=number == 0 or not is_in_order)
            item, op = dict(change.after(item)), chance.choice(BEFORE[op])
            dealt = [self._in_order[file]]
            if not is_in_order:
                dealt = [chance.choice(self.files) for _ in range(1 + (chance.random() < DOUBLED))]
            for changes in dealt:
                changes.append(change)
            rows += len(dealt)
        self.items.append(item)
        return rows

    def _change(self, op: str, account: str, entry: str, version: str, *, is_whole: bool) -> ChangeRow:
        chance = self._chance
        if op == DELETE:  # other cells of a delete are ignored
            return ChangeRow(op, account, entry, version, amount=chance.choice(["", "gone"]))
        amount, note = f"{chance.randrange(10**6) / 100:.2f}", f"{version} of {entry}, {chance.random()}{self._wide}"
        if op == UPDATE and not is_whole:
            amount, note = chance.choice([(amount, ""), ("", note), ("", "")])
        return ChangeRow(op, account, entry, version, amount, chance.choice(["", "open", "shut"]), note)

    def _spoil(self, changes: list[ChangeRow], rejected: Counter[str]) -> None:
        """Insert bad rows at random: damaged copies of rows, which a reader must reject."""
        for change in [change for change in changes if self._chance.random() < BAD]:
            reason = self._chance.choice(list(_BAD_ROWS))
            rejected[reason] += 1
            changes.insert(self._chance.randrange(len(changes)), change._replace(**_BAD_ROWS[reason]))


COLUMNS = ChangeRow._fields
_history = lru_cache(maxsize=8)(History)


class ChangesFile:
    """One file of a history: iterate for its bytes. The outcome of the first file has the items of all files.

    There are `files` files of about `rows` rows each; `wide_bytes` lengthens rows: only such files may be split.
    """

    def __init__(self, *, seed: int, files: int, rows: int, file: int, wide_bytes: int = 0) -> None:
        history = _history(seed, files, rows, wide_bytes)
        changes, rejected = history.files[file], history.rejected[file]
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *changes])
        self._data = text.getvalue().encode()
        self.most_bytes = self.likely_bytes = size = len(self._data)
        summed = Checksum()
        summed.add([] if file else history.items)
        self.has_rejects = bool(rejected)
        kept = len(changes) - rejected.total()
        self.known_outcome = KnownOutcome(
            rows=len(changes),
            rejected=dict(sorted(rejected.items())),
            superseded=(0, kept),
            items=summed.items,
            checksum=summed.value,
            bytes=size,
            text_bytes=size,
            not_summed=tuple(sorted(NOT_SUMMED)),
        )

    def __iter__(self) -> Iterator[bytes]:
        """Yield the whole file as one portion: such files are small."""
        yield self._data
