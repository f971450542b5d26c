"""Transitions of entries: how files are split, how files and segments end and are reported, how retries begin."""

import zlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from ingest.aws.clock import iso, iso_day
from ingest.contract import LedgerKeys, Status
from ingest.errors import InternalFault, LeaseLost
from ingest.file import FileVersion
from ingest.ledger.begun import change_entry, entry_in, held_in_head, list_as_open
from ingest.ledger.claims import LeaseToken, Outcome, split_outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.table import (
    ALWAYS,
    Item,
    LedgerTable,
    add_row_counts,
    allowed,
    count_key,
    entry_key,
    error_fields,
    feed_key,
    file_fields,
    is_newest_in,
    kept_feeds,
    number,
    position_fields,
    read_position,
    row_counts_of,
    segments_done_of,
    set_checkpoint,
    set_row_counts,
    settings_key,
    steps_of,
)
from ingest.ledger.work_item import FILE_STEPS, SEGMENT_STEPS, CarriedOver, KeptFeed, SegmentPlan, WorkItem
from ingest.reading.segments import Segment

_FILE_STEP = {
    Status.COMPLETE: "complete",
    Status.UNBALANCED: "miscount",
    Status.FAILED: "fail",
    Status.SUPERSEDED: "supersede",
}
Change = tuple[Mapping[str, str], str, str, Item]  # as `LedgerTable.transact` takes it
_SPLIT_STEP = {
    Status.COMPLETE: "complete, by its last segment",
    Status.UNBALANCED: "miscount, by its last segment",
    Status.FAILED: "fail, by a segment",
    Status.SUPERSEDED: "supersede, by a segment",
}


