"""DynamoDB's error responses: their types, messages and members."""

import json
from collections.abc import Iterable
from functools import partial
from typing import Any

from loadtest.simulator.settings import Reason

REGION, ACCOUNT = "us-east-1", "000000000000"


class RequestRefused(Exception):
    """A request that gets an error response. `name`: the error without its namespace, as clients show it."""

    def __init__(self, name: str, message: str, *, status: int = 400, **members: object) -> None:
        super().__init__(message)
        self.name, self.status = name, status
        self._document = {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": message, **members}

    def body(self) -> bytes:
        """Return the body of the response."""
        return json.dumps(self._document, separators=(",", ":")).encode()


invalid = partial(RequestRefused, "ValidationException")
not_json = partial(RequestRefused, "SerializationException", "The request is not what the operation takes")
no_table = partial(RequestRefused, "ResourceNotFoundException")
_PROVISIONED = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
_ON_DEMAND = (
    "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling your table "
    "or index so please try again shortly."
)
NO_TABLE = "Requested resource not found"  # errors of DescribeTable name the table, those of writes do not


def throttled(reasons: Iterable[tuple[str, Reason]], *, is_provisioned: bool) -> RequestRefused:
    """Return the throttling error for the tables and reasons given."""
    details: Any = [{"reason": reason, "resource": table_arn(table)} for table, reason in dict.fromkeys(reasons)]
    if is_provisioned:
        return RequestRefused("ProvisionedThroughputExceededException", _PROVISIONED, ThrottlingReasons=details)
    return RequestRefused("ThrottlingException", _ON_DEMAND, throttlingReasons=details)  # DynamoDB's own spelling


def table_arn(name: str) -> str:
    """Return a table's ARN."""
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"
