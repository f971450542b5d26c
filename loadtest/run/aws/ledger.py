"""What the ledger says of a run: which files have ended, and all entries of its objects."""

import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from ingest.contract import FINAL_STATUSES, LedgerKeys
from loadtest.run.aws.clients import THREADS

Item = Mapping[str, Any]
_LATE = timedelta(minutes=10)  # clocks differ, and the index is a moment behind
_ISO = "%Y-%m-%dT%H:%M:%SZ"


class LedgerReader:
    """The ledger, for the objects of one bucket."""

    def __init__(self, dynamodb: Any, table: str, bucket: str) -> None:
        self._dynamodb, self._table, self._bucket = dynamodb, table, bucket

    def ended(self, feeds: Iterable[str], since_s: float) -> Iterator[tuple[str, str, str]]:
        """Yield key, version and status of the files that were reported since a moment. By the index: a moment late."""
        since, until = datetime.fromtimestamp(since_s, UTC) - _LATE, datetime.fromtimestamp(time.time(), UTC) + _LATE
        days = [f"{since + timedelta(days=n):%Y-%m-%d}" for n in range((until.date() - since.date()).days + 1)]
        for listing in (f"{feed}#{status}#{day}" for feed in feeds for status in FINAL_STATUSES for day in days):
            for item in self._listed(listing, since.strftime(_ISO)):
                bucket, _, key = item[LedgerKeys.PARTITION_KEY]["S"].partition("/")
                version = item[LedgerKeys.SORT_KEY]["S"].removeprefix(LedgerKeys.FILE_PREFIX)
                if bucket == self._bucket:
                    yield key, version, listing.split("#")[1]

    def items(self, keys: Iterable[str]) -> Iterator[Item]:
        """Yield all items about these objects, in DynamoDB's JSON: heads, files, segments."""
        with ThreadPoolExecutor(THREADS) as pool:
            for found in pool.map(self._of, keys):
                yield from found

    def entries(self, keys: Iterable[str]) -> Iterator[dict[str, Any]]:
        """Yield the same as Python's values."""
        read = TypeDeserializer().deserialize
        return ({name: read(value) for name, value in item.items()} for item in self.items(keys))

    def newest(self, key: str) -> str | None:
        """Return the sequencer of the newest version of an object that the function heard of."""
        name = {LedgerKeys.PARTITION_KEY: {"S": f"{self._bucket}/{key}"}, LedgerKeys.SORT_KEY: {"S": LedgerKeys.HEAD}}
        item = self._dynamodb.get_item(TableName=self._table, Key=name, ConsistentRead=True).get("Item", {})
        return str(item["sequencer"]["S"]) if "sequencer" in item else None

    def _listed(self, listing: str, since: str) -> Iterator[Item]:
        condition = f"{LedgerKeys.LISTING} = :listing AND {LedgerKeys.LISTED_AT} >= :since"
        values = {":listing": {"S": listing}, ":since": {"S": since}}
        return self._query(condition, values, IndexName=LedgerKeys.INDEX)

    def _of(self, key: str) -> list[Item]:
        values = {":name": {"S": f"{self._bucket}/{key}"}}
        return list(self._query(f"{LedgerKeys.PARTITION_KEY} = :name", values, ConsistentRead=True))

    def _query(self, condition: str, values: Mapping[str, Any], **more: Any) -> Iterator[Item]:
        asked = {"TableName": self._table, "KeyConditionExpression": condition, "ExpressionAttributeValues": values}
        for page in self._dynamodb.get_paginator("query").paginate(**asked, **more):
            yield from page["Items"]
