"""UpdateItem over a connection of its own: what it returns and raises is what boto3's table returns and raises."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ingest.dynamodb.http.connection import ConnectionLostError
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.updates import TableUpdates
from ingest.errors import AccessDenied
from tests.support.clients import MotoExchange, mock_aws, table

KEY = {"pk": "landing/größe", "sk": 'HEAD "1"'}
VALUES: dict[str, Any] = {
    "text": "text, ü",
    "empty": "",
    "integer": 7,
    "decimal": Decimal("-1.50"),
    "true": True,
    "null": None,
    "bytes": b"\x00\xffbytes",
    "list": [1, "two", [3]],
    "map": {"B": "a name", "S": {"B": b"\xff"}},
    "words": {"one", "two"},
    "numbers": {1, 2},
}


@pytest.fixture
def rows() -> Iterator[Any]:
    with mock_aws():
        yield table("Ledger", "pk", "sk")


def update(value: Any, condition: str = "attribute_not_exists(#pk) OR #at <> :value", **more: Any) -> dict[str, Any]:
    """Return a request that sets the attribute `at`."""
    names = {"#at": "at", "#pk": "pk"} if "#pk" in condition else {"#at": "at"}
    request = {"Key": KEY, "UpdateExpression": "SET #at = :value", "ConditionExpression": condition}
    request |= {"ExpressionAttributeNames": names, "ExpressionAttributeValues": {":value": value}}
    request |= {"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    return request | more


def outcome(update_item: Callable[..., Any], request: dict[str, Any]) -> Any:
    """Return what comes of a request: its attributes, or its error and the item that came with it."""
    try:
        return update_item(**request).get("Attributes")
    except ClientError as error:
        item: dict[str, dict[str, Any]] | None = error.response.get("Item")
        return error.response["Error"]["Code"], item and {name: _sets_sorted(value) for name, value in item.items()}


def _sets_sorted(value: dict[str, Any]) -> dict[str, Any]:
    """Return an attribute's value as it is, but with the members of a set in one order: sets have none."""
    return {kind: sorted(held) if kind in ("SS", "NS", "BS") else held for kind, held in value.items()}


class Boto3Refused:
    """A table whose requests must not come to boto3."""

    name = "Ledger"

    def update_item(self, **request: Any) -> Any:
        raise AssertionError(f"boto3 was asked: {request}")


@pytest.mark.parametrize("name", VALUES)
def test_any_value_comes_back_as_from_boto3_and_so_does_the_item_of_a_refused_condition(rows: Any, name: str) -> None:
    value = VALUES[name]
    updates = TableUpdates(Boto3Refused(), MotoExchange)  # type: ignore[arg-type]
    first, again = (outcome(updates.update_item, update(value)) for _ in range(2))
    rows.delete_item(Key=KEY)
    assert first == outcome(rows.update_item, update(value))
    assert again == outcome(rows.update_item, update(value))
    assert again[0] == "ConditionalCheckFailedException"
    assert rows.get_item(Key=KEY)["Item"] == first


def test_what_asks_for_no_attributes_gets_none(rows: Any) -> None:
    updates = TableUpdates(Boto3Refused(), MotoExchange)  # type: ignore[arg-type]
    assert outcome(updates.update_item, update("x", ReturnValues="NONE")) == {}


def test_where_no_answer_comes_boto3_sends_the_request_again(rows: Any) -> None:
    exchange = MotoExchange(lost=1)
    updates = TableUpdates(rows, lambda: exchange)  # type: ignore[arg-type, return-value]
    adds = update(1, "attribute_not_exists(#pk) OR :value = :value") | {"UpdateExpression": "ADD #at :value"}
    assert outcome(updates.update_item, adds)["at"] == 2  # the first was carried out
    assert outcome(updates.update_item, adds)["at"] == 3
    assert len(exchange.bodies) == 2


class Says:
    """An exchange that gives one answer, whatever is asked."""

    def __init__(self, *outcomes: list[tuple[None, Answer | ConnectionLostError]]) -> None:
        self.outcomes = list(outcomes)
        self.is_closed = False

    def start(self, ticket: None, body: bytes, operation: str) -> None:
        pass

    def poll(self, timeout_s: float) -> list[tuple[None, Answer | ConnectionLostError]]:
        return self.outcomes.pop(0)

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, b"{}", keeps_alive=True),
        Answer(400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}', keeps_alive=True),
        Answer(400, b'{"__type":"com.amazon.coral.service#ExpiredTokenException"}', keeps_alive=True),
        Answer(200, b"<html>", keeps_alive=True),
        Answer(200, b"[]", keeps_alive=True),
        ConnectionLostError("reset"),
    ],
    ids=["failed", "throttled", "token", "no JSON", "no object", "reset"],
)
def test_whatever_else_is_answered_is_for_boto3_to_send_again(rows: Any, answer: Answer | ConnectionLostError) -> None:
    exchange = Says([], [(None, answer)])
    updates = TableUpdates(rows, lambda: exchange)  # type: ignore[arg-type, return-value]
    assert outcome(updates.update_item, update("x"))["at"] == "x"
    assert exchange.outcomes == []


def test_without_credentials_boto3_says_what_is_wrong(rows: Any) -> None:
    def connect() -> Any:
        raise AccessDenied("No AWS credentials were found.")

    assert outcome(TableUpdates(rows, connect).update_item, update("x"))["at"] == "x"


def test_a_request_that_cannot_be_signed_closes_the_connection_and_the_next_opens_another(rows: Any) -> None:
    class CannotSign(Says):
        def start(self, ticket: None, body: bytes, operation: str) -> None:
            raise AccessDenied("The role may not be assumed any more.")

    first = CannotSign()
    exchanges = [MotoExchange(), first]
    updates = TableUpdates(rows, exchanges.pop)  # type: ignore[arg-type]
    assert outcome(updates.update_item, update("x"))["at"] == "x"
    assert first.is_closed
    assert outcome(updates.update_item, update("y"))["at"] == "y"
    assert exchanges == []
