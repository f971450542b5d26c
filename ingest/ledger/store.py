"""The ledger: who works on what, how far it is, how it ended. Every call is by key; docs/ledger.md has the schema."""

from typing import Any

from ingest.contract import Ledger as Names
from ingest.contract import Status
from ingest.errors import IngestError, LeaseLost
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, ClaimStatus, FileStatus, LeaseToken
from ingest.ledger.queries import Listing
from ingest.ledger.states import FILE_STEPS, SEGMENT_STEPS
from ingest.ledger.table import (
    Item,
    allowed,
    checkpoint_of,
    cut_fields,
    error_fields,
    file_fields,
    is_newest_in,
    iso,
    number,
    plan_of,
    row_counts_of,
)
from ingest.ledger.transitions import Endings, Retries
from ingest.ledger.work_item import Checkpoint, WorkItem


class LedgerTable(Endings, Listing, Retries):
    """Reads and writes the records of files and segments."""

    def note_newest(self, file: FileVersion, *, now_s: float) -> bool:
        """Remember a version as the newest of its key; return False if a newer one is known already.

        One without a sequencer was found in the bucket (`worker.reconcile`) and cannot be compared. It is remembered by
        its eTag, so that its own notification, should it come late, is known as old; and it is old itself if its own
        notification was taken first, as its record tells. A notification that was only noted, by a worker that died
        there, does not count: nobody else may come for the object.
        """
        if file.sequencer:
            change = "SET sequencer = :this"
            condition = "(attribute_not_exists(sequencer) OR sequencer <= :this)"
            values = {":this": file.version, ":etag": file.etag or "-", ":time": file.event_time or "~"}
            condition += " AND NOT (attribute_exists(found_etag) AND found_etag = :etag AND found_at >= :time)"
        elif self.knows_by_another_name(file):
            return False
        else:
            change = "SET found_etag = :etag, found_at = :time"
            condition = "attribute_exists(#pk) OR attribute_not_exists(#pk)"
            values = {":etag": file.etag or "~", ":time": iso(now_s)}
        return self.update("noting a version", self.key(file, Names.HEAD), change, condition, values)[0]

    def claim(self, work: WorkItem, *, feed: str, token: LeaseToken, now_s: float) -> Claimed | ClaimStatus:
        """Take the lease; return how far the work has come, or what stands against it."""
        condition, states = allowed((FILE_STEPS if work.segment is None else SEGMENT_STEPS)["claim"])
        new, values = self._new(work, feed, now_s)
        change = f"SET #status = :to, lease = :lease, lease_until = :until, moved = :now{new}"
        change += ", first_seen = if_not_exists(first_seen, :now), started = :now ADD attempts :one REMOVE #error"
        values |= states | {":to": FILE_STEPS["claim"].target, ":lease": token.value, ":one": 1}
        values |= {":until": number(token.until_s), ":now": number(now_s)}
        is_ours, item = self.update("claiming", self.key(work.file, work.sort_key), change, condition, values)
        is_ours = is_ours or (item.get("status"), item.get("lease")) == (Status.LOADING, token.value)
        if not is_ours:  # by the second look: it was ours already, and only the answer was lost
            return ClaimStatus(
                str(item.get("status", "")), str(item.get("lease", "")), float(item.get("lease_until", 0.0))
            )
        return Claimed(float(item["first_seen"]), checkpoint_of(item), plan_of(item))

    def renew(self, work: WorkItem, token: LeaseToken) -> None:
        """Hold the lease until `lease.until_s`.

        Raises:
            LeaseLost: another worker has taken it.
        """
        self._held("renewing a lease", work, token, "save", "", {})

    def save(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint, *, now_s: float) -> None:
        """Write how far the work is done, and hold the lease until `lease.until_s`.

        Raises:
            LeaseLost: another worker has taken it; nothing is written.
        """
        change, values = _progress(checkpoint)
        self._held(
            "saving a checkpoint",
            work,
            token,
            "save",
            f"{change}, moved = :now REMOVE resent",
            values | {":now": number(now_s)},
        )

    def put_back(self, work: WorkItem, token: LeaseToken, checkpoint: Checkpoint | None, error: IngestError) -> None:
        """Give the lease back, with how far the work is done and why it is not finished.

        Raises:
            LeaseLost: another worker has taken it; nothing is written.
        """
        change, values = _progress(checkpoint) if checkpoint else ("", {})
        values |= {":error": error_fields(error)}
        self._held("putting work back", work, token, "put back", f"{change}, #error = :error", values)

    def file_status(self, file: FileVersion) -> FileStatus:
        """Return what is known of a file at large, now."""
        name = Names.FILE_PREFIX + file.version
        found = self.read("looking up a file", file, Names.HEAD, name)
        entry = found.get(name, {})
        return FileStatus(str(entry.get("status", "")), is_newest_in(found, file), row_counts_of(entry))

    def _new(self, work: WorkItem, feed: str, now_s: float) -> tuple[str, Item]:
        """Return what a record gets when it is claimed first; a segment's was written when it was planned."""
        if work.segment is not None:
            return "", {}
        values: Item = {":file": file_fields(work.file), ":feed": feed, ":listing": f"{feed}#{Names.OPEN}"}
        change = ", feed = :feed, #file = :file, listing = :listing"
        return change + ", listed_at = if_not_exists(listed_at, :iso)", values | {":iso": iso(now_s)}

    def _held(
        self, what: str, work: WorkItem, token: LeaseToken, step: str, change: str, values: dict[str, Any]
    ) -> None:
        """Change a record whose lease we hold, and the lease with it."""
        steps = FILE_STEPS if work.segment is None else SEGMENT_STEPS
        condition, states = allowed(steps[step])
        until_s = token.until_s if steps[step].target == steps[step].sources[0] else 0.0
        values = values | states | {":lease": token.value, ":to": steps[step].target, ":until": number(until_s)}
        change = f"SET #status = :to, lease_until = :until{change}"
        is_ours, _ = self.update(what, self.key(work.file, work.sort_key), change, condition, values)
        if not is_ours:
            raise LeaseLost(f"The lease on {work.name} was lost to another worker; its result counts.")


def _progress(checkpoint: Checkpoint) -> tuple[str, Item]:
    """Return the change that writes a checkpoint."""
    counts = {f":{name}": count for name, count in checkpoint.row_counts.counts().items()}
    change = "".join(f", {name[1:]} = {name}" for name in counts) + ", #at = :at, #window = :window"
    return change, {**counts, ":at": cut_fields(checkpoint.at), ":window": cut_fields(checkpoint.window)}
