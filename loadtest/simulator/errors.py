"""How DynamoDB says no: types, words and members of its error answers."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from loadtest.simulator.capacity import Reason

REGION, ACCOUNT = "us-east-1", "000000000000"
_DYNAMODB = "com.amazonaws.dynamodb.v20120810#"
_CORAL = "com.amazon.coral."


class RequestRefused(Exception):
    """A request that gets an error answer."""

    def __init__(self, kind: str, message: str, *, status: int = 400, members: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self._document = {"__type": kind, "message": message, **(members or {})}

    @property
    def name(self) -> str:
        """The error without its namespace, as clients show it."""
        return str(self._document["__type"]).rpartition("#")[2]

    def body(self) -> bytes:
        """Return the answer's body."""
        return json.dumps(self._document, separators=(",", ":")).encode()


def invalid(message: str) -> RequestRefused:
    """Return a ValidationException."""
    return RequestRefused(f"{_CORAL}validate#ValidationException", message)


def of_service(name: str, message: str) -> RequestRefused:
    """Return an exception that all services have."""
    return RequestRefused(f"{_CORAL}service#{name}", message)


def not_json() -> RequestRefused:
    """Return a SerializationException."""
    return of_service("SerializationException", "The request is not what the operation takes")


def no_table(name: str | None = None) -> RequestRefused:
    """Return a ResourceNotFoundException; DescribeTable names the table, writes do not."""
    which = f": Table: {name} not found" if name else ""
    return RequestRefused(f"{_DYNAMODB}ResourceNotFoundException", f"Requested resource not found{which}")


def condition_failed(item: Mapping[str, Any] | None) -> RequestRefused:
    """Return a ConditionalCheckFailedException, with the item if it was asked for and there is one."""
    members: dict[str, object] = {"Item": item} if item else {}
    kind = f"{_DYNAMODB}ConditionalCheckFailedException"
    return RequestRefused(kind, "The conditional request failed", members=members)


def internal_error() -> RequestRefused:
    """Return an InternalServerError."""
    return RequestRefused(f"{_DYNAMODB}InternalServerError", "Internal server error", status=500)


def throttled(reasons: Iterable[tuple[str, Reason]], *, is_provisioned: bool) -> RequestRefused:
    """Return the throttling error for the tables and reasons given; the first reason decides which error it is."""
    found = list(dict.fromkeys(reasons))
    kind, message = _throttling(found[0][1], is_provisioned)
    member = "throttlingReasons" if kind == "ThrottlingException" else "ThrottlingReasons"  # DynamoDB's own spelling
    details = [{"reason": str(reason), "resource": table_arn(table)} for table, reason in found]
    return RequestRefused(_DYNAMODB + kind, message, members={member: details})


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
