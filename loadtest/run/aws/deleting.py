"""Takes things away by the thousand, and says so if something does not go."""

import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

from loadtest.run.aws.faults import NotClean
from loadtest.run.tables import pages

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
        reported = s3.delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
        for error in reported.get("Errors", []):
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
