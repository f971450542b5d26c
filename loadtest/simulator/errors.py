"""How DynamoDB says no: types, words and members of its error answers."""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from loadtest.simulator.settings import Reason

REGION, ACCOUNT = "us-east-1", "000000000000"
_OF_ALL_SERVICES = ("SerializationException", "UnknownOperationException", "ExpiredTokenException")
_NAMESPACES = dict.fromkeys((*_OF_ALL_SERVICES, "UnrecognizedClientException"), "com.amazon.coral.service")
_NAMESPACES |= {"ValidationException": "com.amazon.coral.validate"}


class RequestRefused(Exception):
    """A request that gets an error answer. `name`: the error without its namespace, as clients show it."""

    def __init__(self, name: str, message: str, *, status: int = 400, **members: object) -> None:
        super().__init__(message)
        self.name, self.status = name, status
        kind = f"{_NAMESPACES.get(name, 'com.amazonaws.dynamodb.v20120810')}#{name}"
        self._document = {"__type": kind, "message": message, **members}

    def body(self) -> bytes:
        """Return the answer's body."""
        return json.dumps(self._document, separators=(",", ":")).encode()


invalid = partial(RequestRefused, "ValidationException")
not_json = partial(RequestRefused, "SerializationException", "The request is not what the operation takes")
no_table = partial(RequestRefused, "ResourceNotFoundException")
NO_TABLE = "Requested resource not found"  # DescribeTable names the table, writes do not


def throttled(reasons: Iterable[tuple[str, Reason]], *, is_provisioned: bool) -> RequestRefused:
    """Return the throttling error for the tables and reasons given; the first reason decides which error it is."""
    found = list(dict.fromkeys(reasons))
    name, message = _throttling(found[0][1], is_provisioned)
    member = "throttlingReasons" if name == "ThrottlingException" else "ThrottlingReasons"  # DynamoDB's own spelling
    details: Any = [{"reason": str(reason), "resource": table_arn(table)} for table, reason in found]
    return RequestRefused(name, message, **{member: details})


def table_arn(name: str) -> str:
    """Return a table's ARN."""
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"


def _throttling(reason: Reason, is_provisioned: bool) -> tuple[str, str]:
    if is_provisioned:
        return "ProvisionedThroughputExceededException", (
            "The level of configured provisioned throughput for the table was exceeded. "
            "Consider increasing your provisioning level with the UpdateTable API."
        )
    if reason is Reason.ACCOUNT:
        return "RequestLimitExceeded", "Throughput exceeds the current throughput quota for your account."
    return "ThrottlingException", (
        "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table "
        "or index so please try again shortly."
    )
