"""The product in the emulator, prepared for chaos, and a hand to reach into it."""

import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from infra.local.stack import LocalStack, local_stack
from ingest.contract import Event, Output
from loadtest.harness.rejects import read_rejects

POLL_ENDS_S = 1.5
MOST_MESSAGES = 10


@contextlib.contextmanager
def prepared(feeds: Path, *, max_receive_count: int, visibility_s: float) -> Iterator["StackClient"]:
    """Give a deployed stack whose own function sleeps, and whose bucket tells nobody, for the length of a block."""
    with local_stack(feeds) as stack:
        stack_client = StackClient(stack)
        stack_client.prepare(max_receive_count, visibility_s)
        yield stack_client
        stack_client.close()


class StackClient:
    """Drops objects, sends messages, and reads what became of them. Use it from one thread."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self.bucket = stack.outputs[Output.LANDING_BUCKET]
        self.queue_url = stack.outputs[Output.QUEUE_URL]
        self._dead_letter_url = stack.outputs[Output.DEAD_LETTER_URL]
        self._s3, self._sqs, self._dynamodb = (stack.client(name) for name in ("s3", "sqs", "dynamodb"))
        self._events_url = ""

    @property
    def url(self) -> str:
        """Where the emulator is."""
        return self._stack.endpoint_url

    def prepare(self, max_receive_count: int, visibility_s: float) -> None:
        """Take the function from the queue and the queue from the bucket; gather events.

        `visibility_s`: so long messages stay hidden whose worker is killed before it could say itself how long.
        """
        functions = self._stack.client("lambda")
        name = self._stack.outputs[Output.FUNCTION]
        self.gather_events()
        for mapping in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        self.silence_bucket()
        policy = {"deadLetterTargetArn": self._arn(self._dead_letter_url), "maxReceiveCount": max_receive_count}
        attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": str(round(visibility_s))}
        self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=attributes)
        time.sleep(POLL_ENDS_S)
        self._sqs.purge_queue(QueueUrl=self.queue_url)

    def silence_bucket(self) -> None:
        """Let the bucket tell nobody of what is put there."""
        self._s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={})

    def gather_events(self) -> None:
        """Let the events of the stack come to a queue of our own."""
        events = self._stack.client("events")
        self._events_url = self._sqs.create_queue(QueueName="loadtest-events")["QueueUrl"]
        events.put_rule(Name="loadtest", EventPattern=json.dumps({"source": [Event.SOURCE]}))
        events.put_targets(Rule="loadtest", Targets=[{"Id": "1", "Arn": self._arn(self._events_url)}])
        events.close()

    def close(self) -> None:
        """Close the connections to the emulator."""
        for client in (self._s3, self._sqs, self._dynamodb):
            client.close()

    def environment(self) -> dict[str, str]:
        """Return the variables of the deployed function, and those that point its SDK to the emulator."""
        reported = self._stack.client("lambda").get_function_configuration(
            FunctionName=self._stack.outputs[Output.FUNCTION]
        )
        return {**reported["Environment"]["Variables"], **self._stack.environment()}

    def put(self, key: str, data: bytes) -> str:
        """Put an object; return its eTag."""
        return str(self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)["ETag"]).strip('"')

    def put_file(self, key: str, path: Path) -> str:
        """Put a file as an object; return its eTag."""
        self._s3.upload_file(str(path), self.bucket, key)
        return str(self._s3.head_object(Bucket=self.bucket, Key=key)["ETag"]).strip('"')

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._s3.delete_object(Bucket=self.bucket, Key=key)

    def send(self, body: str) -> None:
        """Put a message in the queue."""
        self._sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def send_all(self, bodies: Sequence[str]) -> None:
        """Put messages in the queue, ten a request."""
        for first in range(0, len(bodies), MOST_MESSAGES):
            batch = bodies[first : first + MOST_MESSAGES]
            entries = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(batch)]
            failed = self._sqs.send_message_batch(QueueUrl=self.queue_url, Entries=entries).get("Failed")
            if failed:
                raise RuntimeError(f"the queue did not take {len(failed)} messages, the first because: {failed[0]}")

    def depth(self) -> int:
        """Return how many messages the queue holds: waiting, delayed, or with a worker."""
        return sum(self.depths())

    def depths(self) -> tuple[int, int]:
        """Return how many messages wait, delayed ones among them, and how many are with a worker."""
        wanted = [f"ApproximateNumberOfMessages{name}" for name in ("", "Delayed", "NotVisible")]
        reported = self._sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=wanted)["Attributes"]
        visible, delayed, with_worker = (int(reported.get(name, 0)) for name in wanted)
        return visible + delayed, with_worker

    def events(self) -> list[dict[str, Any]]:
        """Take the details of the events that came since the last call."""
        return [json.loads(body)["detail"] for body in self._taken(self._events_url)]

    def dead_letters(self) -> list[str]:
        """Take the bodies of all dead letters."""
        return list(self._taken(self._dead_letter_url))

    def ledger(self) -> list[dict[str, Any]]:
        """Return all items of the ledger table."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.outputs[Output.LEDGER_TABLE], ConsistentRead=True
        )
        read = TypeDeserializer().deserialize
        return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def rejects(self, url: str) -> list[dict[str, Any]]:
        """Return the rejects under the URL a file's record tells."""
        return read_rejects(self._s3, url)

    def _taken(self, url: str) -> Iterator[str]:
        while True:
            messages = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=MOST_MESSAGES).get("Messages", [])
            for message in messages:
                self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                yield message["Body"]
            if not messages:
                return

    def _arn(self, url: str) -> str:
        reported = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(reported["Attributes"]["QueueArn"])
