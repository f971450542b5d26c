"""Read back what a local or AWS stack's queues, ledger, buckets and tables hold; and send messages to its queue."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlsplit

from ingest.contract import LedgerKeys, Status
from ingest.ledger.table import plain
from loadtest.checker.found import TableFound, is_file
from loadtest.checker.judge import COUNTS, SKIPPED_COUNTS
from loadtest.workload.checksum import Checksum

READERS = 8  # at a time, of one table
MOST_MESSAGES = 10  # per request


def s3_notification(bucket: str, key: str, *, sequencer: str, etag: str | None = None, size: int | None = None) -> str:
    """Return the body of an S3 notification about a new object; `size` and `etag` are left out if they are None."""
    known = {"key": quote_plus(key, safe="/"), "size": size, "eTag": etag, "sequencer": sequencer}
    thing = {name: value for name, value in known.items() if value is not None}
    record = {
        "eventVersion": "2.6",
        "eventSource": "aws:s3",
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": thing},
    }
    return json.dumps({"Records": [record]})


def send_all(sqs: Any, url: str, bodies: Sequence[str]) -> None:
    """Send messages to a queue, ten per request. Raises RuntimeError: some were not accepted."""
    for first in range(0, len(bodies), MOST_MESSAGES):
        batch = bodies[first : first + MOST_MESSAGES]
        entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
        failed = sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        if failed:
            raise RuntimeError(f"The queue did not take {len(failed)} messages, the first because: {failed[0]}")


def taken(sqs: Any, url: str, *, wait_s: int = 0) -> Iterator[str]:
    """Remove all messages that can be received; yield their bodies. `wait_s` > 0: long polling, of all SQS servers."""
    asked = {"QueueUrl": url, "MaxNumberOfMessages": MOST_MESSAGES, "WaitTimeSeconds": wait_s}
    while messages := sqs.receive_message(**asked).get("Messages"):
        for message in messages:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]


Entry = dict[str, Any]
Item = Mapping[str, Mapping[str, Any]]


def read_rejects(s3: Any, url: str) -> list[dict[str, Any]]:
    """Return the rejects stored under the URL in a file's entry."""
    place, found = urlsplit(url), list[dict[str, Any]]()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    for key in (thing["Key"] for page in pages for thing in page.get("Contents", [])):
        if key.endswith(".jsonl"):
            body = s3.get_object(Bucket=place.netloc, Key=key)["Body"].read()
            found += [json.loads(line) for line in body.splitlines()]
    return found


def entries_of(items: Iterable[Entry], bucket: str, keys: Collection[str]) -> list[Entry]:
    """Return, of the ledger's items, the file entries for all versions of these objects."""
    wanted = {f"{bucket}/{key}" for key in keys}
    return [with_segments(item) for item in items if item[LedgerKeys.PARTITION_KEY] in wanted and is_file(item)]


def with_segments(entry: Entry) -> Entry:
    """Return a file's entry with its segments' counts added, which a closed entry holds in `counted`."""
    *counts, segments = entry.get("counted", [0])  # trailing counts are left out if they are 0
    counted = dict(zip((*COUNTS, "bytes_read", *SKIPPED_COUNTS), counts, strict=False), segments_done=segments)
    return entry | {name: int(entry.get(name, 0)) + int(count) for name, count in counted.items()}


def rejects_of(
    read: Callable[[str], list[Entry]], entries: Sequence[Mapping[str, Any]], *, by_version: bool = False
) -> dict[str, Counter[str]]:
    """Return the number of rejected rows by reason, for each object key, or, with `by_version`, each key and eTag.

    `read` returns the rejects under a URL. A row that occurs again counts as "rejected again".
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


def read_table(dynamodb: Any, name: str, not_summed: frozenset[str]) -> TableFound:
    """Return what a table holds. Several readers scan all items in parallel."""
    whole, lock = Checksum(not_summed), Lock()

    def read(segment: int) -> None:
        for items in pages(dynamodb, name, Segment=segment, TotalSegments=READERS):
            with lock:
                whole.add(items)

    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(read, range(READERS)))
    return TableFound(items=whole.items, checksum=whole.value)


def pages(dynamodb: Any, name: str, **part: int) -> Iterator[list[Item]]:
    """Yield the pages of a consistent scan of a table, or of a part of it."""
    for page in dynamodb.get_paginator("scan").paginate(TableName=name, ConsistentRead=True, **part):
        yield page["Items"]


def read_items(dynamodb: Any, name: str) -> list[Entry]:
    """Return all items of a table as Python values."""
    return [plain(item) for page in pages(dynamodb, name) for item in page]
