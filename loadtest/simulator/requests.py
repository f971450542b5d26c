"""Parse requests and check them as DynamoDB does. Pure.

Error messages are DynamoDB's where clients read them, or where they are short. They differ for a request over 16 MB,
for numbers and key sizes, and for malformed requests that no SDK sends.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from loadtest.simulator import items
from loadtest.simulator.errors import NO_TABLE, invalid, no_table, not_json
from loadtest.simulator.settings import Table

MAX_REQUESTS, MAX_KEYS = 25, 100
MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_ITEM_BYTES = 400 * 1024
Tables = Mapping[str, Table] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """An item requested by its key."""

    table: str
    named: str  # the table as named in the request: by name or by ARN
    request: Mapping[str, Any]  # the part of the request
    key: tuple[str, ...]  # empty if the table's keys are not known


@dataclass(frozen=True, slots=True)
class Write(Asked):
    """One item to put, update or delete."""

    item: items.Item | None  # the item to put, or, with a `change`, its key; None: delete
    bytes: int  # size of its attributes in the request
    change: items.Change | None = None
    condition: items.Condition | None = None  # on the item before; None: unconditional
    returns_old: bool = False  # whether a failed condition returns the existing item

    def after(self, before: items.Item | None) -> items.Item | None:
        """Return the item after the write, given the one before."""
        if self.change is None or self.item is None:
            return self.item
        return self.change(before or self.item)


@contextmanager
def _shape() -> Iterator[None]:
    """Turn errors from missing members or wrong types in a request into a SerializationException."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise not_json() from error


@_shape()
def batch(body: bytes, tables: Tables) -> list[Write]:
    """Return the puts and deletes of a BatchWriteItem."""
    requests = _document(body).get("RequestItems") or {}
    counts = [len(asked) for asked in requests.values()]
    if not counts or min(counts) < 1 or max(counts) > MAX_REQUESTS:
        raise invalid(
            "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: "
            "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
        )
    if sum(counts) > MAX_REQUESTS:
        raise invalid("Too many items requested for the BatchWriteItem call")
    writes = [_write(named, request, tables) for named, asked in requests.items() for request in asked]
    _check_distinct(writes)
    return writes


_MEMBERS = {"TableName", "ConditionExpression", "ReturnValuesOnConditionCheckFailure"}
_MEMBERS |= {"ExpressionAttributeNames", "ExpressionAttributeValues"}


@_shape()
def single(operation: str, body: bytes, tables: Tables) -> Write:
    """Return the write of a PutItem, UpdateItem or DeleteItem; the name of the operation is in lower case."""
    document, holds = _document(body), "Item" if operation == "putitem" else "Key"
    _check_members(document, _MEMBERS | {holds, *(["UpdateExpression"] if operation == "updateitem" else ())})
    if not document.get(holds):
        raise invalid(f"{holds} cannot be null")
    named, attributes = str(document["TableName"]), document[holds]
    if table := _table(named, tables):
        _check_keys_of_put(attributes, table) if holds == "Item" else _check_key_alone(attributes, table)
    kind = "PutRequest" if holds == "Item" else "DeleteRequest"
    write, placeholders = _write(named, {kind: {holds: attributes}}, tables), items.Placeholders(document)
    if operation == "updateitem":
        keys = {key.name for key in table.keys} if table else set()
        change = items.change_of(document.get("UpdateExpression", ""), placeholders, keys)
        write = replace(write, item=attributes, change=change)
    if (condition := document.get("ConditionExpression")) is not None:
        write = replace(write, condition=items.condition_of(condition, placeholders))
    placeholders.check_used()
    return replace(write, returns_old=document.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


@_shape()
def keys(body: bytes, tables: Tables) -> tuple[list[Asked], Mapping[str, Mapping[str, Any]]]:
    """Return the items that a BatchGetItem requests, and its parts by table, as named in the request."""
    requests = _document(body).get("RequestItems")
    if not requests:
        raise invalid("BatchGetItem must have some requests set")
    asked: list[Asked] = []
    for named, request in requests.items():
        _check_members(request, {"Keys", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"})
        if not request["Keys"]:
            raise invalid(f"The list of keys in RequestItems for BatchGetItem is required: {named} has empty list")
        table = _table(named, tables)
        for key in request["Keys"]:
            _check_key_alone(key, table)
            asked.append(Asked(named.rpartition("/")[2], named, key, tuple(items.key_values(key, table))))
    if len(asked) > MAX_KEYS:
        raise invalid("Too many items requested for the BatchGetItem call")
    _check_distinct(asked)
    return asked, requests


def projected(request: Mapping[str, Any], item: items.Item) -> items.Item:
    """Return the attributes of an item that a part of a BatchGetItem requests: all, or a projection `#a,#b`, ..."""
    if (text := request.get("ProjectionExpression")) is None:
        return item
    placeholders = items.Placeholders(request)
    names = {placeholders[part.strip()] for part in text.split(",")}
    placeholders.check_used()
    return {name: value for name, value in item.items() if name in names}


def _check_members(request: Mapping[str, Any], known: set[str]) -> None:
    if unknown := request.keys() - known:
        raise invalid(f"the simulator does not know {', '.join(sorted(unknown))}")


def _check_distinct(asked: Sequence[Asked]) -> None:
    keyed = [(one.table, one.key) for one in asked if one.key]
    if len(set(keyed)) < len(keyed):
        raise invalid("Provided list of item keys contains duplicates")


def _check_key_alone(key: items.Item, table: Table | None) -> None:
    items.check_values(key.values())
    if table and len(key) != len(table.keys):
        raise invalid("The provided key element does not match the schema")


def _check_keys_of_put(item: items.Item, table: Table) -> None:
    """Check the keys with PutItem's messages, which are more detailed than BatchWriteItem's."""
    for key in table.keys:
        if key.name not in item:
            raise invalid(f"{items.WRONG_VALUES}Missing the key {key.name} in the item")
        if key.type not in item[key.name]:
            actual = next(iter(item[key.name]))
            raise invalid(f"{items.WRONG_VALUES}Type mismatch for key {key.name} expected: {key.type} actual: {actual}")


def request_items(asked: Iterable[Asked]) -> dict[str, list[Mapping[str, Any]]]:
    """Return items in the form of a request's items, and of a response's unprocessed items."""
    tables: dict[str, list[Mapping[str, Any]]] = {}
    for one in asked:
        tables.setdefault(one.named, []).append(one.request)
    return tables


@_shape()
def described(body: bytes) -> str:
    """Return the name of the table in a DescribeTable, which may give its name or its ARN."""
    return str(_document(body)["TableName"]).rpartition("/")[2]


def _document(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_REQUEST_BYTES:
        raise invalid("The request is larger than 16 MB")
    document = json.loads(body)
    if not isinstance(document, dict):
        raise not_json()
    return document


def _table(named: str, tables: Tables) -> Table | None:
    name = named.rpartition("/")[2]
    if tables is not None and name not in tables:
        raise no_table(NO_TABLE)
    return tables[name] if tables else None


def _write(named: str, request: Mapping[str, Any], tables: Tables) -> Write:
    [(kind, content)] = request.items()
    is_put, table = kind == "PutRequest", _table(named, tables)
    attributes = content["Item" if is_put else "Key"]
    if is_put:
        items.check_values(attributes.values())
    else:
        _check_key_alone(attributes, table)
    key, size = tuple(items.key_values(attributes, table)), items.item_bytes(attributes)
    if size > MAX_ITEM_BYTES:
        raise invalid("Item size has exceeded the maximum allowed size")
    return Write(named.rpartition("/")[2], named, request, key, attributes if is_put else None, size)
