"""What a run has left, read back: rejects in their bucket, files' entries in the ledger, tables item by item."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from boto3.dynamodb.types import TypeDeserializer

from ingest.contract import LedgerKeys, Status
from loadtest.checker.found import TableFound, is_file
from loadtest.checker.judge import COUNTS, SKIPPED_COUNTS
from loadtest.workload.checksum import Checksum

Entry = dict[str, Any]
Item = Mapping[str, Mapping[str, Any]]


def read_rejects(s3: Any, url: str) -> list[dict[str, Any]]:
    """Return the rejects under the URL in a file's entry."""
    place, found = urlsplit(url), list[dict[str, Any]]()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    for key in (thing["Key"] for page in pages for thing in page.get("Contents", [])):
        if key.endswith(".jsonl"):
            body = s3.get_object(Bucket=place.netloc, Key=key)["Body"].read()
            found += [json.loads(line) for line in body.splitlines()]
    return found


def entries_of(items: Iterable[Entry], bucket: str, keys: Collection[str]) -> list[Entry]:
    """Return the ledger's entries for all versions of these objects, among its items."""
    wanted = {f"{bucket}/{key}" for key in keys}
    return [with_segments(item) for item in items if item[LedgerKeys.PARTITION_KEY] in wanted and is_file(item)]


def with_segments(entry: Entry) -> Entry:
    """Return a file's entry with what its segments counted, which it has in `counted` when it is closed."""
    *counts, segments = entry.get("counted", [0])  # those at the end are left out where they are 0
    counted = dict(zip((*COUNTS, "bytes_read", *SKIPPED_COUNTS), counts, strict=False), segments_done=segments)
    return entry | {name: int(entry.get(name, 0)) + int(count) for name, count in counted.items()}


def rejects_of(
    read: Callable[[str], list[Entry]], entries: Sequence[Mapping[str, Any]], *, by_version: bool = False
) -> dict[str, Counter[str]]:
    """Return how many rows were rejected for which reason, by object key, or, `by_version`, by key and eTag.

    `read` returns the rejects under a URL. A row that was rejected once before counts as "rejected again".
    """
    found: dict[str, Counter[str]] = {}
    for entry in entries:
        if "rejects" in entry and entry.get("status") != Status.SUPERSEDED:
            file = entry["file"]
            name = f"{file['key']} {file['etag']}" if by_version else str(file["key"])
            found[name] = _reasons(read(entry["rejects"]))
    return found


def _reasons(rejects: Sequence[Entry]) -> Counter[str]:
    rows = {(reject["line"], reject["reason"]) for reject in rejects}
    again = len(rejects) - len(rows)
    return Counter(str(reason) for _, reason in rows) + Counter({"rejected again": again})


def read_table(dynamodb: Any, name: str, *, segments: int = 1, not_summed: frozenset[str] = frozenset()) -> TableFound:
    """Return what a table holds: every item is read, by this number of readers at once."""
    whole = Checksum()
    with ThreadPoolExecutor(segments) as pool:
        for part in pool.map(partial(_sum, dynamodb, name, segments, not_summed), range(segments)):
            whole.merge(part)
    return TableFound(items=whole.items, checksum=whole.value)


def pages(dynamodb: Any, name: str, *, segment: int = 0, segments: int = 1, **more: Any) -> Iterator[list[Item]]:
    """Yield all items of a segment of a table, in some portions."""
    part = {"Segment": segment, "TotalSegments": segments}
    for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True, **part, **more):
        yield page["Items"]


def read_items(dynamodb: Any, name: str) -> list[Entry]:
    """Return all items of a table, as Python has them."""
    return [plain(item) for page in pages(dynamodb, name) for item in page]


def plain(item: Any) -> Entry:
    """Return an item of DynamoDB JSON as Python has it."""
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def _sum(dynamodb: Any, name: str, segments: int, not_summed: frozenset[str], segment: int) -> Checksum:
    checksum = Checksum(not_summed)
    for items in pages(dynamodb, name, segment=segment, segments=segments):
        checksum.add(items)
    return checksum
