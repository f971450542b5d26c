"""Watches every call to the ledger, and notes who holds what, and what may never change."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ingest.contract import FINAL_STATUSES, Status
from ingest.errors import LeaseLost
from ingest.feeds.feed import ORDER_ATTRIBUTE
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, LeaseToken
from ingest.ledger.work_item import WorkItem
from tests.support.memory_ledger import MemoryEntry, MemoryLedger, at

NEEDS_LEASE = {"renew", "save", "put_back", "save_plan", "split", "end_file", "end_begun", "end_segment"}
NEEDS_LEASE |= {"end_by_segment"}
LEASE_S = 60
ROW = "_row"  # the attribute that names the file and line of an item, but where files are ordered
Key = tuple[str, str]
Records = dict[Key, MemoryEntry]


@dataclass
class Watch:
    """Calls the ledger for a worker, and fails when that does what it must not.

    `rows` says how many rows a version has: no record may ever count more.
    """

    ledger: MemoryLedger
    rows: Callable[[FileVersion], int]
    holders: dict[Key, str] = field(default_factory=dict)
    own: dict[str, tuple[Key, str]] = field(default_factory=dict)
    looks: dict[str, dict[str, str]] = field(default_factory=dict)
    renewed_s: dict[str, float] = field(default_factory=dict)  # when a worker has claimed or renewed its lease, truly
    late_keys: dict[Any, bool] = field(default_factory=dict)
    outlived_keys: dict[Any, bool] = field(default_factory=dict)
    deleted: dict[Any, FileVersion] = field(default_factory=dict)  # by keys: the undo that has deleted the item last
    deletes: Counter[Key] = field(default_factory=Counter)  # by undos
    wrong: list[str] = field(default_factory=list)

    def call(
        self,
        worker: str,
        name: str,
        args: tuple[Any, ...],
        named: dict[str, Any],
        *,
        now_s: float,
        point: Callable[[], None] = lambda: None,
    ) -> Any:
        """Make one call, at a time that the worker has asked for before. At `point`, amid the call, others go on."""
        before = self._entries()

        def meanwhile() -> None:
            point()
            before.clear()
            before.update(self._entries())

        if name == "end_split":  # it looks first
            self._looked(worker, args[0])
        ledger = at(self.ledger, now_s)
        ledger.meanwhile = meanwhile
        try:
            answer = getattr(ledger, name)(*args, **named)
        except LeaseLost:
            assert _without_places(self._entries()) == _without_places(before), (
                f"{name} has changed something without the lease"
            )
            raise
        if name in ("begin", "claim") and isinstance(answer, Claimed):
            work = args[0] if isinstance(args[0], WorkItem) else WorkItem(args[0])
            self._claimed(worker, work, named["token"])
        if name in ("file_status", "begin"):
            self._looked(worker, args[0])
        if name in NEEDS_LEASE:
            self.renewed_s[worker] = self.ledger.clock.now_s()
            work = args[0] if isinstance(args[0], WorkItem) else WorkItem(args[0])
            assert self.holders[_key(work)] == args[1].value, f"{name} by {worker}, whose lease another has taken"
        if name == "end_segment" and not named["is_whole"]:
            assert not self.ledger.queries.file_status(args[0].file).should_continue, (
                "a segment was given up of a file that is wanted"
            )
        assert before.keys() <= self.ledger.entries.keys(), f"{name} forgets an entry"
        for key, entry in self.ledger.entries.items():
            self._compare(worker, name, before.get(key), entry)
        return answer

    def wrote(self, worker: str, before: dict[Any, Any], after: dict[Any, Any]) -> None:
        """Take note of items put by a worker that lost its lease after it had looked: no one can hinder those.

        Nor those of a worker that stood still for longer than its lease, whoever may have it.
        """
        key, token = self.own[worker]
        is_late = self.holders[key] != token
        has_outlived = is_late or self.ledger.clock.now_s() > self.renewed_s[worker] + LEASE_S
        changed = [item for item, value in after.items() if before.get(item) is not value]
        deleted = before.keys() - after.keys()
        self.late_keys |= dict.fromkeys(changed, is_late)
        self.outlived_keys |= dict.fromkeys([*changed, *deleted], has_outlived)
        if deleted:
            self.deleted |= dict.fromkeys(deleted, self.ledger.entries[key].work.file)
            self._deleted(self.ledger.entries[key].work.file, [before[item] for item in deleted], late=has_outlived)

    def _deleted(self, file: FileVersion, items: list[Any], *, late: bool) -> None:
        """Note what is wrong with an undo that deletes these: they must name the file, which was undone before."""
        self.deletes[file.url, file.version] += len(items)
        others = [item for item in items if file_named(item) != file.file_id]
        self.wrong += [f"the undo of {file.url} deletes {others}, of other files"] if others else []
        same = [e for e in self.ledger.files() if e.work.file.file_id == file.file_id and not e.work.file.undo]
        is_early = not late and {entry.status for entry in same} != {Status.UNDONE}
        self.wrong += [f"{file.url} is not UNDONE, and deleted from"] if is_early else []

    def _entries(self) -> Records:
        return {key: replace(entry) for key, entry in self.ledger.entries.items()}

    def _looked(self, worker: str, file: FileVersion) -> None:
        self.looks.setdefault(worker, {})[file.url] = self.ledger.newest.get(file.url, "")

    def _claimed(self, worker: str, work: WorkItem, token: LeaseToken) -> None:
        self.holders[_key(work)] = token.value
        self.own[worker] = (_key(work), token.value)
        self.renewed_s[worker] = self.ledger.clock.now_s()

    def _compare(self, worker: str, name: str, before: MemoryEntry | None, now: MemoryEntry) -> None:
        assert now.row_counts.rows_read <= self.rows(now.work.file), f"{name} counts rows of {now.work.name} twice"
        if before is None or _compared(before) == _compared(now):
            return
        assert before.settings in ("", now.settings), f"{name} gives {now.work.name} other settings"
        assert before.order_ms in (None, now.order_ms), f"{name} gives {now.work.name} another order value"
        for count, value in before.row_counts.counts().items():
            assert getattr(now.row_counts, count) >= value, f"{name} counts {count} back"
        if now.work.segment is None and before.status in FINAL_STATUSES:
            assert now.row_counts == before.row_counts, f"{name} changes the row counts of a file that has ended"
        is_closed = now.work.segment is None and now.status != before.status
        may_leave = (name, before.status) == ("claim", Status.IGNORED)
        is_final = before.status in FINAL_STATUSES and not may_leave
        assert not (is_closed and is_final), f"{name} makes {before.status} {now.status}"
        is_of_notified = now.work.file.sequencer and not now.work.file.undo
        if is_closed and now.status == Status.COMPLETE and is_of_notified:
            seen = self.looks.get(worker, {}).get(now.work.file.url)
            assert seen is not None and seen <= now.work.file.version, f"{name}: COMPLETE, and a newer one was known"


def file_named(item: Mapping[str, Any]) -> str:
    """Return the id of the file that an item names."""
    return str(item[ORDER_ATTRIBUTE]).split("#")[1] if ORDER_ATTRIBUTE in item else str(item[ROW]).split("#")[0]


def _compared(entry: MemoryEntry) -> tuple[Any, ...]:
    """Return what of an entry may change in some ways only."""
    return entry.settings, entry.order_ms, entry.row_counts, entry.status


def _without_places(entries: Records) -> Records:
    """Return entries without where they are written, which may change at any time."""
    return {key: replace(entry, is_written=True, is_listed=True) for key, entry in entries.items()}


def _key(work: WorkItem) -> Key:
    return work.file.url, work.sort_key
