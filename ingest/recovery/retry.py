"""Retries: an operator loads a file again, as another attempt with its own ledger entries and rejects.

What the previous attempt wrote in the ledger never changes, so that a late worker of it cannot affect the row counts. A
retry from the checkpoint first copies what the previous attempt finished, under the new attempt's name. The file's own
entry is written last, and makes the attempt valid. If a retry breaks off at any point, running it again completes it.
`cancel_file` ends an open file without another attempt.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ingest.contract import Status
from ingest.errors import Cancelled, FileMissing, ObjectSuperseded, SettingsFault, StillLoading
from ingest.file import MOST_RETRIES, FileVersion
from ingest.ledger.claims import Outcome, time_of
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import NO_ITEMS, NOTHING_CARRIED_OVER, CarriedOver, Entry, SegmentPlan, WorkItem, is_open
from ingest.queue.messages import body_of
from ingest.worker.attempt import next_attempt
from ingest.worker.lease import Timing
from ingest.worker.ports import Services
from ingest.worker.report import Reporter

From = Literal["start", "checkpoint"]
START: From = "start"
CHECKPOINT: From = "checkpoint"


_CANCELLED = "An operator cancelled {}; rows written so far stay in the table. `ingest retry` loads it again."
_CANCELLED_UNDO = "An operator cancelled the undo of {}; what is deleted stays so. `ingest undo` begins it again."


class RejectCopies(Protocol):
    """The rejects of attempts."""

    def any_of(self, file: FileVersion) -> bool:
        """Return whether an attempt has rejects."""

    def copy(self, old: FileVersion, new: FileVersion, *, wanted: Callable[[int], bool]) -> None:
        """Copy to another attempt those parts of the rejects for whose first byte `wanted` returns True."""


@dataclass(frozen=True, slots=True)
class Retried:
    """The result of a retry: the attempt that is loaded now, and the number of messages sent for it.

    `is_new` is False if an attempt that was open continues; `ended` is an open attempt that was ended; `begun` is what
    the new attempt takes over.
    """

    file: FileVersion
    messages: int
    is_new: bool
    ended: FileVersion | None = None
    begun: CarriedOver = NOTHING_CARRIED_OVER

    @property
    def kept(self) -> RowCounts:
        """The row counts that the new attempt takes over."""
        return self.begun.checkpoint.row_counts if self.begun.checkpoint else self.begun.row_counts


class Retry:
    """Begins new attempts. Safe to run again at any time, also after it broke off."""

    def __init__(self, services: Services, rejects: RejectCopies) -> None:
        self._services = services
        self._queries = services.ledger.queries
        self._transitions = services.ledger.transitions
        self._rejects = rejects
        self._clock = services.clock

    def run(self, attempts: list[Entry], start: From, *, as_newest: bool = False) -> Retried:
        """Load a file again; `attempts` are the entries of one version of it.

        The file keeps its order value, unless it is loaded `as_newest`, which is always from its start.

        Raises:
            StillLoading: a worker holds the file or a segment of it.
            ObjectSuperseded, FileMissing: the object has changed or is gone.
            SettingsFault: it has no checkpoint to continue from.
        """
        last = max(attempts, key=lambda entry: entry.work.file.retry or 0)
        _refuse_undo(last, start, self._clock.now_s())
        now = self._object_now(last.work.file)
        if not self._queries.file_status(replace(last.work.file, undo=None)).is_newest:
            return self._load_found(now, last.feed, start, as_newest=as_newest)
        parts = [last, *self._queries.segments(last.work.file)]
        refuse_held(parts, self._clock.now_s())
        if is_open(last.status) and (start == CHECKPOINT or is_untouched(last)) and not as_newest:
            return Retried(last.work.file, self._send(parts), is_new=False)
        if start == CHECKPOINT and last.status != Status.FAILED:
            raise SettingsFault(
                f"{last.work.file.url} is {last.status} and has no checkpoint to go on from; --from start loads all "
                "of it again."
            )
        return self._begin(last, parts[1:], start, self._order_ms(attempts, as_newest=as_newest))

    def again(self, file: FileVersion, versions: Iterable[Entry]) -> bool:
        """Load a known object again; `versions` are all entries of its key.

        Return False if it is open, or was undone.
        """
        same = sorted((e for e in versions if e.work.file.etag == file.etag), key=lambda e: e.first_seen_s or 0.0)
        if not same or is_open(same[-1].status) or same[-1].work.file.undo:
            return False
        name = same[-1].work.file.first_version
        try:
            return bool(self.run([entry for entry in same if entry.work.file.first_version == name], START).messages)
        except (StillLoading, ObjectSuperseded, FileMissing):  # changed meanwhile
            return False

    def _order_ms(self, attempts: list[Entry], *, as_newest: bool) -> int | None:
        """Return the order value of the next attempt: that of the file, or a new one."""
        in_turn = sorted(attempts, key=lambda entry: entry.work.file.retry or 0)
        if as_newest:
            least_ms = round(self._clock.now_s() * 1000)
            return self._services.ledger.leases.note_newest(in_turn[-1].work.file, least_ms=least_ms)
        known = [entry.order_ms for entry in in_turn if entry.order_ms is not None]
        return known[-1] if known else time_of(in_turn[0].work.file, in_turn[0].first_seen_s or self._clock.now_s())

    def _load_found(self, now: FileVersion, feed: str, start: From, *, as_newest: bool) -> Retried:
        """Load an object whose contents equal an older version's: as its newest version, or as found in the bucket."""
        found: list[Entry] = []
        for number in range(MOST_RETRIES + 1):
            entry = self._queries.entry(WorkItem(replace(now, retry=number or None)))
            if entry is None:
                break
            found.append(entry)
        if attempts := found or self._attempts_at_newest(now):
            return self.run(attempts, start, as_newest=as_newest)
        self._services.queue.send([body_of(WorkItem(now))], feed=feed)
        return Retried(now, 1, is_new=True)

    def _attempts_at_newest(self, now: FileVersion) -> list[Entry]:
        """Return the attempts at the newest notified version, if the object is that version: a message for it as found
        in the bucket would be passed over."""
        if not self._queries.knows(now):
            return []
        notified = [e for e in self._queries.versions(now.bucket, now.key) if e.work.file.sequencer]
        newest = max((entry.work.file.first_version for entry in notified), default="")
        return [entry for entry in notified if entry.work.file.first_version == newest]

    def _object_now(self, file: FileVersion) -> FileVersion:
        """Return an object in its present version, if its contents are still those of the given version."""
        now = next((o for o, _ in self._services.listing.under(file.bucket, file.key) if o.key == file.key), None)
        if now is None:
            raise FileMissing(f"{file.url} no longer exists in its bucket; drop it again to load it.")
        if file.etag and now.etag != file.etag:
            is_newest = self._queries.file_status(file).is_newest
            raise ObjectSuperseded(
                f"{file.url} has been overwritten since it was loaded as {file.version}; its newer version is loaded "
                "when its notification comes, or `ingest reconcile` finds it, or `ingest backfill`."
                if is_newest
                else f"A newer version of {file.url} is known than {file.version}: that one is to be loaded; "
                "`ingest status FILE` shows both."
            )
        return now

    def _give_way(self, entry: Entry) -> FileVersion | None:
        """End an open attempt that no worker holds, and report it."""
        file, now_s = entry.work.file, self._clock.now_s()
        error = ObjectSuperseded(f"An operator asked for {file.url} to be loaded again from its start.")
        seconds = max(0.0, now_s - (entry.first_seen_s or now_s))
        rejects = self._services.rejects_url(file) if entry.row_counts.rows_rejected else None
        ended = self._transitions.end_early(file, Outcome(Status.SUPERSEDED, entry.row_counts, seconds, rejects, error))
        if not ended:
            return None
        Reporter(self._services).file_ended(file, entry.feed, ended)
        return file

    def _begin(self, last: Entry, segments: list[Entry], start: From, order_ms: int | None) -> Retried:
        file = self._next(last.work.file, start)
        begun = NOTHING_CARRIED_OVER if start == START else self._carry_over(last.work.file, file, segments)
        settings = "" if begun == NOTHING_CARRIED_OVER else last.settings
        begun = replace(begun, settings=settings, order_ms=order_ms)
        is_new = self._transitions.retry(file, feed=last.feed, begun=begun)
        ended = self._give_way(last) if is_open(last.status) else None  # after the new entry, so that one always exists
        entry = self._queries.entry(WorkItem(file))
        assert entry is not None
        messages = self._send([entry, *self._queries.segments(file)])
        return Retried(file, messages, is_new=is_new, ended=ended, begun=begun)

    def _next(self, file: FileVersion, start: From) -> FileVersion:
        """Return the next attempt. One from the start must not find entries or rejects of a retry that broke off."""
        return next_attempt(
            replace(file, undo=None),
            lambda new: start == CHECKPOINT or not (any(self._queries.segments(new)) or self._rejects.any_of(new)),
        )

    def _carry_over(self, old: FileVersion, new: FileVersion, segments: list[Entry]) -> CarriedOver:
        """Copy to the new attempt what the old one finished."""
        if not segments:
            checkpoint = self._queries.checkpoint(old)
            if checkpoint:
                self._rejects.copy(old, new, wanted=lambda byte: byte < checkpoint.at.byte)
                # The feed may now make different items of the rows after it.
                return CarriedOver(checkpoint=replace(checkpoint, written=NO_ITEMS))
            return NOTHING_CARRIED_OVER
        for entry in segments:
            assert entry.work.segment is not None
            if entry.status == Status.DONE:
                self._transitions.carry_over(new, entry.work.segment, entry.row_counts)
            else:  # from the segment's beginning, which costs little
                self._transitions.add_segment(new, entry.work.segment)
        carried = list(self._queries.segments(new))  # another operator may have written some of them
        self._rejects.copy(old, new, wanted=lambda byte: any(_holds(r, byte) for r in carried))
        return _sum(carried)

    def _send(self, parts: list[Entry]) -> int:
        """Send the messages of what is not done; return their number."""
        file, *segments = parts
        bodies = [body_of(entry.work) for entry in segments if entry.status not in (Status.DONE, Status.STOPPED)]
        if file.status != Status.SPLIT or not bodies:
            bodies.insert(0, body_of(file.work))
        self._services.queue.send(bodies, feed=file.feed)
        return len(bodies)


