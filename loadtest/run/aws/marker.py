"""The marker of a run: an object in the landing bucket that says whose the rows in the tables are, until it is cleaned.

It lies under no feed's prefix, so no notification is sent. There is one at most, so there is one run at most.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ingest.contract import Output
from loadtest.run.aws.clients import Clients, RunRefused
from loadtest.run.aws.stack import Stack

KEY = "_loadtest/run.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """What must be known to clean up after a run.

    Attributes:
        keys: of its objects.
        feeds: whose tables were empty when it began, so that all rows there are its own.
    """

    run: str
    caller: str
    begun: str
    feeds: list[str]
    keys: list[str]

    def clean_command(self, stack: Stack) -> str:
        """Return what cleans up after it."""
        return f"python -m loadtest clean --target aws --stack {stack.name} --run {self.run}"


class Markers:
    """The one marker of a stack, if there is one."""

    def __init__(self, clients: Clients, stack: Stack) -> None:
        self._s3, self._stack = clients.get("s3"), stack
        self._name = {"Bucket": stack.outputs[Output.LANDING_BUCKET], "Key": KEY}

    def find(self) -> Marker | None:
        """Return it."""
        try:
            found: dict[str, Any] = json.loads(self._s3.get_object(**self._name)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                return None
            raise
        return Marker(**found)

    def put(self, run: str, feeds: list[str], keys: list[str]) -> float:
        """Begin a run; return when that was by S3's clock, epoch seconds.

        Raises:
            RunRefused: there is another.
        """
        begun = datetime.now(UTC).isoformat(timespec="seconds")
        marker = Marker(run=run, caller=self._stack.identity.caller, begun=begun, feeds=feeds, keys=keys)
        try:
            self._s3.put_object(**self._name, Body=json.dumps(asdict(marker)).encode(), IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise
            raise RunRefused("Another run has begun on the stack in this moment; nothing was done.") from None
        return float(self._s3.head_object(**self._name)["LastModified"].timestamp())

    def remove(self) -> None:
        """End the run."""
        self._s3.delete_object(**self._name)
