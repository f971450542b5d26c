"""How files are split into segments, how files and segments end and are reported, and how retries begin."""

from decimal import Decimal

from ingest.aws.clock import iso, iso_day
from ingest.contract import LedgerKeys, Status
from ingest.errors import InternalFault, LeaseLost
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome, split_outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.table import (
    Item,
    LedgerTable,
    allowed,
    entry_key,
    error_fields,
    file_fields,
    is_newest_in,
    number,
    position_fields,
    read_position,
    row_counts_of,
    set_checkpoint,
    set_row_counts,
    steps_of,
)
from ingest.ledger.work_item import FILE_STEPS, SEGMENT_STEPS, CarriedOver, SegmentPlan, WorkItem
from ingest.reading.segments import Segment

_FILE_STEP = {
    Status.COMPLETE: "complete",
    Status.UNBALANCED: "miscount",
    Status.FAILED: "fail",
    Status.SUPERSEDED: "supersede",
}
_SPLIT_STEP = {
    Status.COMPLETE: "complete, by its last segment",
    Status.UNBALANCED: "miscount, by its last segment",
    Status.FAILED: "fail, by a segment",
    Status.SUPERSEDED: "supersede, by a segment",
}


class TableTransitions:
    """Makes entries, and changes what state they are in."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def add_segment(self, file: FileVersion, segment: Segment) -> None:
        """Write a segment's entry, unless it is there already."""
        work = WorkItem(file, segment)
        is_new, item = self._new_segment("planning a segment", work, "plan", "", {})
        if not is_new and read_position(item["end"]) != segment.end:
            raise InternalFault(f"{work.name} was planned with another end before; nothing was changed.")

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts) -> None:
        """Write the entry of a segment that an earlier attempt has loaded, unless it is there already."""
        change, values = set_row_counts(row_counts)
        self._new_segment("carrying a segment over", WorkItem(file, segment), "carry over", change, values)

    def split(self, file: FileVersion, token: LeaseToken, plan: SegmentPlan, *, head_bytes: int) -> None:
        """Write that all segments are planned: the last of them to end closes the file.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change = "SET #status = :to, lease_until = :zero, #plan = :plan, segments_planned = :segments, moved = :now"
        change += " ADD bytes_read :head"
        values = {":plan": position_fields(plan.at), ":segments": plan.segments, ":zero": 0, ":head": head_bytes}
        self._held("splitting a file", file, "split", token, change, values | {":now": self._now()})

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        """Write how a file ended that was loaded as a whole.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change, values = self._ended(outcome)
        counts, count_values = set_row_counts(outcome.row_counts)
        self._held("closing a file", file, _FILE_STEP[outcome.status], token, change + counts, values | count_values)

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome) -> None:
        """Write how a file ended of which nothing was read but its header; what its segments have counted stays.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change, values = self._ended(outcome)
        self._held("ending a file", file, _FILE_STEP[outcome.status], token, change, values)

    def end_segment(self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool) -> None:
        """Write that a segment ended, read to its end or given up, and add its row counts to the file's: both or none.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        step = SEGMENT_STEPS["finish" if is_whole else "stop"]
        condition, states = allowed(step)
        counts, values = set_row_counts(row_counts)
        adds = "".join(f", {name[1:]} {name}" for name in values)
        add = f"SET moved = :now ADD segments_done :one{adds}"
        values |= {":now": self._now()}
        file = (entry_key(WorkItem(work.file)), add, "attribute_exists(#pk)", values | {":one": 1})
        change = f"SET #status = :to, lease_until = :zero, moved = :now{counts}"
        values |= states | {":to": step.target, ":zero": 0, ":lease": token.value}
        if not self._table.transact("ending a segment", (entry_key(work), change, condition, values), file):
            raise LeaseLost(f"The lease on {work.name} was lost to another worker; its result counts.")

    def end_early(self, file: FileVersion, outcome: Outcome) -> bool:
        """Write that a file that is split ended otherwise than by its last segment; return False if it had ended."""
        step = "fail, by a segment" if outcome.status == Status.FAILED else "supersede, by a segment"
        return self._end("ending a file", file, step, outcome)

    def give_up(self, file: FileVersion, outcome: Outcome) -> bool:
        """Write that a file that no one could finish has failed; return False if it had ended."""
        return self._end("ending a file", file, "give up", outcome)

    def end_split(self, file: FileVersion, *, rejects: str) -> Outcome | None:
        """Close a file that is split, if all its segments have ended or a newer version of it is known.

        Return how it ended, or None if it has not, or had before. `rejects` is where its rejects are, if it has any.
        """
        name = WorkItem(file).sort_key
        found = self._table.read("looking up a file", file, LedgerKeys.HEAD, name)
        item, is_newest = found.get(name, {}), is_newest_in(found, file)
        has_all = item.get("segments_planned") == item.get("segments_done")
        if item.get("status") != Status.SPLIT or (is_newest and not has_all):
            return None
        row_counts = row_counts_of(item)
        status, error = split_outcome(row_counts, is_newest=is_newest, all_bytes=file.size_bytes)
        seconds = max(0.0, self._table.clock.now_s() - float(item["first_seen"]))
        outcome = Outcome(status, row_counts, seconds, rejects if row_counts.rows_rejected else None, error)
        return outcome if self._end("closing a file", file, _SPLIT_STEP[status], outcome) else None

    def ignore(self, file: FileVersion, feed: str) -> bool:
        """Write that an object is not to be loaded, in one write; return False if it was claimed before.

        There is nothing to report of it: it is listed as ended at once.
        """
        now_s = self._table.clock.now_s()
        step = FILE_STEPS["ignore"]
        condition, _ = allowed(step)
        values: Item = {":to": step.target, ":zero": 0, ":now": number(now_s), ":iso": iso(now_s), ":feed": feed}
        values |= {":file": file_fields(file), ":listing": f"{feed}#{step.target}#{iso_day(now_s)}"}
        change = "SET #status = :to, #file = :file, feed = :feed, listing = :listing, listed_at = :iso"
        change += (
            ", lease_until = :zero, seconds = :zero, first_seen = :now, moved = :now, ended = :now, reported = :now"
        )
        is_new, item = self._table.update("ignoring an object", entry_key(WorkItem(file)), change, condition, values)
        return is_new or item.get("status") == step.target

    def note_reported(self, file: FileVersion, feed: str, status: str) -> None:
        """Remember that the outcome of a file was reported; from now on it is listed under it."""
        now_s = self._table.clock.now_s()
        values = {":reported": number(now_s), ":listing": f"{feed}#{status}#{iso_day(now_s)}"}
        values |= {":iso": iso(now_s), ":status": status}
        change = "SET reported = :reported, listing = :listing, listed_at = :iso"
        self._table.update("noting a report", entry_key(WorkItem(file)), change, "#status = :status", values)

    def note_resent(self, work: WorkItem) -> bool:
        """Remember that the message of stuck work is sent again; return False if a worker has it now."""
        condition, values = allowed(steps_of(work)["claim"])
        values |= {":now": self._now(), ":one": 1, ":zero": 0}
        condition = f"attribute_exists(#pk) AND ({condition})"
        change = "SET moved = :now, attempts_when_resent = if_not_exists(attempts, :zero) ADD resent :one"
        return self._table.update("noting a resent message", entry_key(work), change, condition, values)[0]

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
        """Write a segment's entry unless there is one; return whether there was none, and the entry."""
        assert work.segment is not None
        condition, _ = allowed(SEGMENT_STEPS[step])
        values: Item = {":to": SEGMENT_STEPS[step].target, ":zero": 0, ":now": self._now()}
        values |= {":start": position_fields(work.segment.start), ":end": position_fields(work.segment.end)}
        change = f"SET #status = :to, #start = :start, #end = :end, lease_until = :zero, moved = :now{more}"
        return self._table.update(what, entry_key(work), change, condition, values | more_values)

    def _end(self, what: str, file: FileVersion, step: str, outcome: Outcome) -> bool:
        """End a file, whoever holds its lease; return False if its state does not allow the step."""
        change, values = self._ended(outcome)
        condition, states = allowed(FILE_STEPS[step])
        values |= states | {":to": outcome.status}
        return self._table.update(what, entry_key(WorkItem(file)), change, condition, values)[0]

    def _held(self, what: str, file: FileVersion, step: str, token: LeaseToken, change: str, values: Item) -> None:
        """Change the entry of a file whose lease we hold."""
        condition, states = allowed(FILE_STEPS[step])
        values = values | states | {":lease": token.value, ":to": FILE_STEPS[step].target}
        if not self._table.update(what, entry_key(WorkItem(file)), change, condition, values)[0]:
            raise LeaseLost(f"The lease on {file.url} was lost to another worker; its result counts.")

    def _ended(self, outcome: Outcome) -> tuple[str, Item]:
        """Return the change that closes a file's entry, and its values."""
        change = "SET #status = :to, lease_until = :zero, ended = :now, moved = :now, seconds = :seconds"
        values: Item = {":zero": 0, ":now": self._now(), ":seconds": number(outcome.seconds)}
        if outcome.rejects:
            change, values = f"{change}, rejects = :rejects", values | {":rejects": outcome.rejects}
        if outcome.error:
            change, values = f"{change}, #error = :error", values | {":error": error_fields(outcome.error)}
        if outcome.checkpoint:
            places, place_values = set_checkpoint(outcome.checkpoint)
            change += f"{places}, at_row_counts = :at_row_counts"
            values |= place_values | {":at_row_counts": list(outcome.checkpoint.row_counts.counts().values())}
        return change, values


def _begun(begun: CarriedOver) -> tuple[str, Item]:
    """Return the change that writes what an attempt begins with, and its values."""
    if begun.checkpoint:
        counts, values = set_row_counts(begun.checkpoint.row_counts)
        places, place_values = set_checkpoint(begun.checkpoint)
        return counts + places, values | place_values
    if begun.plan:
        change, values = set_row_counts(begun.row_counts)
        values |= {":plan": position_fields(begun.plan.at), ":planned": begun.plan.segments}
        values |= {":done": begun.segments_done}
        return f"{change}, #plan = :plan, segments_planned = :planned, segments_done = :done", values
    return "", {}
