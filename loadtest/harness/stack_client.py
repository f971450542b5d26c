"""The one client of the local stack, for load and end-to-end tests: drops files, sends messages, reads results."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.local.stack import LocalStack, local_stack
from ingest.contract import Event, Output
from ingest.queue.sqs import Depth, queue_depth
from loadtest.harness.read_back import read_items, read_rejects, s3_notification, send_all, taken

Entry = dict[str, Any]
POLL_ENDS_S = 2.0
PATIENCE_S = 200.0  # on a busy machine a call may time out, which hides its message for more than a minute


@contextlib.contextmanager
def prepared(feeds: Path, *, max_receive_count: int, visibility_s: float) -> Iterator["StackClient"]:
    """Yield the client of a deployed stack whose own function is off and whose bucket sends no notifications."""
    with local_stack(feeds) as stack, contextlib.closing(StackClient(stack)) as stack_client:
        stack_client.prepare(max_receive_count, visibility_s)
        yield stack_client


class StackClient:
    """A client of a deployed local stack. Use each from one thread."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.bucket = stack.outputs[Output.LANDING_BUCKET]
        self.queue_url = stack.outputs[Output.QUEUE_URL]
        self.dead_letter_url = stack.outputs[Output.DEAD_LETTER_URL]
        self._function = stack.outputs[Output.FUNCTION]
        self._s3, self._sqs = stack.client("s3"), stack.client("sqs")
        self._dynamodb, self._lambda = stack.client("dynamodb"), stack.client("lambda")
        self._events_url = ""

    def close(self) -> None:
        """Close the connections to the emulator."""
        for client in (self._s3, self._sqs, self._dynamodb, self._lambda):
            client.close()

    def drop(self, key: str, data: bytes) -> str:
        """Put an object in the landing bucket; return its eTag."""
        return str(self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)["ETag"]).strip('"')

    def delete(self, key: str) -> None:
        """Delete an object."""
        self._s3.delete_object(Bucket=self.bucket, Key=key)

    def stop_notifications(self) -> dict[str, Any]:
        """Remove the bucket's notification configuration; return what it was."""
        answer = self._s3.get_bucket_notification_configuration(Bucket=self.bucket)
        self._s3.put_bucket_notification_configuration(Bucket=self.bucket, NotificationConfiguration={})
        return {name: value for name, value in answer.items() if name != "ResponseMetadata"}

    def notification(self, key: str, *, sequencer: str, etag: str = "0" * 32, size: int = 1) -> str:
        """Return the body of an S3 notification about an object of the landing bucket."""
        return s3_notification(self.bucket, key, sequencer=sequencer, etag=etag, size=size)

    def send(self, *bodies: str) -> None:
        """Send messages to the queue, ten per request."""
        send_all(self._sqs, self.queue_url, bodies)

    def depths(self, url: str | None = None) -> Depth:
        """Return the number of messages in a queue by state; the default is the stack's queue."""
        return queue_depth(self._sqs, url or self.queue_url)

    def depth(self, url: str | None = None) -> int:
        """Return the number of messages in a queue: waiting, delayed, or in flight."""
        return self.depths(url).all

    def take_dead_letters(self) -> list[str]:
        """Remove all dead letters; return their bodies."""
        return list(taken(self._sqs, self.dead_letter_url))

    def collect_events(self) -> None:
        """Route the stack's events to a queue of our own, which `take_events` reads."""
        events = self.stack.client("events")
        self._events_url = self._sqs.create_queue(QueueName="loadtest-events")["QueueUrl"]
        events.put_rule(Name="loadtest", EventPattern=json.dumps({"source": [Event.SOURCE]}))
        events.put_targets(Rule="loadtest", Targets=[{"Id": "1", "Arn": self._arn(self._events_url)}])
        events.close()

    def take_events(self) -> list[dict[str, Any]]:
        """Return the details of the events that came since the last call."""
        return [json.loads(body)["detail"] for body in taken(self._sqs, self._events_url)]

    def ledger(self) -> list[Entry]:
        """Return all items of the ledger table."""
        return self.items(self.stack.outputs[Output.LEDGER_TABLE])

    def items(self, table: str) -> list[Entry]:
        """Return all items of a table."""
        return read_items(self._dynamodb, table)

    def rejects(self, url: str) -> list[dict[str, Any]]:
        """Return the rejects stored under the URL in a file's entry."""
        return read_rejects(self._s3, url)

    def prepare(self, max_receive_count: int, visibility_s: float) -> None:
        """Disable the function's event source mapping and the bucket's notifications; collect events.

        `visibility_s`: how long a message stays hidden if its worker is killed before it sets the timeout itself.
        """
        self.collect_events()
        self._enable_mapping(False)
        self.stop_notifications()
        policy = {"deadLetterTargetArn": self._arn(self.dead_letter_url), "maxReceiveCount": max_receive_count}
        attributes = {"RedrivePolicy": json.dumps(policy), "VisibilityTimeout": str(round(visibility_s))}
        self._sqs.set_queue_attributes(QueueUrl=self.queue_url, Attributes=attributes)
        time.sleep(POLL_ENDS_S)
        self._sqs.purge_queue(QueueUrl=self.queue_url)

    @contextlib.contextmanager
    def function_off(self) -> Iterator[None]:
        """Deliver no messages during a `with` block, so that they are delivered together afterwards."""
        self._enable_mapping(False)
        time.sleep(POLL_ENDS_S)
        try:
            yield
        finally:
            self._enable_mapping(True)

    def variables(self) -> dict[str, str]:
        """Return the environment variables of the deployed function."""
        return dict(self._lambda.get_function_configuration(FunctionName=self._function)["Environment"]["Variables"])

    def environment(self) -> dict[str, str]:
        """Return the variables of the deployed function, and those that point its SDK to the emulator."""
        return {**self.variables(), **self.stack.environment()}

    def point_function_at(self, dynamodb_url: str) -> None:
        """Set the function's DynamoDB endpoint. Not during an invocation: the emulator would kill it."""
        variables = {**self.variables(), "AWS_ENDPOINT_URL_DYNAMODB": dynamodb_url}
        with self.function_off():
            self._lambda.update_function_configuration(
                FunctionName=self._function, Environment={"Variables": variables}
            )

    def physical_names(self) -> dict[str, str]:
        """Return the physical names of the template's resources, by logical id."""
        resources = self.stack.client("cloudformation").describe_stack_resources(StackName=self.stack.name)
        names = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources["StackResources"]}
        return {logical: str(name).rpartition("/")[2] for logical, name in names.items()}

    def wait_until_quiet(self, patience_s: float = PATIENCE_S, *, quiet_s: float = 0.0) -> None:
        """Wait until the queue has been empty for `quiet_s`. Raises TimeoutError: it was not."""
        until_s, busy_s = time.monotonic() + patience_s, time.monotonic()
        while (now_s := time.monotonic()) < until_s:
            if self.depth():
                busy_s = now_s
            elif now_s - busy_s >= quiet_s:
                return
            time.sleep(0.1)
        raise TimeoutError(f"The queue was not empty in {patience_s:g} s; see {self.stack.emulator.log}.")

    def _enable_mapping(self, is_enabled: bool) -> None:
        for mapping in self._lambda.list_event_source_mappings(FunctionName=self._function)["EventSourceMappings"]:
            self._lambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=is_enabled)

    def _arn(self, url: str) -> str:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])
