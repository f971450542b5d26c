"""UpdateItem for the ledger over a kept-alive connection, at a tenth of boto3's CPU time."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError

from ingest.contract import CONDITION_FAILED
from ingest.dynamodb.http.client import Exchange
from ingest.dynamodb.http.response import Answer
from ingest.dynamodb.request_loop import code_and_message
from ingest.errors import IngestError
from ingest.ledger.table import plain

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

OPERATION = "UpdateItem"
POLL_S = 1.0  # the exchange has a time-out for the whole request
SUCCESS = 200
NOTHING: tuple[int, dict[str, Any]] = 0, {}
_VALUES = ("Key", "ExpressionAttributeValues")  # members of a request that boto3's table takes as Python values


class TableUpdates:
    """Sends UpdateItem as boto3's table does; not thread-safe.

    Each request is tried once over a connection that `connect` opens. Without a response, or after an error other than
    a failed condition, boto3's `table` sends it again with its own retries, and raises the error if they fail, too. So
    a request may be carried out twice, as with boto3's own retries.
    """

    def __init__(self, table: "Table", connect: Callable[[], Exchange[None]]) -> None:
        self._table = table
        self._connect = connect
        self._exchange: Exchange[None] | None = None

    def update_item(self, **request: Any) -> Any:
        """Update an item; return what boto3's table returns: `Attributes`, as `ReturnValues` requests them.

        Raises:
            ClientError: as boto3's; with the stored item (`Item`) if the condition fails.
        """
        status, document = self._sent(_body(self._table.name, request))
        if status == SUCCESS:
            return {"Attributes": plain(document.get("Attributes", {}))}
        code, message = code_and_message(document)
        if code == CONDITION_FAILED:
            error: Any = {"Error": {"Code": code, "Message": message}, "Item": document.get("Item", {})}
            raise ClientError(error, OPERATION)
        return self._table.update_item(**request)

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._exchange:
            self._exchange.close()
            self._exchange = None

    def _sent(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and document of the response, success or error; `NOTHING` if there was none."""
        try:
            self._exchange = self._exchange or self._connect()
            self._exchange.start(None, body, OPERATION)
            while not (outcomes := self._exchange.poll(POLL_S)):
                pass
        except IngestError:  # no credentials, or a wrong setting: boto3 says which
            self.close()
            return NOTHING
        ((_, answer),) = outcomes
        return _read(answer) if isinstance(answer, Answer) else NOTHING


def _body(table: str, request: Mapping[str, Any]) -> bytes:
    typed = {
        field: {name: TypeSerializer().serialize(value) for name, value in request[field].items()}
        for field in _VALUES
        if field in request
    }
    return json.dumps({"TableName": table, **request, **typed}, default=_base64).encode()


def _base64(value: Any) -> str:
    """Return a binary value as base64, as in DynamoDB JSON."""
    return b64encode(bytes(value)).decode()


def _read(answer: Answer) -> tuple[int, dict[str, Any]]:
    """Return the status and document of a response; `NOTHING` if it is not a JSON object."""
    try:
        document = read_document(answer.body)
    except ValueError:
        return NOTHING
    return (answer.status, document) if isinstance(document, dict) else NOTHING


def read_document(body: bytes) -> Any:
    """Return parsed DynamoDB JSON with binary values as bytes, as botocore's clients return them.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(body, object_hook=_with_bytes)


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    return {"B": b64decode(value["B"])} if isinstance(value.get("B"), str) else value
