"""Queries of the ledger: by feed, status and day, or by file. Each is a query or a read by key, never a scan."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Key

from ingest.aws.clock import epoch_s
from ingest.aws.errors import aws_call
from ingest.contract import LedgerKeys, Status
from ingest.file import FileVersion
from ingest.ledger.begun import begun_in, entry_in, is_abandoned, is_entry, read_entry
from ingest.ledger.claims import FileStatus, Newest, Outcome
from ingest.ledger.table import (
    MOST_KEYS,
    Item,
    LedgerTable,
    checkpoint_of,
    is_newest_in,
    kept_feeds,
    key_of,
    read_error,
    read_file,
    read_position,
    row_counts_of,
    segments_done_of,
    settings_key,
    unpack,
)
from ingest.ledger.work_item import Checkpoint, Entry, KeptFeed, WorkItem, is_open
from ingest.reading.segments import Segment


class TableQueries:
    """Finds entries; changes none."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def file_status(self, file: FileVersion) -> FileStatus:
        """Return the current status of a file, and whether it is the newest version of its key."""
        name = WorkItem(file).sort_key
        found = self._table.read("looking up a file", file, LedgerKeys.HEAD, name)
        item = self._summed(file, entry_in(found, name))
        feed, settings = str(item.get("feed", "")), str(item.get("settings", ""))
        is_newest, first_seen_s = is_newest_in(found, file), _time(item, "first_seen")
        status, order_ms = str(item.get("status", "")), int(item.get("order_ms", 0))
        return FileStatus(status, is_newest, row_counts_of(item), feed, settings, first_seen_s, order_ms)

    def unreported(self, file: FileVersion) -> Outcome | None:
        """Return the outcome of a file if it was not reported; None if it was, or the file has not ended."""
        item = self._file_item(file) or {"status": Status.LOADING}
        if is_open(str(item["status"])) or "reported" in item:
            return None
        seconds = float(item["seconds"])
        return Outcome(str(item["status"]), row_counts_of(item), seconds, item.get("rejects"), read_error(item))

    def checkpoint(self, file: FileVersion) -> Checkpoint | None:
        """Return how far a file that is not split was loaded."""
        return checkpoint_of(self._file_item(file))

    def entry(self, work: WorkItem) -> Entry | None:
        """Return the entry of a file or segment, if there is one."""
        if work.segment is None:
            item = self._file_item(work.file)
            return _entry(work, self._summed(work.file, item)) if item else None
        item = self._table.read("looking up work", work.file, work.sort_key).get(work.sort_key, {})
        return _entry(work, item) if item else None

    def settings(self, fingerprint: str) -> str | None:
        """Return the text of settings with which files were begun, as written by `TableTransitions.keep_feeds`."""
        key = settings_key(fingerprint)
        with aws_call(f"looking up settings in the ledger {self._table.dynamodb.name}"):
            item = self._table.dynamodb.get_item(Key=key, ConsistentRead=True).get("Item")
        return unpack(item) if item else None

    def feeds(self) -> dict[str, KeptFeed]:
        """Return all feeds that were ever deployed, by name."""
        return kept_feeds(self._table)

    def open_files(self, feed: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not reported, in the order they were first seen."""
        return self._listed(f"{feed}#{LedgerKeys.OPEN}", newest_first=newest_first)

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended with a status on a day (YYYY-MM-DD, UTC), in the order they ended."""
        return self._listed(f"{feed}#{status}#{day}", newest_first=newest_first)

    def versions(self, bucket: str, key: str) -> Iterator[Entry]:
        """Yield the entries of all versions of an object, oldest first."""
        prefixes = (LedgerKeys.HEAD, LedgerKeys.FILE_PREFIX)  # in this order, which `entry_in` requires
        items = (item for prefix in prefixes for item in self._under(bucket, key, prefix))
        found = {str(item[LedgerKeys.SORT_KEY]): item for item in items}
        begun = begun_in(found.get(LedgerKeys.HEAD, {}))
        names = sorted({*found, *([str(begun[LedgerKeys.SORT_KEY])] if begun else [])} - {LedgerKeys.HEAD})
        return (self._file_entry(entry_in(found, name)) for name in names)

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the entries of a file's segments in file order."""
        prefix = f"{LedgerKeys.SEGMENT_PREFIX}{file.version}#"
        return (_segment_entry(file, item) for item in self._under(file.bucket, file.key, prefix))

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is an entry of an object in its present version, found in the bucket or notified.

        An ignored object is not known, because the caller wants to load it.
        """
        return bool(self._known(file))

    def is_reported(self, file: FileVersion) -> bool:
        """Return whether an object found in the bucket is the newest version notified, and was begun."""
        return bool(_reported(file, self._objects_items(file)))

    def _known(self, file: FileVersion) -> Item:
        """Return the current entry by which an object is known; empty if there is none."""
        return _known_in(file, self._objects_items(file))

    def _objects_items(self, file: FileVersion) -> dict[str, Item]:
        """Return the HEAD of an object, and the entries of its newest version and of the version found."""
        found = self._table.read("looking up an object", file, LedgerKeys.HEAD)
        names = {WorkItem(file).sort_key, _newest_name(file, found.get(LedgerKeys.HEAD, {}))}
        return found | self._table.read("looking up an object", file, *names)

    def unknown(self, files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        """Yield the objects for which `knows` is false, with two batch reads per hundred, and more reads for those
        alone.

        If an object is known by a version whose worker has died and which is not listed as open, yield that version: no
        other message may come for it. The newest version of a key is looked up first, which nearly always is the one.
        """
        files = iter(files)
        while portion := list(islice(files, MOST_KEYS)):
            heads = self._by_object("looking up versions", [key_of(file, LedgerKeys.HEAD) for file in portion])
            keys = [key_of(file, _newest_name(file, heads.get(_object(file), {}))) for file in portion]
            newest = self._by_object("looking up files", keys)
            for file in portion:
                items = [item for items in (heads, newest) if (item := items.get(_object(file)))]
                seen = {str(item[LedgerKeys.SORT_KEY]): item for item in items}
                is_own = _newest_name(file, seen.get(LedgerKeys.HEAD, {})) == WorkItem(file).sort_key
                entry = (_known_in if is_own else _reported)(file, seen) or self._known(file)
                if not entry:
                    yield file
                elif is_abandoned(entry, self._table.clock.now_s()):
                    yield read_file(entry["file"])

    def _by_object(self, what: str, keys: list[dict[str, str]]) -> dict[str, Item]:
        items = self._table.items(what, keys, is_consistent=False)  # missing ones are read again, consistently
        return {str(item[LedgerKeys.PARTITION_KEY]): item for item in items}

    def _file_item(self, file: FileVersion) -> Item:
        return read_entry(self._table, "looking up a file", file)

    def _file_entry(self, item: Item) -> Entry:
        entry = _file_entry(item)
        summed = self._summed(entry.work.file, item)
        return entry if summed is item else _entry(entry.work, summed)

    def _summed(self, file: FileVersion, item: Item) -> Item:
        """Return a file's entry, with the sums of its ended segments if it is split and open."""
        if "plan" not in item or not is_open(str(item["status"])):
            return item
        counted = self._table.counted(file)
        return item | counted | {"moved": max(item["moved"], counted.get("moved", 0))}

    def _listed(self, listing: str, *, newest_first: bool) -> Iterator[Entry]:
        query: Any = {"IndexName": LedgerKeys.INDEX, "KeyConditionExpression": Key(LedgerKeys.LISTING).eq(listing)}
        query["ScanIndexForward"] = not newest_first
        dynamodb = self._table.dynamodb
        for found in self._table.query("listing files", query):
            with aws_call(f"listing files in the ledger {dynamodb.name}"):
                item = dynamodb.get_item(Key=_key(found), ConsistentRead=True).get("Item")
            if item and item[LedgerKeys.LISTING] == listing:  # the index is eventually consistent
                yield self._file_entry(item)

    def _under(self, bucket: str, key: str, prefix: str) -> Iterator[Item]:
        partition, sort = Key(LedgerKeys.PARTITION_KEY), Key(LedgerKeys.SORT_KEY)
        condition = partition.eq(f"{bucket}/{key}") & sort.begins_with(prefix)
        return self._table.query("listing a file", {"KeyConditionExpression": condition, "ConsistentRead": True})


class EndedFiles:
    """Yields what `TableQueries.ended_files` does with a hundredth of its requests, by reading entries in batches."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def ended(self, feed: str, status: str, day: str) -> Iterator[Entry]:
        """Yield the files of a feed that ended with a status on a day (YYYY-MM-DD, UTC), in the order they ended."""
        listing = f"{feed}#{status}#{day}"
        query: Any = {"IndexName": LedgerKeys.INDEX, "KeyConditionExpression": Key(LedgerKeys.LISTING).eq(listing)}
        listed = iter(self._table.query("listing files", query))
        while portion := [_key(found) for found in islice(listed, MOST_KEYS)]:
            items = {tuple(_key(item).values()): item for item in self._table.items("reading files", portion)}
            for key in portion:
                item = items.get(tuple(key.values()))
                if item and item[LedgerKeys.LISTING] == listing:  # the index is eventually consistent
                    yield _file_entry(item)


def _newest(head: Item, item: Item) -> Newest:
    """Return what is known of the newest version of an object, from its `HEAD` and the entry that this names."""
    found_etag, found_changed = str(head.get("found_etag", "")), str(head.get("found_changed", ""))
    if not item or "sequencer" not in head or item["status"] == Status.IGNORED:  # or it was only noted: not loaded
        return Newest(found_etag=found_etag, found_changed=found_changed)
    entry = _file_entry(item)
    reported_s = epoch_s(entry.work.file.event_time) or entry.first_seen_s or 0.0
    return Newest(entry.work.file, reported_s, found_etag, found_changed)


def _known_in(file: FileVersion, found: Mapping[str, Item]) -> Item:
    """Return, from entries that were read, the one by which an object is known; empty if unknown or ignored."""
    own = entry_in(found, WorkItem(file).sort_key)
    return own if is_entry(own) else _reported(file, found)


def _reported(file: FileVersion, found: Mapping[str, Item]) -> Item:
    """Return the entry of an object's newest notified version, if that is the version found; otherwise empty."""
    head = found.get(LedgerKeys.HEAD, {})
    item = entry_in(found, _newest_name(file, head)) if "sequencer" in head else {}
    return item if _newest(head, item).is_of(file) else {}


def _object(file: FileVersion) -> str:
    return key_of(file, "")[LedgerKeys.PARTITION_KEY]


def _newest_name(file: FileVersion, head: Item) -> str:
    """Return the sort key of an object's newest notified version; of the given version if none was notified."""
    sequencer = head.get("sequencer")
    return f"{LedgerKeys.FILE_PREFIX}{sequencer}" if sequencer else WorkItem(file).sort_key


def _key(item: Item) -> Item:
    return {name: item[name] for name in (LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY)}


def _file_entry(item: Item) -> Entry:
    return _entry(WorkItem(read_file(item["file"])), item)


def _segment_entry(file: FileVersion, item: Item) -> Entry:
    return _entry(WorkItem(file, Segment(read_position(item["start"]), read_position(item["end"]))), item)


def _entry(work: WorkItem, item: Item) -> Entry:
    return Entry(
        work=work,
        status=str(item["status"]),
        feed=str(item.get("feed", "")),
        settings=str(item.get("settings", "")),
        row_counts=row_counts_of(item),
        segments=int(item.get("segments_planned", 0)),
        segments_done=segments_done_of(item),
        attempts=int(item.get("attempts", 0)),
        resent=int(item.get("resent", 0)),
        attempts_when_resent=int(item.get("attempts_when_resent", 0)),
        claims_in_a_row=int(item.get("claims_in_a_row", 0)),
        first_seen_s=_time(item, "first_seen"),
        started_s=_time(item, "started"),
        moved_s=float(item.get("moved", 0)),
        ended_s=_time(item, "ended"),
        seconds=_time(item, "seconds"),
        lease_until_s=float(item.get("lease_until", 0)),
        rejects=item.get("rejects"),
        error=item.get("error", {}).get("message"),
        error_code=item.get("error", {}).get("code"),
        order_ms=int(item["order_ms"]) if "order_ms" in item else None,
    )


def _time(item: Item, name: str) -> float | None:
    return float(item[name]) if name in item else None
