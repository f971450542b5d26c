"""boto3 clients made once: reading a service's model takes longer than most tests. moto must be imported first."""

import json
from base64 import b64encode
from functools import cache
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.exceptions import ClientError
from moto import mock_aws

from ingest.contract import LedgerKeys
from ingest.dynamodb.http.connection import ConnectionLostError
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.updates import read_document
from tests.support.faster_moto import keep_what_requests_have_in_common, read_update_expressions_once

__all__ = ["MotoExchange", "client", "ledger_table", "mock_aws", "moto_session", "resource", "session", "table"]

keep_what_requests_have_in_common()
read_update_expressions_once()


@cache
def session() -> boto3.session.Session:
    return boto3.session.Session(region_name="eu-central-1")


@cache
def moto_session() -> boto3.session.Session:
    """A session that does not sign requests to DynamoDB: moto looks at signatures for S3 only."""
    made = boto3.session.Session(region_name="eu-central-1")
    made.events.register("choose-signer.dynamodb", lambda **_: UNSIGNED)
    return made


@cache
def client(service: str) -> Any:
    return moto_session().client(service)  # type: ignore[call-overload]


@cache
def resource(service: str) -> Any:
    return moto_session().resource(service)  # type: ignore[call-overload]


def table(name: str, *keys: str) -> Any:
    """Make a table with string keys."""
    return resource("dynamodb").create_table(
        TableName=name,
        KeySchema=_schema(keys),
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


def ledger_table(name: str = "Ledger") -> Any:
    """Make a ledger table with its index."""
    keys = (LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY)
    listing = (LedgerKeys.LISTING, LedgerKeys.LISTED_AT)
    return resource("dynamodb").create_table(
        TableName=name,
        KeySchema=_schema(keys),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (*keys, *listing)],
        GlobalSecondaryIndexes=[
            {
                "IndexName": LedgerKeys.INDEX,
                "KeySchema": _schema(listing),
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def _schema(keys: tuple[str, ...]) -> Any:
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)]


class MotoExchange:
    """An exchange whose requests moto answers, as DynamoDB would. The answers to the first `lost` do not come."""

    def __init__(self, *, lost: int = 0) -> None:
        self.bodies: list[bytes] = []
        self._lost = lost

    def start(self, ticket: None, body: bytes, operation: str) -> None:
        assert operation == "UpdateItem"
        self.bodies.append(body)

    def poll(self, timeout_s: float) -> list[tuple[None, Answer | ConnectionLostError]]:
        answer = _answer(read_document(self.bodies[-1]))
        is_lost = len(self.bodies) <= self._lost
        return [(None, ConnectionLostError("no answer came") if is_lost else answer)]

    def close(self) -> None:
        """There is nothing to close."""


def _answer(request: Any) -> Answer:
    try:
        said = client("dynamodb").update_item(**request)
    except ClientError as error:
        code = "com.amazonaws.dynamodb.v20120810#" + error.response["Error"]["Code"]
        said = {"__type": code, "message": error.response["Error"]["Message"], "Item": error.response.get("Item", {})}
        return Answer(400, _json(said), keeps_alive=True)
    return Answer(200, _json({"Attributes": said.get("Attributes", {})}), keeps_alive=True)


def _json(said: Any) -> bytes:
    return json.dumps(said, default=lambda value: b64encode(value).decode()).encode()
