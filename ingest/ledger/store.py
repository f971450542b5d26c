"""The ledger in DynamoDB: leases, transitions and queries on one table; docs/ledger.md has the schema.

This module has the leases: which version of a key is the newest, who works on what, and how far it has come.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ingest.aws.clock import iso
from ingest.contract import LedgerKeys, Status
from ingest.errors import IngestError, LeaseLost, Throttled
from ingest.file import FileVersion
from ingest.ledger.begun import as_it_was, begun_fields, change_entry, is_entry, is_late, keep, read_entry, write_out
from ingest.ledger.budget import TableBudgets
from ingest.ledger.claims import Claimed, ClaimStatus, KnownOrder, LeaseToken, Looked, next_order_ms
from ingest.ledger.queries import TableQueries
from ingest.ledger.table import (
    KEEP_DAYS,
    RECONCILER_KEY,
    Item,
    LedgerClock,
    LedgerTable,
    allowed,
    checkpoint_of,
    entry_key,
    error_fields,
    file_fields,
    key_of,
    number,
    plan_of,
    position_fields,
    set_checkpoint,
    set_row_counts,
    steps_of,
)
from ingest.ledger.transitions import TableTransitions
from ingest.ledger.work_item import FILE_STEPS, Checkpoint, SegmentPlan, WorkItem

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

BEGIN_ATTEMPTS = 10  # while other workers change the HEAD of the same key


class TableLedger:
    """The whole ledger. Each part reads the clock itself."""

    def __init__(
        self,
        *,
        table: "Table",
        clock: LedgerClock,
        keep_days: Callable[[], float] = lambda: KEEP_DAYS,
        update_item: Callable[..., Any] | None = None,
    ) -> None:
        """`keep_days` is called whenever an entry that expires is written; `update_item`: see `LedgerTable`."""
        self.table = LedgerTable(dynamodb=table, clock=clock, keep_days=keep_days, update_item=update_item)
        self.queries = TableQueries(self.table)
        self.leases = TableLeases(self.table, self.queries)
        self.transitions = TableTransitions(self.table)
        self.budgets = TableBudgets(self.table)


class TableLeases:
    """Takes leases, and makes the changes that only their holder may make."""

    def __init__(self, table: LedgerTable, queries: TableQueries) -> None:
        self._table = table
        self._queries = queries
        self._unseen: set[str] = set()  # objects without a HEAD when they were looked up

    def prefetch(self, files: Sequence[FileVersion]) -> None:
        """Look up several objects at once. `begin` then treats those without a HEAD as new, and reads all others again.
        If a HEAD was created meanwhile, the write of its object fails."""
        self._unseen = set()
        if len(files) > 1:
            keys = {file.url: key_of(file, LedgerKeys.HEAD) for file in files}
            found = {item[LedgerKeys.PARTITION_KEY] for item in self._table.items("looking up objects", keys.values())}
            self._unseen = {url for url, key in keys.items() if key[LedgerKeys.PARTITION_KEY] not in found}

    def note_newest(self, file: FileVersion, *, least_ms: int = 0) -> int | None:
        """Note a version as the newest of its key; return its order value, or None if a newer version is known already.

        `least_ms` gives it a new order value (`next_order_ms`).

        A version without a sequencer was found in the bucket (`worker.reconcile`) and cannot be compared. It is noted
        by its eTag, so that its own notification, if it arrives later, is recognized as late. It is itself late if its
        notification was taken first, as its entry shows. A notification that was only noted, by a worker that then
        died, does not count: no other message may come for the object.
        """
        head = self._table.read("looking up an object", file, LedgerKeys.HEAD).get(LedgerKeys.HEAD, {})
        for _ in range(BEGIN_ATTEMPTS):
            if self._is_late(file, head):
                return None
            keep(self._table, head, but=file)
            order_ms = next_order_ms(file, known_order(head), self._table.clock.now_s(), least_ms=least_ms)
            is_noted, head = self._note("noting a version", file, head, order_ms)
            if is_noted:
                return order_ms
        raise Throttled(f"{file.url} was not noted: others write of it all the time.")

    def begin(
        self, file: FileVersion, *, feed: str, token: LeaseToken, settings: str = ""
    ) -> Claimed | ClaimStatus | None:
        """Note a version as the newest of its key and take its lease, as `note_newest` and `claim`, usually in one
        write.

        Return None if a newer version is known. A version that is claimed for the first time is begun in the HEAD of
        its object, and does not have an entry yet (`ingest.ledger.begun`).
        """
        head = self._head(file)
        for _ in range(BEGIN_ATTEMPTS):
            if self._is_late(file, head):
                return None
            if self._may_have_entry(file, head):
                is_noted = head.get("sequencer") == file.version
                known_ms = known_order(head).order_ms if is_noted else self.note_newest(file)
                claim = partial(self.claim, WorkItem(file), feed=feed, token=token, settings=settings)
                return None if known_ms is None else claim(order_ms=known_ms)
            keep(self._table, head)
            now_s = self._table.clock.now_s()
            order_ms = next_order_ms(file, known_order(head), now_s)
            begun = begun_fields(file, feed=feed, settings=settings, token=token, now_s=now_s, order_ms=order_ms)
            is_ours, head = self._note("beginning", file, head, order_ms, begun)
            if is_ours:
                self._table.begun_here = begun | key_of(file, WorkItem(file).sort_key)
                return Claimed(float(begun["first_seen"]), feed=feed, settings=settings, order_ms=order_ms)
        raise Throttled(f"{file.url} was not begun: others write of it all the time.")

    def _head(self, file: FileVersion) -> Item:
        if file.url in self._unseen:
            self._unseen.discard(file.url)
            return {}
        return self._table.read("looking up an object", file, LedgerKeys.HEAD).get(LedgerKeys.HEAD, {})

    def _is_late(self, file: FileVersion, head: Item) -> bool:
        return is_late(file, head) if file.sequencer else self._queries.is_reported(file)

    def _may_have_entry(self, file: FileVersion, head: Item) -> bool:
        """Return whether a version was begun before, or is a retry. A version found in the bucket is looked up."""
        if file.retry or file.sequencer:
            return bool(file.retry or head.get("sequencer") == file.version)
        return is_entry(read_entry(self._table, "looking up a file", file))

    def _note(
        self, what: str, file: FileVersion, head: Item, order_ms: int, begun: Item | None = None
    ) -> tuple[bool, Item]:
        """Note a version, and what is `begun` of it, unless HEAD has changed; return whether it was noted, and HEAD."""
        noted: Item = {"sequencer": file.version, "order_ms": order_ms}
        if not file.sequencer:
            noted = {"found_etag": file.etag or "~", "found_at": iso(self._table.clock.now_s())}
            noted |= {"found_changed": file.changed or "", "found_ms": order_ms}
        noted |= {"begun": begun} if begun else {}
        change = "SET expires = :expires" + "".join(f", {name} = :{name}" for name in noted)
        condition, known = as_it_was(head)
        values = {f":{name}": value for name, value in noted.items()} | known | self._table.expires()
        return self._table.update(what, key_of(file, LedgerKeys.HEAD), change, condition, values)

    def claim(
        self, work: WorkItem, *, feed: str, token: LeaseToken, settings: str = "", order_ms: int = 0
    ) -> Claimed | ClaimStatus:
        """Take the lease; return how far the work has come, or the status that does not allow the claim.

        A file that was begun with other settings keeps them and the name of its feed. A file that was claimed before,
        or is another attempt, keeps its order value.
        """
        if work.segment is None:
            write_out(self._table, work.file)
        is_ours, item = self._take(work, token, _new(work, feed, settings, self._table.clock.now_s()), order_ms)
        if not is_ours and str(item.get("settings", settings)) != settings:
            is_ours, item = self._take(work, token, ("", {}), order_ms)
        is_ours = is_ours or (item.get("status"), item.get("lease")) == (Status.LOADING, token.value)
        if not is_ours:  # nor was it claimed by an earlier request of ours whose response was lost
            status, lease = str(item.get("status", "")), str(item.get("lease", ""))
            return ClaimStatus(status, lease, float(item.get("lease_until", 0.0)), str(item.get("feed", "")))
        name, begun_with = str(item.get("feed", "")), str(item.get("settings", ""))
        deaths, order_ms = int(item.get("claims_in_a_row", 1)) - 1, int(item.get("order_ms", 0))
        return Claimed(
            float(item["first_seen"]), checkpoint_of(item), plan_of(item), name, begun_with, deaths, order_ms
        )

    def _take(self, work: WorkItem, token: LeaseToken, new: tuple[str, Item], order_ms: int) -> tuple[bool, Item]:
        """Claim work, setting the attributes of a new entry; fail if the entry has other settings than these."""
        more, values = new
        now = number(self._table.clock.now_s())
        condition, states = allowed(steps_of(work)["claim"])
        if ":settings" in values:
            condition = f"({condition}) AND (attribute_not_exists(settings) OR settings = :settings)"
        change = f"SET #status = :to, lease = :lease, lease_until = :until, moved = :now{more}"
        change += ", first_seen = if_not_exists(first_seen, :now), started = :now"
        if work.segment is None:
            change, values = f"{change}, order_ms = if_not_exists(order_ms, :order)", values | {":order": order_ms}
        change += " ADD attempts :one, claims_in_a_row :one"
        change += " REMOVE #error, ended, reported, seconds"  # the last three are from an ignored object
        change += "" if work.segment else ", expires"  # open files do not expire
        values |= states | {":to": FILE_STEPS["claim"].target, ":lease": token.value, ":one": 1}
        values |= {":until": number(token.until_s), ":now": now}
        return self._table.update("claiming", entry_key(work), change, condition, values)

    def renew(self, work: WorkItem, token: LeaseToken) -> None:
        """Extend the lease until `token.until_s`.

        Raises:
            LeaseLost: another worker has taken it.
        """
        self._held("renewing a lease", work, token, "save", "", {})

    def take_turn(self, token: LeaseToken) -> Looked | None:
        """Take or extend the reconciler's lease until `token.until_s`; return its progress, None if another has it."""
        values = {":lease": token.value, ":until": number(token.until_s), ":now": number(self._table.clock.now_s())}
        condition = "attribute_not_exists(#pk) OR lease_until <= :now OR lease = :lease"
        change = "SET lease = :lease, lease_until = :until"
        is_ours, item = self._table.update("taking a turn", RECONCILER_KEY, change, condition, values)
        return Looked(float(item.get("looked_until", 0)), float(item.get("looked_all", 0))) if is_ours else None

    def end_turn(self, token: LeaseToken, looked: Looked | None = None) -> None:
        """Release the reconciler's lease; nothing is written if another run has it."""
        change, values = "SET lease_until = :zero", {":zero": 0, ":lease": token.value}
        if looked:
            change += ", looked_until = :until, looked_all = :all"
            values |= {":until": number(looked.until_s), ":all": number(looked.all_s)}
        self._table.update("ending a turn", RECONCILER_KEY, change, "lease = :lease", values)

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint) -> None:
        """Write a checkpoint, and extend the lease until `token.until_s`.

        Raises:
            LeaseLost: another worker has taken it; nothing is written.
        """
        change, values = _progress(checkpoint)
        change += ", moved = :now REMOVE resent, claims_in_a_row"
        values |= {":now": number(self._table.clock.now_s())}
        self._held("saving a checkpoint", work, token, "save", change, values)

    def save_plan(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan) -> None:
        """Write how far a file is split, and extend the lease until `token.until_s`.

        Raises:
            LeaseLost: another worker has taken it; nothing is written.
        """
        change = ", #plan = :plan, segments_planned = :segments, moved = :now REMOVE resent, claims_in_a_row"
        values: Item = {":plan": position_fields(plan.at), ":segments": plan.segments}
        values |= {":now": number(self._table.clock.now_s())}
        self._held("saving a plan", WorkItem(file), token, "save", change, values)

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        """Release the lease, and write the checkpoint and the reason why the work is not finished.

        Raises:
            LeaseLost: another worker has taken it; nothing is written.
        """
        change, values = _progress(checkpoint) if checkpoint else ("", {})
        change, values = f"{change}, #error = :error REMOVE claims_in_a_row", values | {":error": error_fields(error)}
        self._held("putting work back", work, token, "put back", change, values)

    def _held(self, what: str, work: WorkItem, token: LeaseToken, step: str, change: str, values: Item) -> None:
        """Change an entry whose lease we hold, and its lease."""
        steps = steps_of(work)
        condition, states = allowed(steps[step])
        until_s = token.until_s if steps[step].target == steps[step].sources[0] else 0.0
        values = values | states | {":lease": token.value, ":to": steps[step].target, ":until": number(until_s)}
        change = f"SET #status = :to, lease_until = :until{change}"
        is_ours, _ = change_entry(self._table, what, work, change, condition, values)
        if not is_ours:
            raise LeaseLost(f"The lease on {work.name} was lost to another worker; its result counts.")


def _new(work: WorkItem, feed: str, settings: str, now_s: float) -> tuple[str, Item]:
    """Return what an entry gets at its first claim; a segment's entry was written when the segment was planned."""
    if work.segment is not None:
        return "", {}
    values: Item = {":file": file_fields(work.file), ":feed": feed, ":listing": f"{feed}#{LedgerKeys.OPEN}"}
    change = ", feed = :feed, #file = :file, listing = :listing"
    if settings:
        change, values = f"{change}, settings = :settings", values | {":settings": settings}
    return change + ", listed_at = if_not_exists(listed_at, :iso)", values | {":iso": iso(now_s)}


def known_order(head: Item) -> KnownOrder:
    """Return what the HEAD of an object has on the order of its versions."""
    order_ms, found_ms = (int(head[name]) if name in head else None for name in ("order_ms", "found_ms"))
    return KnownOrder(str(head.get("sequencer", "")), order_ms, found_ms, str(head.get("found_changed", "")))


def _progress(checkpoint: Checkpoint) -> tuple[str, Item]:
    """Return the change that writes a checkpoint and its row counts, and the values."""
    counts, count_values = set_row_counts(checkpoint.row_counts)
    places, place_values = set_checkpoint(checkpoint)
    return counts + places, count_values | place_values
