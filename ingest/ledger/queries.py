"""What is in the ledger: by feed, status and day; by file. Every question is a query or a read by key."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Key

from ingest.aws.clock import epoch_s
from ingest.aws.errors import aws_call
from ingest.contract import LedgerKeys, Status
from ingest.file import FileVersion
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
    read_position,
    row_counts_of,
    segments_done_of,
    settings_key,
    unpack,
)
from ingest.ledger.work_item import Checkpoint, Entry, KeptFeed, WorkItem, is_open
from ingest.reading.segments import Segment

_NUMBERS = ("size_bytes", "retry")


class TableQueries:
    """Finds entries, and changes none."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def file_status(self, file: FileVersion) -> FileStatus:
        """Return the status of a file, and whether it is the newest version of its key, as they are now."""
        name = WorkItem(file).sort_key
        found = self._table.read("looking up a file", file, LedgerKeys.HEAD, name)
        item = self._summed(file, found.get(name, {}))
        feed, settings = str(item.get("feed", "")), str(item.get("settings", ""))
        is_newest, first_seen_s = is_newest_in(found, file), _time(item, "first_seen")
        status, order_ms = str(item.get("status", "")), int(item.get("order_ms", 0))
        return FileStatus(status, is_newest, row_counts_of(item), feed, settings, first_seen_s, order_ms)

    def unreported(self, file: FileVersion) -> Outcome | None:
        """Return how a file ended whose outcome was not reported yet; None if it was, or the file has not ended."""
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
        item = self._table.read("looking up work", work.file, work.sort_key).get(work.sort_key)
        return _entry(work, item if work.segment else self._summed(work.file, item)) if item else None

    def settings(self, fingerprint: str) -> str | None:
        """Return the text of settings that files were begun with, as `TableTransitions.keep_feeds` was given it."""
        key = settings_key(fingerprint)
        with aws_call(f"looking up settings in the ledger {self._table.dynamodb.name}"):
            item = self._table.dynamodb.get_item(Key=key, ConsistentRead=True).get("Item")
        return unpack(item) if item else None

    def feeds(self) -> dict[str, KeptFeed]:
        """Return all feeds that were ever deployed, by name."""
        return kept_feeds(self._table)

    def open_files(self, feed: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not reported yet, in the order they were first seen."""
        return self._listed(f"{feed}#{LedgerKeys.OPEN}", newest_first=newest_first)

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended so on a day (YYYY-MM-DD, UTC), in the order they did."""
        return self._listed(f"{feed}#{status}#{day}", newest_first=newest_first)

    def versions(self, bucket: str, key: str) -> Iterator[Entry]:
        """Yield the entries of all versions of an object, oldest first."""
        return map(self._file_entry, self._under(bucket, key, LedgerKeys.FILE_PREFIX))

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the entries of a file's segments in their order."""
        prefix = f"{LedgerKeys.SEGMENT_PREFIX}{file.version}#"
        return (_segment_entry(file, item) for item in self._under(file.bucket, file.key, prefix))

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is an entry of an object as it lies in the bucket now: found there, or reported.

        One that was ignored is not known: who asks wants it loaded.
        """
        item = self._file_item(file)
        return item.get("status", Status.IGNORED) != Status.IGNORED or self.is_reported(file)

    def is_reported(self, file: FileVersion) -> bool:
        """Return whether an object found in the bucket is the newest version that was reported, and was begun."""
        return self._newest(file).is_of(file)

    def _newest(self, file: FileVersion) -> Newest:
        head = self._table.read("looking up an object", file, LedgerKeys.HEAD).get(LedgerKeys.HEAD, {})
        name = f"{LedgerKeys.FILE_PREFIX}{head.get('sequencer', '')}"
        return _newest(
            head, self._table.read("looking up an object", file, name).get(name) if "sequencer" in head else None
        )

    def unknown(self, files: Iterable[FileVersion]) -> Iterator[FileVersion]:
        """Yield the objects that `knows` does not: with two requests for each hundred, and more for those alone.

        The newest version of a key is looked at first, which is nearly always the one.
        """
        files = iter(files)
        while portion := list(islice(files, MOST_KEYS)):
            heads = self._by_object("looking up versions", [key_of(file, LedgerKeys.HEAD) for file in portion])
            keys = [key_of(file, _newest_name(file, heads.get(_object(file), {}))) for file in portion]
            newest = self._by_object("looking up files", keys)
            for file in portion:
                item, head = newest.get(_object(file), {}), heads.get(_object(file), {})
                is_found = item.get(LedgerKeys.SORT_KEY) == WorkItem(file).sort_key and item["status"] != Status.IGNORED
                if not is_found and not _newest(head, item).is_of(file) and not self.knows(file):
                    yield file

    def _by_object(self, what: str, keys: list[dict[str, str]]) -> dict[str, Item]:
        items = self._table.items(what, keys, is_consistent=False)  # what is not there yet is asked for again
        return {str(item[LedgerKeys.PARTITION_KEY]): item for item in items}

    def _file_item(self, file: FileVersion) -> Item:
        name = WorkItem(file).sort_key
        return self._table.read("looking up a file", file, name).get(name, {})

    def _file_entry(self, item: Item) -> Entry:
        entry = _file_entry(item)
        summed = self._summed(entry.work.file, item)
        return entry if summed is item else _entry(entry.work, summed)

    def _summed(self, file: FileVersion, item: Item) -> Item:
        """Return a file's entry with what its segments came to so far. One that is not split, or has ended, has all."""
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
            if item and item[LedgerKeys.LISTING] == listing:  # the index is a moment behind
                yield self._file_entry(item)

    def _under(self, bucket: str, key: str, prefix: str) -> Iterator[Item]:
        partition, sort = Key(LedgerKeys.PARTITION_KEY), Key(LedgerKeys.SORT_KEY)
        condition = partition.eq(f"{bucket}/{key}") & sort.begins_with(prefix)
        return self._table.query("listing a file", {"KeyConditionExpression": condition, "ConsistentRead": True})


class EndedFiles:
    """What `TableQueries.ended_files` yields, with a hundredth of its requests. The operator may read so, the function
    may not."""

    def __init__(self, table: LedgerTable) -> None:
        self._table = table

    def ended(self, feed: str, status: str, day: str) -> Iterator[Entry]:
        """Yield the files of a feed that ended so on a day (YYYY-MM-DD, UTC), in the order they did."""
        listing = f"{feed}#{status}#{day}"
        query: Any = {"IndexName": LedgerKeys.INDEX, "KeyConditionExpression": Key(LedgerKeys.LISTING).eq(listing)}
        listed = iter(self._table.query("listing files", query))
        while portion := [_key(found) for found in islice(listed, MOST_KEYS)]:
            items = {tuple(_key(item).values()): item for item in self._table.items("reading files", portion)}
            for key in portion:
                item = items.get(tuple(key.values()))
                if item and item[LedgerKeys.LISTING] == listing:  # the index is a moment behind
                    yield _file_entry(item)


def _newest(head: Item, item: Item | None) -> Newest:
    """Return what is known of the newest version of an object, by its `HEAD` and the entry of what that names."""
    found_etag, found_changed = str(head.get("found_etag", "")), str(head.get("found_changed", ""))
    if not item or "sequencer" not in head or item["status"] == Status.IGNORED:  # or it was only noted: not loaded
        return Newest(found_etag=found_etag, found_changed=found_changed)
    entry = _file_entry(item)
    reported_s = epoch_s(entry.work.file.event_time) or entry.first_seen_s or 0.0
    return Newest(entry.work.file, reported_s, found_etag, found_changed)


def _object(file: FileVersion) -> str:
    return key_of(file, "")[LedgerKeys.PARTITION_KEY]


def _newest_name(file: FileVersion, head: Item) -> str:
    """Return the sort key of the newest version of an object: the last that was notified, or itself if none was."""
    sequencer = head.get("sequencer")
    return f"{LedgerKeys.FILE_PREFIX}{sequencer}" if sequencer else WorkItem(file).sort_key


def _key(item: Item) -> Item:
    return {name: item[name] for name in (LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY)}


def _file_entry(item: Item) -> Entry:
    known = {name: value for name, value in item["file"].items() if name in FileVersion.__slots__}
    fields: Item = {name: int(value) if name in _NUMBERS else value for name, value in known.items()}
    return _entry(WorkItem(FileVersion(**fields)), item)


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
