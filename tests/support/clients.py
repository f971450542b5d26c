"""boto3 clients made once: reading a service's model takes longer than most tests. moto must be imported first."""

from functools import cache
from typing import Any

import boto3
from moto import mock_aws

from ingest.contract import LedgerKeys

__all__ = ["client", "ledger_table", "mock_aws", "resource", "session", "table"]


@cache
def session() -> boto3.session.Session:
    return boto3.session.Session(region_name="eu-central-1")


@cache
def client(service: str) -> Any:
    return session().client(service)  # type: ignore[call-overload]


@cache
def resource(service: str) -> Any:
    return session().resource(service)  # type: ignore[call-overload]


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