class TableTransitions:
    """Creates entries and changes their states."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def keep_feeds(self, deployed: Mapping[str, KeptFeed]) -> None:
        """Write the deployed feeds, by name; all others are marked as removed.

        Settings are written once for each fingerprint and never removed, because files refer to them. What has not
        changed is not written.
        """
        known, now = kept_feeds(self._table), self._now()
        for name, feed in deployed.items():
            if known.get(name) == feed:
                continue
            packed = self.keep_settings(feed)
            change = "SET settings = :settings, packed = :packed, moved = :now REMOVE removed"
            values = packed | {":settings": feed.settings, ":now": now}
            self._table.update("keeping a feed", feed_key(name), change, ALWAYS, values)
        for name in known.keys() - deployed.keys():
            if known[name].is_deployed:
                self._table.update("removing a feed", feed_key(name), "SET removed = :now", ALWAYS, {":now": now})

    def keep_settings(self, kept: KeptFeed) -> Item:
        """Write settings with which files are begun, by fingerprint; return the attributes that store them."""
        packed: Item = {":packed": zlib.compress(kept.text.encode())}
        key = settings_key(kept.settings)
        self._table.update("keeping settings", key, "SET packed = :packed", "attribute_not_exists(#pk)", packed)
        return packed

    def add_segment(self, file: FileVersion, segment: Segment) -> None:
        """Write a segment's entry, unless there is one."""
        work = WorkItem(file, segment)
        is_new, item = self._new_segment("planning a segment", work, "plan", "", {})
        if not is_new and read_position(item["end"]) != segment.end:
            raise InternalFault(f"{work.name} was planned with a different end before; nothing was changed.")

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts) -> None:
        """Write the entry of a segment that an earlier attempt has loaded, unless there is one."""
        change, values = set_row_counts(row_counts)
        self._new_segment("carrying a segment over", WorkItem(file, segment), "carry over", change, values)

    def split(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan, *, head_bytes: int) -> None:
        """Write that all segments are planned: the last segment to end closes the file.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change = "SET #status = :to, lease_until = :zero, #plan = :plan, segments_planned = :segments, moved = :now"
        change += " ADD bytes_read :head"
        values = {":plan": position_fields(plan.at), ":segments": plan.segments, ":zero": 0, ":head": head_bytes}
        self._held("splitting a file", file, "split", token, change, values | {":now": self._now()})

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        """Write how a file that was loaded as a whole ended.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change, values = self._ended(outcome)
        counts, count_values = set_row_counts(outcome.row_counts)
        self._end_held("closing a file", file, token, outcome, change + counts, values | count_values)

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> Outcome:
        """Write how a file ended of which only the header was read; return the outcome with its segments' counts.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change, values = self._ended(outcome, self._table.counted(file))
        return _as_counted(outcome, self._end_held("ending a file", file, token, outcome, change, values))

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        """Write that a segment ended, read to its end or given up, and count it for its file, in one transaction.

        The file's own entry does not change, so a file that has ended keeps its state.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        counts, values = add_row_counts(row_counts)
        add = f"SET moved = :now, expires = :expires ADD segments_done :one, {counts}"
        values |= self._table.expires() | {":now": self._now(), ":one": 1}
        count = (count_key(work), add, ALWAYS, values)
        end = self._segment_end(work, token, row_counts, "finish" if is_whole else "stop")
        if self._table.transact("ending a segment", end, count):
            raise LeaseLost(f"The lease on {work.name} was lost to another worker; its result counts.")

    def end_by_segment(
        self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, outcome: Outcome
    ) -> Outcome | None:
        """End a split file because of one of its segments, and stop and count that segment, in one transaction.

        Return the file's outcome with all its counts; None if it had ended before.

        Raises:
            LeaseLost: another worker has taken the segment; nothing is written.
        """
        ended = self._table.counted(work.file)
        sums = [*row_counts_of(ended).plus(row_counts).listed(), segments_done_of(ended) + 1]
        change, values = self._ended(outcome, {"counted": sums})
        condition, states = allowed(FILE_STEPS[_by_segment(outcome)])
        values |= states | {":to": outcome.status}
        end = self._segment_end(work, token, row_counts, "stop")
        failed = self._table.transact("ending a file", end, (entry_key(WorkItem(work.file)), change, condition, values))
        has_ended = failed == (1,)
        if has_ended:
            failed = self._table.transact("stopping a segment", end)
        if failed:
            raise LeaseLost(f"The lease on {work.name} was lost to another worker; its result counts.")
        if has_ended:
            return None
        name = WorkItem(work.file).sort_key
        item = self._table.read("looking up a file", work.file, name).get(name, {})  # final: it has ended
        return _as_counted(outcome, item)

    def end_early(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        """End a file, whoever holds its lease; return its outcome and counts; None if it had ended before."""
        return self._end("ending a file", file, _by_segment(outcome), outcome)

    def give_up(self, file: FileVersion, outcome: Outcome) -> Outcome | None:
        """End a file that no worker could finish; return its outcome and counts; None if it had ended before."""
        return self._end("ending a file", file, "give up", outcome)

    def end_split(self, file: FileVersion, *, rejects: str) -> Outcome | None:
        """Close a split file if all its segments have ended or a newer version of it is known.

        Return its outcome; None if it has not ended, or had before. `rejects` is the URL of its rejects, if it has any.
        """
        name = WorkItem(file).sort_key
        found = self._table.read("looking up a file", file, LedgerKeys.HEAD, name)
        item, is_newest = found.get(name, {}), is_newest_in(found, file)
        if item.get("status") != Status.SPLIT:
            return None
        counted = self._table.counted(file)
        item = item | counted
        if is_newest and item["segments_planned"] != segments_done_of(item):
            return None
        row_counts, size = row_counts_of(item), file.size_bytes
        object_bytes = size if size is not None else read_position(item["plan"]).byte  # the scan's end
        status, error = split_outcome(row_counts, is_newest=is_newest, object_bytes=object_bytes)
        seconds = max(0.0, self._table.clock.now_s() - float(item["first_seen"]))
        outcome = Outcome(status, row_counts, seconds, rejects if row_counts.rows_rejected else None, error)
        return self._end("closing a file", file, _SPLIT_STEP[status], outcome, counted)

    def ignore(self, file: FileVersion, feed: str) -> bool:
        """Write, in one write request, that an object is not to be loaded; return False if it was claimed before.

        It is listed as ended at once, because nothing has to be reported.
        """
        now_s = self._table.clock.now_s()
        step, work = FILE_STEPS["ignore"], WorkItem(file)
        if entry_in(self._table.read("looking up an object", file, LedgerKeys.HEAD), work.sort_key):
            return False
        condition, _ = allowed(step)
        values: Item = {":to": step.target, ":zero": 0, ":now": number(now_s), ":iso": iso(now_s), ":feed": feed}
        values |= {":file": file_fields(file), ":listing": f"{feed}#{step.target}#{iso_day(now_s)}"}
        values |= self._table.expires()
        change = "SET #status = :to, #file = :file, feed = :feed, listing = :listing, listed_at = :iso"
        change += ", expires = :expires"
        change += (
            ", lease_until = :zero, seconds = :zero, first_seen = :now, moved = :now, ended = :now, reported = :now"
        )
        is_new, item = self._table.update("ignoring an object", entry_key(work), change, condition, values)
        return is_new or item.get("status") == step.target

    def undo(self, file: FileVersion) -> bool:
        """Write that a file which has ended is undone, before its items are deleted; return False if it has not ended.

        It stays listed on the day on which its outcome was reported.
        """
        name, now_s = WorkItem(file).sort_key, self._table.clock.now_s()
        item = self._table.read("looking up a file", file, name).get(name, {})
        listed_at = str(item[LedgerKeys.LISTED_AT]) if "reported" in item else iso(now_s)
        step = FILE_STEPS["undo"]
        condition, values = allowed(step)
        values |= {":to": step.target, ":iso": listed_at, ":now": number(now_s)} | self._table.expires()
        values |= {":listing": f"{item.get('feed', '')}#{step.target}#{listed_at[:10]}"}
        change = "SET #status = :to, listing = :listing, listed_at = :iso, expires = :expires"
        change += ", reported = if_not_exists(reported, :now)"
        is_ours, item = self._table.update("undoing a file", entry_key(WorkItem(file)), change, condition, values)
        return is_ours or item.get("status") == step.target

    def note_reported(self, file: FileVersion, feed: str, status: str) -> None:
        """Write that a file's outcome was reported; from now on it is listed under that outcome."""
        now_s = self._table.clock.now_s()
        values = {":reported": number(now_s), ":listing": f"{feed}#{status}#{iso_day(now_s)}"}
        values |= {":iso": iso(now_s), ":status": status} | self._table.expires()
        change = "SET reported = :reported, listing = :listing, listed_at = :iso, expires = :expires"
        self._table.update("noting a report", entry_key(WorkItem(file)), change, "#status = :status", values)

    def list_unreported(self, file: FileVersion, feed: str) -> None:
        """List a file that has ended without a report, so that the reconciler finds it; not if it is listed."""
        list_as_open(self._table, file, feed, self._table.clock.now_s())

    def note_resent(self, work: WorkItem, times: int) -> bool:
        """Write that the message of stuck work is resent for the `times`th time. This is idempotent.

        Return False if a worker holds the work now, or another process wrote this first.
        """
        condition, values = allowed(steps_of(work)["claim"])
        now = self._now()
        values |= {":now": now, ":times": times, ":before": times - 1, ":zero": 0}
        known = "resent = :before" + (" OR attribute_not_exists(resent)" if times == 1 else "")
        condition = f"attribute_exists(#pk) AND ({condition}) AND ({known})"
        change = "SET moved = :now, attempts_when_resent = if_not_exists(attempts, :zero), resent = :times"
        is_ours, item = change_entry(self._table, "noting a resent message", work, change, condition, values)
        return is_ours or (item.get("resent"), item.get("moved")) == (times, now)

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver) -> bool:
        """Write the entry of another attempt at a file; return False if there is one already."""
        now_s = self._table.clock.now_s()
        condition, _ = allowed(FILE_STEPS["retry"])
        change = "SET #status = :to, #file = :file, feed = :feed, listing = :listing, listed_at = :iso"
        change += ", lease_until = :zero, first_seen = :now, moved = :now"
        values: Item = {":to": FILE_STEPS["retry"].target, ":zero": 0, ":now": number(now_s), ":iso": iso(now_s)}
        values |= {":file": file_fields(file), ":feed": feed, ":listing": f"{feed}#{LedgerKeys.OPEN}"}
        more, more_values = _begun(begun)
        key = entry_key(WorkItem(file))
        return self._table.update("beginning a retry", key, change + more, condition, values | more_values)[0]

    def _now(self) -> Decimal:
        return number(self._table.clock.now_s())

    def _new_segment(self, what: str, work: WorkItem, step: str, more: str, more_values: Item) -> tuple[bool, Item]:
        """Write a segment's entry unless there is one; return whether it was written, and the entry."""
        assert work.segment is not None
        condition, _ = allowed(SEGMENT_STEPS[step])
        values: Item = {":to": SEGMENT_STEPS[step].target, ":zero": 0, ":now": self._now()}
        values |= {":start": position_fields(work.segment.start), ":end": position_fields(work.segment.end)}
        change = "SET #status = :to, #start = :start, #end = :end, lease_until = :zero, moved = :now"
        values |= more_values | self._table.expires()
        return self._table.update(what, entry_key(work), f"{change}, expires = :expires{more}", condition, values)

    def _segment_end(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, step: str) -> Change:
        """Return the change that ends a segment."""
        condition, states = allowed(SEGMENT_STEPS[step])
        counts, values = set_row_counts(row_counts)
        values |= states | {":to": SEGMENT_STEPS[step].target, ":zero": 0, ":lease": token.value, ":now": self._now()}
        change = f"SET #status = :to, lease_until = :zero, moved = :now, expires = :expires{counts}"
        return entry_key(work), change, condition, values | self._table.expires()

    def _end(
        self, what: str, file: FileVersion, step: str, outcome: Outcome, counted: Item | None = None
    ) -> Outcome | None:
        """End a file, whoever holds its lease; return None if its state does not allow the step."""
        change, values = self._ended(outcome, self._table.counted(file) if counted is None else counted)
        condition, states = allowed(FILE_STEPS[step])
        values |= states | {":to": outcome.status}
        is_ours, item = change_entry(self._table, what, WorkItem(file), change, condition, values)
        return _as_counted(outcome, item) if is_ours else None

    def _end_held(
        self, what: str, file: FileVersion, token: LeaseToken, outcome: Outcome, change: str, values: Item
    ) -> Item:
        """End a file whose lease we hold, and return its entry, which is created if the file is in its HEAD."""
        step = _FILE_STEP[outcome.status]
        begun, begun_values = held_in_head(self._table, file, token)
        if begun:
            condition, states = allowed(FILE_STEPS[step])
            condition = f"attribute_not_exists(#pk) OR ({condition})"
            all_values = values | begun_values | states | {":lease": token.value, ":to": FILE_STEPS[step].target}
            is_ours, item = self._table.update(what, entry_key(WorkItem(file)), change + begun, condition, all_values)
            if is_ours:
                return item
        return self._held(what, file, step, token, change, values)

    def _held(self, what: str, file: FileVersion, step: str, token: LeaseToken, change: str, values: Item) -> Item:
        """Change the entry of a file whose lease we hold, and return it."""
        condition, states = allowed(FILE_STEPS[step])
        values = values | states | {":lease": token.value, ":to": FILE_STEPS[step].target}
        is_ours, item = change_entry(self._table, what, WorkItem(file), change, condition, values)
        if not is_ours:
            raise LeaseLost(f"The lease on {file.url} was lost to another worker; its result counts.")
        return item

    def _ended(self, outcome: Outcome, counted: Item | None = None) -> tuple[str, Item]:
        """Return the change that closes a file's entry, with the sums of its segments, and its values."""
        change = "SET #status = :to, lease_until = :zero, ended = :now, moved = :now, seconds = :seconds"
        values: Item = {":zero": 0, ":now": self._now(), ":seconds": number(outcome.seconds)}
        if counted:
            change, values = f"{change}, counted = :counted", values | {":counted": counted["counted"]}
        if outcome.rejects:
            change, values = f"{change}, rejects = :rejects", values | {":rejects": outcome.rejects}
        if outcome.error:
            change, values = f"{change}, #error = :error", values | {":error": error_fields(outcome.error)}
        if outcome.checkpoint:
            places, place_values = set_checkpoint(outcome.checkpoint)
            change += f"{places}, at_row_counts = :at_row_counts"
            values |= place_values | {":at_row_counts": outcome.checkpoint.row_counts.listed()}
        return change, values


