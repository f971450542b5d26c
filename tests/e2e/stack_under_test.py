"""The local stack as end-to-end tests meet it: the load tests' client, and what only tests ask of a stack."""

import contextlib
import gc
import io
import json
import os
import subprocess
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from unittest import mock

from ingest.cli import main as cli
from ingest.contract import FINAL_STATUSES, LedgerKeys, Output
from loadtest.harness.read_back import MOST_MESSAGES, plain, with_segments
from loadtest.harness.stack_client import PATIENCE_S, Entry, StackClient

T = TypeVar("T")
NOTIFIED_S = 1.0  # the emulator looks whom to notify some time after it has answered; nothing shows when it has


class StackUnderTest(StackClient):
    """Works with a deployed local stack. Use each from one thread."""

    @contextlib.contextmanager
    def without_notifications(self) -> Iterator[None]:
        """Let the bucket send no notifications for the length of a `with` block."""
        configuration = self.stop_notifications()
        try:
            yield
        finally:
            time.sleep(NOTIFIED_S)
            self._s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration=configuration)

    def dead_letters(self, containing: str = "") -> list[str]:
        """Return the bodies of the dead letters that contain a text, ten at most; they stay in the queue."""
        return [message["Body"] for message in self._look_at_dead_letters(containing)]

    def wait_for_dead_letter(self, containing: str) -> dict[str, Any]:
        """Wait for a dead letter that contains a text; remove and return it."""
        message = self.wait_for(lambda: next(iter(self._look_at_dead_letters(containing)), None))
        self._sqs.delete_message(QueueUrl=self.dead_letter_url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def purge_dead_letters(self) -> None:
        """Remove the dead letters that other tests have left, once no more can come."""
        self.wait_until_quiet()
        self._sqs.purge_queue(QueueUrl=self.dead_letter_url)

    def entries(self, key: str) -> list[Entry]:
        """Return the ledger's entries for all versions of an object, oldest first."""
        found = self._dynamodb.query(
            TableName=self.stack.outputs[Output.LEDGER_TABLE],
            KeyConditionExpression="#pk = :file AND begins_with(#sk, :kind)",
            ExpressionAttributeNames={"#pk": LedgerKeys.PARTITION_KEY, "#sk": LedgerKeys.SORT_KEY},
            ExpressionAttributeValues={":file": {"S": f"{self.bucket}/{key}"}, ":kind": {"S": LedgerKeys.FILE_PREFIX}},
        )
        return [with_segments(plain(item)) for item in found["Items"]]

    def final_entry(self, key: str) -> Entry:
        """Wait until the one version of an object has ended and is reported; return its entry."""
        return self.wait_for(lambda: next(filter(_is_reported, self.entries(key)), None))

    def delete_item(self, table: str, key: dict[str, Any]) -> bool:
        """Delete an item by its key in DynamoDB JSON; return whether it was there."""
        return "Attributes" in self._dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")

    @contextlib.contextmanager
    def table(self, name: str, partition_key: str, sort_key: str) -> Iterator[None]:
        """Create a table for the length of a `with` block."""
        keys = {partition_key: "HASH", sort_key: "RANGE"}
        self._dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        try:
            yield
        finally:
            self._dynamodb.delete_table(TableName=name)

    def rejects_csv(self, url: str) -> bytes:
        """Return the rejected records under the URL in a file's entry, as the CSV that the product wrote."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        keys = [part["Key"] for part in self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
        (key,) = [key for key in keys if key.endswith(".csv")]
        return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def log_events(self) -> list[tuple[float, str]]:
        """Return what the function has logged so far: epoch seconds and a line."""
        paginator = self.stack.client("logs").get_paginator("filter_log_events")
        found = paginator.paginate(logGroupName=self.stack.outputs[Output.LOG_GROUP])
        events = [event for page in found for event in page["events"]]
        return [(event["timestamp"] / 1000, line) for event in events for line in event["message"].splitlines()]

    def log_lines(self) -> list[str]:
        """Return the lines that the function has logged so far."""
        return [line for _, line in self.log_events()]

    def ingest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an `ingest` command against the stack, in this process: another takes a second to start."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        environment = mock.patch.dict(os.environ, self.stack.environment())
        with environment, warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves its connections to the end of its process
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = cli.run(list(arguments))
            gc.collect()
        out.flush()
        printed = out.buffer.getvalue().decode()  # type: ignore[attr-defined]
        return subprocess.CompletedProcess(["ingest", *arguments], code, printed, err.getvalue())

    def ingest_json(self, *arguments: str) -> Any:
        """Run a command that must succeed; return what it prints with --json."""
        done = self.ingest(*arguments, "--json")
        if (done.returncode, done.stderr) != (0, ""):
            printed = f"{done.stdout}{done.stderr}"
            raise RuntimeError(f"ingest {' '.join(arguments)} exited with {done.returncode}: {printed}")
        return json.loads(done.stdout)

    def wait_for(self, look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
        """Return the first thing that `look` finds.

        Raises:
            TimeoutError: it found nothing.
        """
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            found = look()
            if found is not None:
                return found
            time.sleep(0.1)
        raise TimeoutError(f"Nothing came in {patience_s:g} s; the emulator's log is {self.stack.emulator.log}.")

    def _look_at_dead_letters(self, containing: str) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self.dead_letter_url,
            MaxNumberOfMessages=MOST_MESSAGES,
            MessageAttributeNames=["All"],
            VisibilityTimeout=0,
        )
        return [dict(message) for message in answer.get("Messages", []) if containing in message["Body"]]


def _is_reported(entry: Entry) -> bool:
    """Return whether a file has ended and that was reported: its entry does not change any more."""
    return entry["status"] in FINAL_STATUSES and "reported" in entry
