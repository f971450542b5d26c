"""What a write request asks for, checked as DynamoDB checks it. Pure.

The words are DynamoDB's where they are known. They are not for a request over 16 MB, and for the shapes that no SDK
lets pass.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from loadtest.simulator.errors import invalid, no_table, not_json
from loadtest.simulator.settings import Table
from loadtest.simulator.values import Item, check_values, item_bytes, key_values

MAX_REQUESTS = 25
MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_ITEM_BYTES = 400 * 1024
Tables = Mapping[str, Table] | None


@dataclass(frozen=True, slots=True)
class Write:
    """One item to put."""

    named: str  # the table, as the request names it
    request: Mapping[str, Any]  # as the request has it
    key: tuple[str, ...]  # empty where the table's keys are not known
    item: Item
    bytes: int

    @property
    def table(self) -> str:
        """The table's name, be it named by ARN or not."""
        return self.named.rpartition("/")[2]


def batch(body: bytes, tables: Tables) -> list[Write]:
    """Return the writes of a BatchWriteItem.

    Raises:
        RequestRefused: DynamoDB would not take any of them.
    """
    requests = _document(body).get("RequestItems")
    if not requests:
        raise invalid(
            "1 validation error detected: Value '{}' at 'requestItems' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1"
        )
    _check_counts(requests)
    with _shape():
        writes = [_write(named, request, tables) for named, asked in requests.items() for request in asked]
    keyed = [(write.table, write.key) for write in writes if write.key]
    if len(set(keyed)) < len(keyed):
        raise invalid("Provided list of item keys contains duplicates")
    return writes


@contextmanager
def _shape() -> Iterator[None]:
    """Make what is missing or of the wrong type in a request a SerializationException."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise not_json() from error


def described(body: bytes) -> str:
    """Return the table that a DescribeTable names, be it named by ARN or not.

    Raises:
        RequestRefused: it names none.
    """
    with _shape():
        return str(_document(body)["TableName"]).rpartition("/")[2]


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_REQUEST_BYTES:
        raise invalid("The request is larger than 16 MB")
    with _shape():
        document = json.loads(body)
    if not isinstance(document, dict):
        raise not_json()
    return document


def _check_counts(requests: Mapping[str, list[object]]) -> None:
    with _shape():
        counts = [len(asked) for asked in requests.values()]
    if min(counts) < 1 or max(counts) > MAX_REQUESTS:
        shown = ", ".join(f"{table}=[...]" for table in requests)
        raise invalid(
            f"1 validation error detected: Value '{{{shown}}}' at 'requestItems' failed to satisfy constraint: "
            "Map value must satisfy constraint: "
            "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
        )
    if sum(counts) > MAX_REQUESTS:
        raise invalid("Too many items requested for the BatchWriteItem call")


def _write(named: str, request: Mapping[str, Any], tables: Tables) -> Write:
    item = request["PutRequest"]["Item"]  # the product deletes nothing
    check_values(item)
    key = tuple(key_values(item, _table(named, tables)))
    size = item_bytes(item)
    if size > MAX_ITEM_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")
    return Write(named, request, key, item, size)


def _table(named: str, tables: Tables) -> Table | None:
    if tables is None:
        return None
    table = tables.get(named.rpartition("/")[2])
    if table is None:
        raise no_table()
    return table
