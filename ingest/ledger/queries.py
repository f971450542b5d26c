"""What is in the ledger: by feed, status and day; by file. Every question is a query by key."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from boto3.dynamodb.conditions import Key

from ingest.aws.errors import aws_call
from ingest.contract import Ledger as Names
from ingest.file import FileVersion
from ingest.ledger.entry import Entry
from ingest.ledger.states import FILE_STEPS, SEGMENT_STEPS
from ingest.ledger.table import Item, LedgerItems, allowed, number, read_cut, row_counts_of
from ingest.ledger.work_item import WorkItem
from ingest.reading.segments import Segment

_NUMBERS = ("size_bytes", "retry")


class Listing(LedgerItems):
    """Finds records."""

    def open_files(self, feed: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed whose outcome was not told yet, in the order they were first seen."""
        return self._listed(f"{feed}#{Names.OPEN}", newest_first=newest_first)

    def ended_files(self, feed: str, status: str, day: str, *, newest_first: bool = False) -> Iterator[Entry]:
        """Yield the files of a feed that ended so on a day (YYYY-MM-DD, UTC), in the order they did."""
        return self._listed(f"{feed}#{status}#{day}", newest_first=newest_first)

    def versions(self, bucket: str, key: str) -> Iterator[Entry]:
        """Yield the records of all versions of an object, oldest first."""
        return map(read_record, self._under(bucket, key, Names.FILE_PREFIX))

    def entry(self, work: WorkItem) -> Entry | None:
        """Return the record of a file or segment, if there is one."""
        item = self.read("looking up work", work.file, work.sort_key).get(work.sort_key)
        return _filled(work, item) if item else None

    def segments(self, file: FileVersion) -> Iterator[Entry]:
        """Yield the records of a file's segments in their order."""
        prefix = f"{Names.SEGMENT_PREFIX}{file.version}#"
        return (_segment_entry(file, item) for item in self._under(file.bucket, file.key, prefix))

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is a record of an object as it is now, told by its eTag."""
        return any(entry.work.file.etag == file.etag for entry in self.versions(file.bucket, file.key))

    def knows_by_another_name(self, file: FileVersion) -> bool:
        """Return whether there is a record of this object under another version's name, told by its eTag."""
        others = (entry.work.file for entry in self.versions(file.bucket, file.key))
        return any(
            file.etag and other.etag == file.etag and other.first_version != file.first_version for other in others
        )

    def note_resent(self, work: WorkItem, *, now_s: float) -> bool:
        """Remember that the message of stuck work is sent again; return False if somebody has it now."""
        condition, values = allowed((FILE_STEPS if work.segment is None else SEGMENT_STEPS)["claim"])
        values |= {":now": number(now_s), ":one": 1}
        condition = f"attribute_exists(#pk) AND ({condition})"
        change = "SET moved = :now, attempts_when_resent = if_not_exists(attempts, :zero) ADD resent :one"
        values |= {":zero": 0}
        return self.update("noting a resent message", self.key(work.file, work.sort_key), change, condition, values)[0]

    def _listed(self, listing: str, *, newest_first: bool) -> Iterator[Entry]:
        query: Any = {"IndexName": Names.INDEX, "KeyConditionExpression": Key(Names.LISTING).eq(listing)}
        query["ScanIndexForward"] = not newest_first
        for entry in self.query("listing files", query):
            key = {name: entry[name] for name in (Names.PARTITION_KEY, Names.SORT_KEY)}
            with aws_call(f"listing files in the ledger {self.table.name}"):
                item = self.table.get_item(Key=key, ConsistentRead=True).get("Item")
            if item and item[Names.LISTING] == listing:  # the index is a moment behind
                yield read_record(item)

    def _under(self, bucket: str, key: str, prefix: str) -> Iterator[Item]:
        condition = Key(Names.PARTITION_KEY).eq(f"{bucket}/{key}") & Key(Names.SORT_KEY).begins_with(prefix)
        return self.query("listing a file", {"KeyConditionExpression": condition, "ConsistentRead": True})

    def query(self, what: str, query: Any) -> Iterator[Item]:
        """Yield what a query finds, page after page."""
        while True:
            with aws_call(f"{what} in the ledger {self.table.name}"):
                page: Any = self.table.query(**query)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query = query | {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def read_record(item: Item) -> Entry:
    """Return the record of a file."""
    return _filled(WorkItem(_file(item)), item)


def _file(item: Item) -> FileVersion:
    reported: Item = {name: int(value) if name in _NUMBERS else value for name, value in item["file"].items()}
    return FileVersion(**reported)


def _segment_entry(file: FileVersion, item: Item) -> Entry:
    return _filled(WorkItem(file, Segment(read_cut(item["start"]), read_cut(item["end"]))), item)


def _filled(work: WorkItem, item: Item) -> Entry:
    return Entry(
        work=work,
        status=str(item["status"]),
        feed=str(item.get("feed", "")),
        row_counts=row_counts_of(item),
        segments=int(item.get("segments_planned", 0)),
        segments_done=int(item.get("segments_done", 0)),
        attempts=int(item.get("attempts", 0)),
        resent=int(item.get("resent", 0)),
        attempts_when_resent=int(item.get("attempts_when_resent", 0)),
        first_seen_s=_time(item, "first_seen"),
        started_s=_time(item, "started"),
        moved_s=float(item.get("moved", 0)),
        ended_s=_time(item, "ended"),
        seconds=_time(item, "seconds"),
        lease_until_s=float(item.get("lease_until", 0)),
        rejects=item.get("rejects"),
        error=item.get("error", {}).get("message"),
        error_code=item.get("error", {}).get("code"),
    )


def _time(item: Item, name: str) -> float | None:
    return float(item[name]) if name in item else None


PAUSE_S = 0.2  # before what the table had no capacity for is asked again
MOST_KEYS = 100  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html


class EndedFiles(Listing):
    """What `Listing.ended_files` yields, with a hundredth of its requests. Who may read so is the operator, not the
    function."""

    def ended(self, feed: str, status: str, day: str) -> Iterator[Entry]:
        """Yield the files of a feed that ended so on a day (YYYY-MM-DD, UTC), in the order they did."""
        listing = f"{feed}#{status}#{day}"
        query: Any = {"IndexName": Names.INDEX, "KeyConditionExpression": Key(Names.LISTING).eq(listing)}
        entries = iter(self.query("listing files", query))
        while portion := [_key(entry) for entry in islice(entries, MOST_KEYS)]:
            found = {tuple(_key(item).values()): item for item in self._items(portion)}
            for key in portion:
                item = found.get(tuple(key.values()))
                if item and item[Names.LISTING] == listing:  # the index is a moment behind
                    yield read_record(item)

    def _items(self, keys: Iterable[Item]) -> Iterator[Item]:
        name, rest = self.table.name, list(keys)
        pause_s = 0.0
        while rest:
            self.clock.sleep(pause_s)
            with aws_call(f"reading files in the ledger {name}"):
                request: Any = {name: {"Keys": rest, "ConsistentRead": True}}
                answer: Any = self.table.meta.client.batch_get_item(RequestItems=request)
            yield from answer["Responses"].get(name, [])
            rest = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", [])
            pause_s = PAUSE_S


def _key(item: Item) -> Item:
    return {name: item[name] for name in (Names.PARTITION_KEY, Names.SORT_KEY)}