def refuse_held(parts: Iterable[Entry], now_s: float) -> None:
    """Check that no worker holds any of these entries.

    Raises:
        StillLoading: a worker holds one.
    """
    for part in parts:
        if part.status == Status.LOADING and part.lease_until_s > now_s:
            raise StillLoading(
                f"{part.work.name} is being loaded: its worker holds the lease for another "
                f"{part.lease_until_s - now_s:.0f} s; wait until it has ended, or the lease has run out."
            )


def refuse_cut_off(entry: Entry, now_s: float) -> None:
    """Check that no worker is still busy with an attempt that others have ended: it may write until its lease expires.

    Raises:
        StillLoading: a worker may be.
    """
    left_s = (entry.ended_s or 0.0) + Timing().lease_s - now_s
    if entry.is_cut_off and left_s > 0:
        raise StillLoading(
            f"{entry.work.name} was ended while a worker may hold its lease, and that worker may still write: wait "
            f"another {left_s:.0f} s."
        )


def _refuse_undo(last: Entry, start: From, now_s: float) -> None:
    """Check that the last attempt at a file is not an undo, or that a retry from `start` may follow it."""
    file = last.work.file
    if file.undo and is_open(last.status):
        raise StillLoading(f"{file.url} is being undone; wait until that has ended, or end it with `ingest cancel`.")
    if file.undo and start == CHECKPOINT:
        raise SettingsFault(f"{file.url} was undone; --from start loads all of it again.")
    if file.undo:
        refuse_cut_off(last, now_s)


