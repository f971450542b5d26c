"""How files are split into segments, how files and segments end, and that the outcome was told."""

from ingest.contract import Ledger as Names
from ingest.contract import Status
from ingest.errors import InternalFault, LeaseLost
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome, final_status
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.states import FILE_STEPS, SEGMENT_STEPS, is_open
from ingest.ledger.table import (
    Item,
    LedgerItems,
    allowed,
    checkpoint_of,
    cut_fields,
    error_fields,
    file_fields,
    is_newest_in,
    iso,
    number,
    read_cut,
    read_error,
    row_counts_of,
)
from ingest.ledger.work_item import CarriedOver, Checkpoint, Plan, WorkItem
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
    Status.SUPERSEDED: "supersede, by a segment",
}


class Endings(LedgerItems):
    """Plans and ends work."""

    def add_segment(self, file: FileVersion, segment: Segment, *, now_s: float) -> None:
        """Write a segment's record, unless it is there already."""
        work = WorkItem(file, segment)
        condition, _ = allowed(SEGMENT_STEPS["plan"])
        values: Item = {":to": SEGMENT_STEPS["plan"].target, ":zero": 0, ":now": number(now_s)}
        values |= {":start": cut_fields(segment.start), ":end": cut_fields(segment.end)}
        change = "SET #status = :to, #start = :start, #end = :end, lease_until = :zero, moved = :now"
        is_new, item = self.update("planning a segment", self.key(file, work.sort_key), change, condition, values)
        if not is_new and read_cut(item["end"]) != segment.end:
            raise InternalFault(f"{work.name} was planned with another end before; nothing was changed.")

    def save_plan(self, file: FileVersion, token: LeaseToken, plan: Plan, *, now_s: float) -> None:
        """Write how far a file is split, and hold the lease until `lease.until_s`.

        Raises:
            LeaseLost: another worker has taken it; nothing is written.
        """
        change = "SET #status = :to, lease_until = :until, #plan = :plan, segments_planned = :segments, moved = :now"
        change += " REMOVE resent"
        values = {":plan": cut_fields(plan.at), ":segments": plan.segments, ":until": number(token.until_s)}
        self._step("saving a plan", file, "save", token, change, values | {":now": number(now_s)})

    def split(self, file: FileVersion, token: LeaseToken, plan: Plan, *, head_bytes: int, now_s: float) -> None:
        """Say that all segments are planned: the last of them to end closes the file.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change = "SET #status = :to, lease_until = :zero, #plan = :plan, segments_planned = :segments, moved = :now"
        change += " ADD bytes_read :head"
        values = {":plan": cut_fields(plan.at), ":segments": plan.segments, ":zero": 0, ":head": head_bytes}
        self._step("splitting a file", file, "split", token, change, values | {":now": number(now_s)})

    def end_file(self, file: FileVersion, token: LeaseToken, outcome: Outcome, *, now_s: float) -> None:
        """Write how a file ended that was loaded as a whole.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        counts = {f":{name}": count for name, count in outcome.row_counts.counts().items()}
        change, values = _ended(outcome, now_s)
        change += "".join(f", {name[1:]} = {name}" for name in counts)
        self._step("closing a file", file, _FILE_STEP[outcome.status], token, change, values | counts)

    def end_segment(
        self, work: WorkItem, token: LeaseToken, row_counts: RowCounts, *, is_whole: bool, now_s: float
    ) -> None:
        """Write that a segment ended, read to its end or given up, and add its books to the file's, in one transaction.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        step = SEGMENT_STEPS["finish" if is_whole else "stop"]
        condition, states = allowed(step)
        counts = {f":{name}": count for name, count in row_counts.counts().items()}
        change = "SET #status = :to, lease_until = :zero, moved = :now"
        change += "".join(f", {name[1:]} = {name}" for name in counts)
        values: Item = states | counts | {":to": step.target, ":zero": 0, ":now": number(now_s), ":lease": token.value}
        segment = (self.key(work.file, work.sort_key), change, condition, values)
        if not self.transact("ending a segment", segment, self._add_to_file(work.file, counts, now_s)):
            raise LeaseLost(f"The lease on {work.name} was lost to another worker; its result counts.")

    def end_begun(self, file: FileVersion, token: LeaseToken, outcome: Outcome, *, now_s: float) -> None:
        """Write how a file ended of which nothing was read but its head; what its segments have counted stays.

        Raises:
            LeaseLost: another worker has taken the lease; nothing is written.
        """
        change, values = _ended(outcome, now_s)
        self._step("ending a file", file, _FILE_STEP[outcome.status], token, change, values)

    def end_early(self, file: FileVersion, outcome: Outcome, *, now_s: float) -> bool:
        """Write that a file that is split ended otherwise than by its last segment; return False if it had ended."""
        step = "fail, by a segment" if outcome.status == Status.FAILED else "supersede, by a segment"
        return self._end_any(file, step, outcome, now_s)

    def give_up(self, file: FileVersion, outcome: Outcome, *, now_s: float) -> bool:
        """Write that a file that nobody could finish has failed; return False if it had ended."""
        return self._end_any(file, "give up", outcome, now_s)

    def end_split(self, file: FileVersion, *, rejects: str, now_s: float) -> Outcome | None:
        """Close a file that is split, if all its segments have ended or a newer version of it is known.

        Return how it ended, or None if it has not, or had before. `rejects` is where its rejects are, if it has any.
        """
        name = Names.FILE_PREFIX + file.version
        found = self.read("looking up a file", file, Names.HEAD, name)
        item, is_newest = found.get(name, {}), is_newest_in(found, file)
        has_all = item.get("segments_planned") == item.get("segments_done")
        if item.get("status") != Status.SPLIT or (is_newest and not has_all):
            return None
        row_counts = row_counts_of(item)
        status = final_status(row_counts, all_bytes=file.size_bytes) if is_newest else Status.SUPERSEDED
        seconds = max(0.0, now_s - float(item["first_seen"]))
        outcome = Outcome(status, row_counts, seconds, rejects if row_counts.rows_rejected else None)
        change, values = _ended(outcome, now_s)
        condition, states = allowed(FILE_STEPS[_SPLIT_STEP[status]])
        values |= states | {":to": status}
        is_closed, _ = self.update("closing a file", self._file_key(file), change, condition, values)
        return outcome if is_closed else None

    def unreported(self, file: FileVersion) -> Outcome | None:
        """Return how a file ended whose outcome was not told yet; None if it was, or the file has not ended."""
        entry = self.read("looking up a file", file, Names.FILE_PREFIX + file.version)
        item = next(iter(entry.values()), {"status": Status.LOADING})
        if is_open(str(item["status"])) or "reported" in item:
            return None
        seconds = float(item["seconds"])
        return Outcome(str(item["status"]), row_counts_of(item), seconds, item.get("rejects"), read_error(item))

    def reported(self, file: FileVersion, feed: str, status: str, *, now_s: float) -> None:
        """Remember that the outcome of a file was told; from now on it is listed under it."""
        day = iso(now_s)
        values = {":reported": number(now_s), ":listing": f"{feed}#{status}#{day[:10]}", ":iso": day, ":status": status}
        change = "SET reported = :reported, listing = :listing, listed_at = :iso"
        self.update("noting what was told", self._file_key(file), change, "#status = :status", values)

    def _end_any(self, file: FileVersion, step: str, outcome: Outcome, now_s: float) -> bool:
        change, values = _ended(outcome, now_s)
        condition, states = allowed(FILE_STEPS[step])
        values |= states | {":to": outcome.status}
        return self.update("ending a file", self._file_key(file), change, condition, values)[0]

    def _add_to_file(self, file: FileVersion, counts: Item, now_s: float) -> tuple[dict[str, str], str, str, Item]:
        adds = "".join(f", {name[1:]} {name}" for name in counts)
        values = {**counts, ":one": 1, ":now": number(now_s)}
        change = f"SET moved = :now ADD segments_done :one{adds}"
        return self._file_key(file), change, "attribute_exists(#pk)", values

    def _step(self, what: str, file: FileVersion, step: str, token: LeaseToken, change: str, values: Item) -> None:
        condition, states = allowed(FILE_STEPS[step])
        values = values | states | {":lease": token.value, ":to": FILE_STEPS[step].target}
        if not self.update(what, self._file_key(file), change, condition, values)[0]:
            raise LeaseLost(f"The lease on {file.url} was lost to another worker; its result counts.")

    def _file_key(self, file: FileVersion) -> dict[str, str]:
        return self.key(file, Names.FILE_PREFIX + file.version)


def _ended(outcome: Outcome, now_s: float) -> tuple[str, Item]:
    """Return the change that closes a file record, and its values."""
    change = "SET #status = :to, lease_until = :zero, ended = :now, moved = :now, seconds = :seconds"
    values: Item = {":zero": 0, ":now": number(now_s), ":seconds": number(outcome.seconds)}
    if outcome.rejects:
        change, values = f"{change}, rejects = :rejects", values | {":rejects": outcome.rejects}
    if outcome.error:
        change, values = f"{change}, #error = :error", values | {":error": error_fields(outcome.error)}
    if outcome.checkpoint:
        change += ", #at = :at, #window = :window, at_row_counts = :at_row_counts"
        values |= {":at": cut_fields(outcome.checkpoint.at), ":window": cut_fields(outcome.checkpoint.window)}
        values |= {":at_row_counts": list(outcome.checkpoint.row_counts.counts().values())}
    return change, values


class Retries(LedgerItems):
    """Begins attempts."""

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        """Return how far a file that is not split was loaded."""
        name = WorkItem(file).sort_key
        return checkpoint_of(self.read("looking up a file", file, name).get(name, {}))

    def retry(self, file: FileVersion, *, feed: str, begun: CarriedOver, now_s: float) -> bool:
        """Write the record of another attempt at a file; return False if there is one already."""
        condition, _ = allowed(FILE_STEPS["retry"])
        change = "SET #status = :to, #file = :file, feed = :feed, listing = :listing, listed_at = :iso"
        change += ", lease_until = :zero, first_seen = :now, moved = :now"
        values: Item = {":to": FILE_STEPS["retry"].target, ":zero": 0, ":now": number(now_s), ":iso": iso(now_s)}
        values |= {":file": file_fields(file), ":feed": feed, ":listing": f"{feed}#{Names.OPEN}"}
        more, more_values = _begun(begun)
        change += more
        return self.update("beginning a retry", self._key(WorkItem(file)), change, condition, values | more_values)[0]

    def carry_over(self, file: FileVersion, segment: Segment, row_counts: RowCounts, *, now_s: float) -> None:
        """Write the record of a segment that an earlier attempt has loaded, unless it is there already."""
        condition, _ = allowed(SEGMENT_STEPS["carry over"])
        change, values = _counts(row_counts)
        change = f"SET #status = :to, #start = :start, #end = :end, lease_until = :zero, moved = :now{change}"
        values |= {":to": SEGMENT_STEPS["carry over"].target, ":zero": 0, ":now": number(now_s)}
        values |= {":start": cut_fields(segment.start), ":end": cut_fields(segment.end)}
        self.update("carrying a segment over", self._key(WorkItem(file, segment)), change, condition, values)

    def _key(self, work: WorkItem) -> dict[str, str]:
        return self.key(work.file, work.sort_key)


def _begun(begun: CarriedOver) -> tuple[str, Item]:
    """Return the change that writes what an attempt begins with, and its values."""
    if begun.checkpoint:
        change, values = _counts(begun.checkpoint.row_counts)
        values |= {":at": cut_fields(begun.checkpoint.at), ":window": cut_fields(begun.checkpoint.window)}
        return f"{change}, #at = :at, #window = :window", values
    if begun.plan:
        change, values = _counts(begun.row_counts)
        values |= {":plan": cut_fields(begun.plan.at), ":planned": begun.plan.segments, ":done": begun.segments_done}
        return f"{change}, #plan = :plan, segments_planned = :planned, segments_done = :done", values
    return "", {}


def _counts(row_counts: RowCounts) -> tuple[str, Item]:
    counts: Item = {f":{name}": count for name, count in row_counts.counts().items()}
    return "".join(f", {name[1:]} = {name}" for name in counts), counts
