"""Takes away what a run left: objects, rows, rejects, the ledger's entries, dead letters; and nothing else."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from ingest.contract import LedgerKeys, Output
from loadtest.harness.queue import depths, messages_about
from loadtest.harness.read_back import pages
from loadtest.run.aws.clients import Clients, NotClean, RunRefused
from loadtest.run.aws.ledger import LedgerReader
from loadtest.run.aws.marker import Marker, Markers
from loadtest.run.aws.stack import Stack
from loadtest.run.making import folder
from loadtest.scenarios.scenario import schema

READERS = 8
_ITEMS, _OBJECTS = 25, 1000  # a request
_ATTEMPTS, _LONGEST_PAUSE_S = 60, 10.0


def delete_objects(s3: Any, bucket: str, prefix: str) -> int:
    """Delete all objects under a prefix, in all versions, and all unfinished uploads there; return how many."""
    count = 0
    for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
        for upload in page.get("Uploads", []):
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            count += 1
    found = _versions(s3, bucket, prefix)
    while some := list(islice(found, _OBJECTS)):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
        for error in answer.get("Errors", []):
            raise NotClean(f"s3://{bucket}/{error['Key']} cannot be deleted: {error.get('Message', error['Code'])}.")
        count += len(some)
    return count


def empty_table(dynamodb: Any, name: str) -> int:
    """Delete all items of a table; return how many there were."""
    keys = [key["AttributeName"] for key in dynamodb.describe_table(TableName=name)["Table"]["KeySchema"]]
    with ThreadPoolExecutor(READERS) as pool:
        return sum(pool.map(partial(_empty_segment, dynamodb, name, keys), range(READERS)))


def delete_items(dynamodb: Any, table: str, keys: Iterable[Mapping[str, Any]]) -> int:
    """Delete items by their keys; return how many."""
    left, count = iter(keys), 0
    while some := list(islice(left, _ITEMS)):
        _delete_batch(dynamodb, table, some)
        count += len(some)
    return count


def _versions(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, str]]:
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for found in (*page.get("Versions", []), *page.get("DeleteMarkers", [])):
            yield {"Key": found["Key"], "VersionId": found["VersionId"]}


def _empty_segment(dynamodb: Any, name: str, keys: Sequence[str], segment: int) -> int:
    # Names of attributes may be words that DynamoDB keeps to itself.
    aliases = {f"#{number}": key for number, key in enumerate(keys)}
    wanted = {"ProjectionExpression": ", ".join(aliases), "ExpressionAttributeNames": aliases}
    found = pages(dynamodb, name, segment=segment, segments=READERS, **wanted)
    return sum(delete_items(dynamodb, name, items) for items in found)


def _delete_batch(dynamodb: Any, table: str, keys: Sequence[Mapping[str, Any]]) -> None:
    asked: Any = {table: [{"DeleteRequest": {"Key": key}} for key in keys]}
    for attempt in range(_ATTEMPTS):
        asked = dynamodb.batch_write_item(RequestItems=asked)["UnprocessedItems"]
        if not asked:
            return
        time.sleep(random.uniform(0, min(_LONGEST_PAUSE_S, 0.05 * 2**attempt)))
    raise NotClean(f"The table {table} takes no deletes: it is throttled all the time.")


DRAINED_WITHIN_S = 900.0  # a message that came back waits so long at most
_QUIET_LOOKS, _LOOK_EVERY_S = 2, 1.0
_PASSES = 5


@dataclass(frozen=True, slots=True)
class Cleaned:
    """How much went."""

    objects: int
    rows: int
    rejects: int
    entries: int
    dead_letters: int

    def __str__(self) -> str:
        return (
            f"{self.objects:,} objects and uploads, {self.rows:,} rows, {self.rejects:,} objects with rejects, "
            f"{self.entries:,} entries of the ledger, {self.dead_letters:,} dead letters"
        )


class Cleaner:
    """Cleans a stack. `report` gets what takes long."""

    def __init__(
        self, clients: Clients, stack: Stack, say: Callable[[str], None], *, drained_within_s: float = DRAINED_WITHIN_S
    ) -> None:
        self._clients, self._stack, self._say, self._drained_within_s = clients, stack, say, drained_within_s
        self._markers = Markers(clients, stack)

    def clean(self, run: str) -> Cleaned:
        """Clean up after a run. What fails can be done again: the marker goes last.

        Raises:
            RunRefused: the stack has no marker of this run.
            NotClean: something is left.
        """
        marker = self._markers.find()
        if marker is None or marker.run != run:
            raise RunRefused(f"The stack {self._stack.name} knows of no run {run} that was not cleaned up.")
        s3 = self._clients.get("s3")
        objects = sum(delete_objects(s3, self._out(Output.LANDING_BUCKET), folder(feed, run)) for feed in marker.feeds)
        is_drained = self._drain()  # functions that are at it find their objects gone
        cleaned = Cleaned(
            objects=objects,
            rows=self._empty_tables(marker),
            rejects=sum(delete_objects(s3, self._out(Output.REJECTS_BUCKET), folder(f, run)) for f in marker.feeds),
            entries=self._forget(marker),
            dead_letters=self._dead_letter(run),
        )
        if not is_drained:
            raise NotClean(
                f"The queue still held messages after {self._drained_within_s:.0f} s, and functions may write rows "
                f"again: run `{marker.clean_command(self._stack)}` once it is empty."
            )
        self._markers.remove()
        return cleaned

    def _drain(self) -> bool:
        until_s, quiet = time.monotonic() + self._drained_within_s, 0
        sqs, url = self._clients.get("sqs"), self._out(Output.QUEUE_URL)
        while quiet < _QUIET_LOOKS:
            depth = sum(depths(sqs, url))
            quiet = 0 if depth else quiet + 1
            if depth and time.monotonic() > until_s:
                return False
            if quiet < _QUIET_LOOKS:
                time.sleep(_LOOK_EVERY_S)
        return True

    def _empty_tables(self, marker: Marker) -> int:
        """Empty the tables of the run's feeds, until nothing is found in them."""
        dynamodb, count = self._clients.get("dynamodb"), 0
        for name in {self._stack.tables[schema(feed).table].name for feed in marker.feeds}:
            for _ in range(_PASSES):
                deleted = empty_table(dynamodb, name)
                count += deleted
                if not deleted:
                    break
                self._say(f"{deleted:,} rows deleted from {name}")
            else:
                raise NotClean(f"Somebody writes rows to {name} all the time; {marker.clean_command(self._stack)}.")
        return count

    def _forget(self, marker: Marker) -> int:
        dynamodb, table = self._clients.get("dynamodb"), self._out(Output.LEDGER_TABLE)
        items = LedgerReader(dynamodb, table, self._out(Output.LANDING_BUCKET)).items(marker.keys)
        keys = ({name: item[name] for name in (LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY)} for item in items)
        return delete_items(dynamodb, table, keys)

    def _dead_letter(self, run: str) -> int:
        sqs, url = self._clients.get("sqs"), self._out(Output.DEAD_LETTER_URL)
        receipts = [receipt for _, receipt in messages_about(sqs, url, run)]
        for receipt in receipts:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=receipt)
        return len(receipts)

    def _out(self, output: str) -> str:
        return self._stack.outputs[output]