def is_untouched(entry: Entry) -> bool:
    """Return whether an attempt was not claimed and took over nothing: its message is on its way, or was lost."""
    return entry.attempts == 0 and entry.row_counts == NOTHING and not entry.segments


def _holds(entry: Entry, byte: int) -> bool:
    segment = entry.work.segment
    return segment is not None and entry.status == Status.DONE and segment.start.byte <= byte < segment.end_byte


def _sum(segments: list[Entry]) -> CarriedOver:
    """Return what an attempt with these segments takes over. The bytes before the first segment are added later, as
    always, when the split comes to the end of the file."""
    row_counts = NOTHING
    done = [entry for entry in segments if entry.status == Status.DONE]
    for entry in done:
        row_counts = row_counts.plus(entry.row_counts)
    last = segments[-1].work.segment
    assert last is not None
    return CarriedOver(plan=SegmentPlan(last.end, len(segments)), segments_done=len(done), row_counts=row_counts)


def cancel_file(services: Services, entry: Entry) -> Outcome:
    """End an open file as FAILED, report it, and return its outcome. Safe to repeat.

    Raises:
        SettingsFault: the file has ended already.
    """
    file = entry.work.file
    if is_open(entry.status):
        error = Cancelled(_CANCELLED_UNDO.format(file.url) if file.undo else _CANCELLED.format(file.url))
        now_s = services.clock.now_s()
        seconds = max(0.0, now_s - (entry.first_seen_s or now_s))
        rejects = services.rejects_url(file) if entry.row_counts.rows_rejected else None
        services.ledger.transitions.give_up(file, Outcome(Status.FAILED, entry.row_counts, seconds, rejects, error))
    outcome = services.ledger.queries.unreported(file)
    if outcome:  # also if a cancellation broke off before its report
        Reporter(services).file_ended(file, entry.feed, outcome)
        return outcome
    raise SettingsFault(f"{file.url} has ended already, as `ingest status` shows: there is nothing to cancel.")
