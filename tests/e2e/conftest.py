"""One local stack for all end-to-end tests, and a hand to reach into it."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote_plus

import pytest
from boto3.dynamodb.types import TypeDeserializer

from infra.local.demo import file_entries, read_rejects
from infra.local.stack import LocalStack, local_stack
from ingest.contract import FINAL_STATUSES, Output

T = TypeVar("T")
FEEDS = Path(__file__).parent / "feeds.toml"
FEED_TABLE = re.compile(r"^\[feeds\.\w+\]$", re.MULTILINE)
PATIENCE_S = 60.0


@pytest.fixture(scope="session")
def feeds(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feeds file of this run: feeds.toml, or the same with the writer that --writer names in every feed."""
    writer = pytestconfig.getoption("writer")
    if not writer:
        return FEEDS
    text = re.sub(r"^writer = .*\n", "", FEEDS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    changed = tmp_path_factory.mktemp("feeds") / "feeds.toml"
    changed.write_text(FEED_TABLE.sub(rf'\g<0>\nwriter = "{writer}"', text), encoding="utf-8")
    return changed


@pytest.fixture(scope="session")
def stack(feeds: Path, pytestconfig: pytest.Config) -> Iterator["StackClient"]:
    with local_stack(feeds, iam=pytestconfig.getoption("iam")) as deployed:
        yield StackClient(deployed)


def is_reported(entry: dict[str, Any]) -> bool:
    """Return whether a file has ended and that was told: its record does not change any more."""
    return entry["status"] in FINAL_STATUSES and "reported" in entry


class StackClient:
    """Drops files, sends messages, and reads back what became of them."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.bucket = stack.outputs[Output.LANDING_BUCKET]
        self.queue_url = stack.outputs[Output.QUEUE_URL]
        self.dead_letter_url = stack.outputs[Output.DEAD_LETTER_URL]
        self._s3, self._sqs = stack.client("s3"), stack.client("sqs")
        self._dynamodb, self._lambda = stack.client("dynamodb"), stack.client("lambda")

    def drop(self, key: str, data: bytes) -> str:
        """Put an object in the landing bucket and return its eTag."""
        return str(self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)["ETag"]).strip('"')

    def delete(self, key: str) -> None:
        self._s3.delete_object(Bucket=self.bucket, Key=key)

    def send(self, *bodies: str) -> None:
        """Put messages in the queue, together."""
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        assert not self._sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries).get("Failed")

    def s3_event(self, key: str, *, sequencer: str, etag: str | None = None, size: int = 1) -> str:
        """Return the body of an S3 notification."""
        thing = {"key": quote_plus(key, safe="/"), "size": size, "eTag": etag or "0" * 32, "sequencer": sequencer}
        entry = {
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "eventTime": "2026-11-22T10:00:00.000Z",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": self.bucket}, "object": thing},
        }
        return json.dumps({"Records": [entry]})

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Keep messages in the queue for the length of the block, so that they are delivered together."""
        mapping = self._lambda.list_event_source_mappings(FunctionName=self.stack.outputs[Output.FUNCTION])
        uuid = mapping["EventSourceMappings"][0]["UUID"]
        self._lambda.update_event_source_mapping(UUID=uuid, Enabled=False)
        time.sleep(1.5)  # a poll under way ends
        try:
            yield
        finally:
            self._lambda.update_event_source_mapping(UUID=uuid, Enabled=True)

    @contextmanager
    def withheld(self) -> Iterator[None]:
        """Let the bucket notify nobody for the length of the block."""
        said = self._s3.get_bucket_notification_configuration(Bucket=self.bucket)
        configuration = {name: value for name, value in said.items() if name != "ResponseMetadata"}
        self._s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={})
        try:
            yield
        finally:
            self._s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration=configuration)

    @contextmanager
    def table(self, name: str, partition_key: str, sort_key: str) -> Iterator[None]:
        """Let a table be there for the length of the block."""
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

    def ingest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the command line against the stack."""
        command = [sys.executable, "-m", "ingest", *arguments]
        environment = {**os.environ, **self.stack.environment()}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def ingest_json(self, *arguments: str) -> Any:
        """Run a command that must succeed, and return what it prints for machines."""
        done = self.ingest(*arguments, "--json")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return json.loads(done.stdout)

    def entries(self, key: str) -> list[dict[str, Any]]:
        """Return the ledger's records of all versions of an object key, oldest first."""
        return file_entries(self.stack, self.bucket, key)

    def final_record(self, key: str) -> dict[str, Any]:
        """Wait until the one version of an object key is closed, and return its record."""
        return self.wait_for(lambda: next(filter(is_reported, self.entries(key)), None))

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [_plain(item) for page in pages for item in page["Items"]]

    def delete_item(self, table: str, key: dict[str, Any]) -> bool:
        """Take an item out of a table by its key in DynamoDB JSON; return whether it was there."""
        answer = self._dynamodb.delete_item(TableName=table, Key=key, ReturnValues="ALL_OLD")
        return "Attributes" in answer

    def log_lines(self) -> list[str]:
        """Return what the function has logged so far."""
        pages = self.stack.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=self.stack.outputs[Output.LOG_GROUP])
        return [line for page in found for event in page["events"] for line in event["message"].splitlines()]

    def rejects(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rejects a file record points to."""
        return list(read_rejects(self.stack, entry))

    def rejects_csv(self, entry: dict[str, Any]) -> bytes:
        """Return the CSV of a file's raw rejected records."""
        bucket, _, prefix = entry["rejects"].removeprefix("s3://").partition("/")
        keys = [part["Key"] for part in self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]]
        (key,) = [key for key in keys if key.endswith(".csv")]
        return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())

    def dead_letter(self, containing: str) -> dict[str, Any]:
        """Wait for a dead letter with this text in its body; take it out and return it."""
        return self.wait_for(lambda: self._take_dead_letter(containing))

    def dead_letters(self, containing: str) -> list[str]:
        """Return the bodies with this text among the dead letters that are there, ten at most."""
        answer = self._sqs.receive_message(QueueUrl=self.dead_letter_url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", []) if containing in message["Body"]]

    def depth(self, queue_url: str) -> int:
        """Return how many messages a queue holds, visible or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        counts = self._sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
        return sum(int(counts[name]) for name in names)

    def forget_dead_letters(self) -> None:
        """Take away what other tests have left in the dead-letter queue, once nothing is under way to it."""
        self.wait_until_quiet()
        self._sqs.purge_queue(QueueUrl=self.dead_letter_url)

    def wait_until_quiet(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the queue is empty."""
        self.wait_for(lambda: self.depth(self.queue_url) == 0 or None, patience_s)

    def wait_for(self, look: Callable[[], T | None], patience_s: float = PATIENCE_S) -> T:
        """Return the first thing `look` finds."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            found = look()
            if found is not None:
                return found
            time.sleep(0.1)
        raise AssertionError(f"nothing came of it in {patience_s} s; the emulator's log is {self.stack.emulator.log}")

    def _take_dead_letter(self, containing: str) -> dict[str, Any] | None:
        answer = self._sqs.receive_message(
            QueueUrl=self.dead_letter_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
        )
        for message in answer.get("Messages", []):
            if containing in message["Body"]:
                self._sqs.delete_message(QueueUrl=self.dead_letter_url, ReceiptHandle=message["ReceiptHandle"])
                return dict(message)
        return None


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}
