"""Loads rows into DynamoDB Local as the product does, and asks it about the same items sent without any check."""

import csv
import io
import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from ingest.contract import Reason
from ingest.dynamodb.writer import BatchWriter
from ingest.dynamodb.writers import WriterFactory
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.worker.load import Load
from tests.support.fakes import RecordingRejects, reading

Value = dict[str, Any]  # of DynamoDB JSON
NULL = "\\N"
DIALECT = Csv(null_values=(NULL,), max_record_bytes=4 * 1024 * 1024)
_NUMBERS = count()


@dataclass(frozen=True)
class Row:
    """A row as a file has it, and the item that a writer without any check would send."""

    cells: tuple[str, ...]
    item: dict[str, Value]


@dataclass(frozen=True)
class Judged:
    """What became of some rows: `accepted` by DynamoDB Local when sent unchecked, `written` by the product."""

    accepted: list[bool]
    written: list[bool]
    reasons: list[str | None]
    units_unchecked: list[float]  # that DynamoDB Local takes for those it accepts
    sent: int  # items in all requests, again where they are sent again
    units: int


class Judge:
    """DynamoDB Local, with a new table for each file."""

    def __init__(self, endpoint_url: str) -> None:
        self._session = boto3.Session(region_name="eu-central-1")
        self._config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self._resource = self._session.resource("dynamodb", endpoint_url=endpoint_url, config=self._config)
        self._factory = WriterFactory(self._session, self._config, dynamodb=self._resource.meta.client)
        self._writers: list[Any] = []
        self._client: Any = self._session.client("dynamodb", endpoint_url=endpoint_url, config=self._config)

    def close(self) -> None:
        """Close the connections."""
        for writer in self._writers:
            writer.close()
        self._client.close()
        self._resource.meta.client.close()

    def judged(self, feed: Feed, columns: tuple[str, ...], rows: list[Row]) -> Judged:
        """Return what becomes of rows with distinct keys, sent unchecked to one table and loaded into another."""
        unchecked, loaded = self.table(feed), self.table(feed)
        units = [self.units(unchecked, row.item) for row in rows]
        writer = self.writer_for(feed, table=loaded)
        rejects = RecordingRejects()
        assert isinstance(writer, BatchWriter)
        try:
            row_counts = Load(feed=feed, writer=writer, rejects=rejects, ends_early=False).run(
                reading(_file(columns, rows), 1 << 20)
            )
        finally:
            writer.close()
        reasons: list[str | None] = [None] * len(rows)
        for reject in rejects.taken:
            reasons[reject.line - 2] = reject.reason
        assert row_counts.rows_read == len(rows)
        assert self.items(loaded) == self.items(unchecked)
        written = [reason is None for reason in reasons]
        taken = [some for some in units if some is not None]
        accepted = [some is not None for some in units]
        return Judged(accepted, written, reasons, taken, writer.stats.items, writer.stats.units)

    def writer_for(self, feed: Feed, *, table: str) -> Any:
        """Return a feed's writer to a table."""
        made = self._factory.writer_for(feed, table=table)
        self._writers.append(made)
        return made

    def put(self, table: str, item: dict[str, Value]) -> None:
        """Put an item in a table, as others do."""
        self._client.put_item(TableName=table, Item=item)

    def raw_items(self, table: str) -> list[dict[str, Value]]:
        """Return the items of a table."""
        pages = self._client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def table(self, feed: Feed) -> str:
        """Return a new table with the keys and indexes of a feed."""
        name = f"Judged{next(_NUMBERS)}"
        keys = feed.key_attributes()
        types = {key.name: key.type for key in keys} | {key.name: key.type for key, _ in feed.index_keys()}
        indexes = [
            {
                "IndexName": index,
                "KeySchema": _schema(keys.partition_key, keys.sort_key),
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, keys in feed.indexes.items()
        ]
        self._client.create_table(
            TableName=name,
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in types.items()],
            KeySchema=_schema(*(key.name for key in keys)),
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )
        return name

    def accepts(self, table: str, item: dict[str, Value]) -> bool:
        """Return whether DynamoDB Local takes an item as it is."""
        return self.units(table, item) is not None

    def units(self, table: str, item: dict[str, Value]) -> float | None:
        """Return the write units DynamoDB Local takes for an item; None if it refuses it."""
        try:
            answer = self._client.put_item(TableName=table, Item=item, ReturnConsumedCapacity="TOTAL")
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationException"
            return None
        return float(answer["ConsumedCapacity"]["CapacityUnits"])

    def items(self, table: str) -> list[str]:
        """Return the items of a table, spelled alike and in order."""
        return sorted(json.dumps(_comparable(item), sort_keys=True) for item in self.raw_items(table))


def assert_agreed(judged: Judged) -> None:
    """Check that the product writes just what DynamoDB Local takes, and knows it before it sends anything."""
    assert judged.written == judged.accepted
    assert Reason.REFUSED_BY_DYNAMODB not in judged.reasons
    assert judged.sent == sum(judged.written)  # no request was halved, and none repeated


def _schema(*names: str | None) -> list[dict[str, str]]:
    kinds = ("HASH", "RANGE")
    return [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, kinds, strict=False) if name]


def _file(columns: tuple[str, ...], rows: list[Row]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows(row.cells for row in rows)
    assert out.getvalue().count("\n") == 1 + len(rows)
    return out.getvalue().encode()


def _comparable(value: Any) -> Any:
    """Return a value with sets in order, numbers as they are equal and bytes as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return [_comparable(member) for member in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"N"}:
        return {"N": str(Decimal(value["N"]).normalize())}
    if len(value) == 1 and value.keys() <= {"SS", "NS"}:
        return {kind: sorted(map(_number_or_text, [kind] * len(some), some)) for kind, some in value.items()}
    return {name: _comparable(inner) for name, inner in value.items()}


def _number_or_text(kind: str, member: str) -> str:
    return str(Decimal(member).normalize()) if kind == "NS" else member
