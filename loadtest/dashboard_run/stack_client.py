"""A hand that reaches into the local stack: drops files, sends messages, points the function elsewhere."""

import json
import time
from datetime import UTC, datetime
from urllib.parse import quote_plus

from infra.local.stack import LocalStack
from ingest.contract import Output

POLL_ENDS_S = 2.0
_DEPTHS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


class StackClient:
    """Reaches into a deployed stack. Use each from one thread."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        self.bucket = stack.outputs[Output.LANDING_BUCKET]
        self.queue_url = stack.outputs[Output.QUEUE_URL]
        self.dead_letter_url = stack.outputs[Output.DEAD_LETTER_URL]
        self._s3, self._sqs = stack.client("s3"), stack.client("sqs")

    def close(self) -> None:
        """Close the connections."""
        self._s3.close()
        self._sqs.close()

    def drop(self, key: str, data: bytes) -> str:
        """Put an object in the landing bucket; return its eTag."""
        return str(self._s3.put_object(Bucket=self.bucket, Key=key, Body=data)["ETag"]).strip('"')

    def send(self, body: str) -> None:
        """Put a message in the queue."""
        self._sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def notify(self, key: str, etag: str, size: int, *, sequencer: str) -> None:
        """Tell of an object as S3 does, once more."""
        thing = {"key": quote_plus(key, safe="/"), "size": size, "eTag": etag, "sequencer": sequencer}
        record = {
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": self.bucket}, "object": thing},
        }
        self.send(json.dumps({"Records": [record]}))

    def depths(self, url: str) -> tuple[int, int]:
        """Return how many messages of a queue can be received now, and how many are worked on, hidden or delayed."""
        reported = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_DEPTHS))["Attributes"]
        visible, *hidden = (int(reported.get(name, 0)) for name in _DEPTHS)
        return visible, sum(hidden)

    def point_function_at(self, dynamodb_url: str) -> None:
        """Let the function find DynamoDB somewhere else. Not while it runs: the emulator kills what does."""
        functions, name = self._stack.client("lambda"), self._stack.outputs[Output.FUNCTION]
        (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        time.sleep(POLL_ENDS_S)
        variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        variables["AWS_ENDPOINT_URL_DYNAMODB"] = dynamodb_url
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": variables})
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    def deploy_code(self, archive: bytes) -> None:
        """Give the function another zip. Not while it runs: the emulator kills what does."""
        self._stack.client("lambda").update_function_code(
            FunctionName=self._stack.outputs[Output.FUNCTION], ZipFile=archive
        )

    def physical_names(self) -> dict[str, str]:
        """Return what the template's resources are called here, by logical id."""
        resources = self._stack.client("cloudformation").describe_stack_resources(StackName=self._stack.name)
        names = {r["LogicalResourceId"]: r["PhysicalResourceId"] for r in resources["StackResources"]}
        return {logical: str(name).rpartition("/")[2] for logical, name in names.items()}

    def log_events(self) -> list[tuple[float, str]]:
        """Return what the function has logged so far: epoch seconds and a line."""
        pages = self._stack.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=self._stack.outputs[Output.LOG_GROUP])
        events = [event for page in found for event in page["events"]]
        return [(event["timestamp"] / 1000, line) for event in events for line in event["message"].splitlines()]