def _by_segment(outcome: Outcome) -> str:
    return "fail, by a segment" if outcome.status == Status.FAILED else "supersede, by a segment"


def _as_counted(outcome: Outcome, item: Item) -> Outcome:
    """Return an outcome with the row counts that the ledger has; these are reported and shown."""
    return replace(outcome, row_counts=row_counts_of(item))


def _begun(begun: CarriedOver) -> tuple[str, Item]:
    """Return the change that writes what an attempt takes over from the one before, and its values."""
    kept = {"settings": begun.settings or None, "order_ms": begun.order_ms}
    values: Item = {f":{name}": value for name, value in kept.items() if value is not None}
    change = "".join(f", {name[1:]} = {name}" for name in values)
    if begun.checkpoint:
        counts, count_values = set_row_counts(begun.checkpoint.row_counts)
        places, place_values = set_checkpoint(begun.checkpoint)
        return change + counts + places, values | count_values | place_values
    if begun.plan:
        counts, count_values = set_row_counts(begun.row_counts)
        values |= {":plan": position_fields(begun.plan.at), ":planned": begun.plan.segments}
        values |= {":done": begun.segments_done}
        change += f"{counts}, #plan = :plan, segments_planned = :planned, segments_done = :done"
        return change, values | count_values
    return change, values
