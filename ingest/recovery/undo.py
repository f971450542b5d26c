"""Undo: an operator has the items of a file deleted, those that still name it, by a separate attempt.

The attempt reads the object again for its keys, with the settings with which the file was loaded, but `write` as
"undo". Before its message is sent, the entries of all attempts that loaded the file become UNDONE, so that none of
their messages writes it again. An item that the file replaced is not restored.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ingest.contract import Status
from ingest.errors import FileMissing, ObjectSuperseded, SettingsFault, StillLoading
from ingest.feeds.feed import Feed
from ingest.feeds.writing import feed_of_undo, undo_attribute
from ingest.file import MOST_RETRIES, FileVersion
from ingest.ledger.work_item import LOADED, CarriedOver, Entry, WorkItem, is_open
from ingest.queue.messages import body_of
from ingest.reading.blocks import RULES
from ingest.recovery.retry import refuse_cut_off, refuse_held
from ingest.worker.attempt import LoadSettings, next_attempt
from ingest.worker.ports import Services

_LOADED_AGAIN = "{} is being loaded, or was meanwhile; run the command again when that has ended."


@dataclass(frozen=True, slots=True)
class Undoing:
    """What an undo would do: the attempts that loaded the file, in order, and the settings that it would use. `before`
    is the last of all attempts. `going_on` is an unfinished undo that was begun before; `not_found` are versions whose
    items this undo does not find, because they were loaded with other keys or to another table."""

    loaded: tuple[Entry, ...]
    settings: LoadSettings
    before: FileVersion
    going_on: Entry | None = None
    not_found: tuple[str, ...] = ()

    @property
    def last(self) -> Entry:
        """The last attempt that loaded the file."""
        return self.loaded[-1]

    @property
    def most_items(self) -> int:
        """The number of items that the attempts wrote; an item that several attempts wrote counts several times."""
        return sum(entry.row_counts.rows_written for entry in self.loaded)


class Undo:
    """Begins undos. Safe to run again at any time, also after it broke off.

    `find` looks in S3 for exactly this version of an object.
    """

    def __init__(self, services: Services, find: Callable[[FileVersion], FileVersion]) -> None:
        self._services = services
        self._queries = services.ledger.queries
        self._transitions = services.ledger.transitions
        self._find = find

    def look(self, attempts: Sequence[Entry]) -> Undoing:
        """Return what an undo of a file would do; `attempts` are the entries of one version of it. Nothing is changed.

        Raises:
            StillLoading: a worker holds it, or its message may still arrive.
            FileMissing: the version of the object that was loaded no longer exists.
            SettingsFault: it cannot be undone, or nothing of it was loaded.
        """
        in_turn = sorted(attempts, key=lambda entry: entry.work.file.retry or 0)
        last = in_turn[-1]
        loads = [entry for entry in in_turn if not entry.work.file.undo]
        loaded = tuple(entry for entry in loads if entry.status in (*LOADED, Status.UNDONE))
        self._refuse_open(loads)
        self._refuse_ended(last, loaded)
        settings = self._settings_of(loaded[-1])
        self._refuse_feed(loaded, settings.feed)
        self._look_for_object(loaded[-1].work.file)
        going_on = last if last.work.file.undo and is_open(last.status) else None
        others = tuple(e.work.file.version for e in loaded if self._is_elsewhere(e, loaded[-1], settings.feed))
        return Undoing(loaded, undo_settings(settings), last.work.file, going_on, others)

    def run(self, undoing: Undoing) -> FileVersion:
        """Begin an undo, or continue one that was begun; return its attempt.

        Raises:
            StillLoading: a worker holds it, or the file was loaded again meanwhile.
        """
        feed = undoing.last.feed
        if undoing.going_on:
            return self._go_on(undoing.going_on)
        new = next_attempt(replace(undoing.before, undo=True), lambda file: not any(self._queries.segments(file)))
        self._refuse_later(undoing.before)
        kept = undoing.settings.kept()
        self._transitions.keep_settings(kept)
        for entry in undoing.loaded:
            if not self._transitions.undo(entry.work.file):
                raise StillLoading(_LOADED_AGAIN.format(entry.work.name))
        begun = CarriedOver(order_ms=undoing.last.order_ms, settings=kept.settings)
        if not self._transitions.retry(new, feed=feed, begun=begun) and not self._is_undo(new):
            raise StillLoading(_LOADED_AGAIN.format(new.url))
        self._services.queue.send([body_of(WorkItem(new))], feed=feed)
        return new

    def _refuse_later(self, before: FileVersion) -> None:
        """Check that no attempt was begun since `look`: its entry would not become UNDONE."""
        known = (entry.work.file for entry in self._queries.versions(before.bucket, before.key))
        if any(file.file_id == before.file_id and (file.retry or 0) > (before.retry or 0) for file in known):
            raise StillLoading(_LOADED_AGAIN.format(before.url))

    def _is_undo(self, file: FileVersion) -> bool:
        entry = self._queries.entry(WorkItem(file))
        return bool(entry and entry.work.file.undo)

    def _go_on(self, entry: Entry) -> FileVersion:
        """Resend the messages of an open undo."""
        file = entry.work.file
        segments = [s for s in self._queries.segments(file) if s.status not in (Status.DONE, Status.STOPPED)]
        refuse_held([entry, *segments], self._services.clock.now_s())
        bodies = [body_of(part.work) for part in (entry, *segments)]
        self._services.queue.send(bodies, feed=entry.feed)
        return file

    def _refuse_open(self, loads: Sequence[Entry]) -> None:
        now_s = self._services.clock.now_s()
        for entry in loads:
            if is_open(entry.status):
                raise StillLoading(
                    f"{entry.work.name} is {entry.status}: it is still to be loaded. Wait until it has ended, or end "
                    "it with `ingest cancel`; then undo it."
                )
            refuse_cut_off(entry, now_s)
            refuse_held(list(self._queries.segments(entry.work.file)), now_s)

    def _refuse_ended(self, last: Entry, loaded: Sequence[Entry]) -> None:
        file = last.work.file
        if not loaded:
            raise SettingsFault(f"{file.url} is {last.status}: nothing of it was loaded.")
        if file.undo and last.status == Status.COMPLETE:
            raise SettingsFault(f"{file.url} was undone already, as version {file.version}.")
        if last.work.file.retry == MOST_RETRIES:
            raise SettingsFault(f"{file.url} was retried {MOST_RETRIES} times; it cannot be undone.")

    def _settings_of(self, entry: Entry) -> LoadSettings:
        text = self._queries.settings(entry.settings) if entry.settings else None
        if text is None:
            raise SettingsFault(
                f"{entry.work.file.url} cannot be undone: the ledger does not have the settings it was loaded with."
            )
        return LoadSettings.read(text)

    def _refuse_feed(self, loaded: Sequence[Entry], feed: Feed) -> None:
        last = loaded[-1]
        why = _refusal(feed)
        if not why and undo_attribute(feed) != feed.row_attribute:  # by order value, which may differ between attempts
            is_partial = last.status not in (Status.COMPLETE, Status.UNDONE)
            if is_partial and any(entry.order_ms != last.order_ms for entry in loaded):
                why = "it was loaded as the newest and not to its end: retry it first"
        if why:
            raise SettingsFault(f"{last.work.file.url} cannot be undone: {why}.")

    def _look_for_object(self, file: FileVersion) -> None:
        try:
            self._find(replace(file, size_bytes=None))
        except ObjectSuperseded:
            raise FileMissing(
                f"The version of {file.url} that was loaded no longer exists in its bucket, and only it has the keys "
                "to delete; nothing was changed."
            ) from None

    def _is_elsewhere(self, entry: Entry, last: Entry, feed: Feed) -> bool:
        if entry.settings == last.settings or not entry.row_counts.rows_written:
            return False
        text = self._queries.settings(entry.settings)
        return text is None or _place(LoadSettings.read(text).feed) != _place(feed)


def undo_settings(settings: LoadSettings) -> LoadSettings:
    """Return the settings that undo a load with the given settings."""
    return replace(settings, feed=feed_of_undo(settings.feed), sizes=replace(settings.sizes, rules=RULES))


def _refusal(feed: Feed) -> str:
    """Return the reason why a feed's items cannot be undone; empty if they can."""
    if feed.updates:
        return "its feed updates items, which have attributes of other files, too"
    if feed.write == "delete":
        return "its feed deletes items, and what was deleted does not come back"
    if undo_attribute(feed) is None:
        return "its items do not name the file; that takes `lineage.row` in the feed when it is loaded"
    return ""


def _place(feed: Feed) -> tuple[object, ...]:
    """Return the values that decide where a feed's items are."""
    return feed.table, feed.role, feed.region, feed.key_attributes(), undo_attribute(feed)
