"""A deployed stack as clients describe it: what a test changes of it is what is wrong with it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from ingest.contract import Env, Output, table_output
from loadtest.scenarios.scenario import NAMES, schema, tables

ACCOUNT = "123456789012"
OUTPUTS = {value: f"the-{value}" for name, value in vars(Output).items() if name.isupper()}
OUTPUTS |= {table_output(name): name for name in tables()}


@dataclass
class Deployed:
    """`Clients`, and every client in one."""

    status: str = "CREATE_COMPLETE"
    outputs: dict[str, str] = field(default_factory=lambda: dict(OUTPUTS))
    variables: dict[str, str] = field(default_factory=dict)
    prefixes: list[str] = field(default_factory=lambda: [schema(feed).prefix for feed in NAMES])
    table: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)  # tables that hold some
    depth: int = 0
    marker: bytes | None = None
    region: str = "eu-central-1"

    def get(self, service: str) -> "Deployed":
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/tester"}

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        if StackName != "ingest-loadtest":
            raise ClientError({"Error": {"Code": "ValidationError", "Message": "does not exist"}}, "DescribeStacks")
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.outputs.items()]
        arn = f"arn:aws:cloudformation:{self.region}:{ACCOUNT}:stack/{StackName}/1"
        return {"Stacks": [{"StackId": arn, "StackStatus": self.status, "Outputs": outputs}]}

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:
        known = {Env.STACK: "ingest-loadtest", Env.LEDGER_TABLE: OUTPUTS[Output.LEDGER_TABLE]}
        variables = {**known, Env.SEGMENT_BYTES: str(64 << 20), **self.variables}
        return {"MemorySize": 1769, "Environment": {"Variables": variables}}

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:
        return {"EventSourceMappings": [{"ScalingConfig": {"MaximumConcurrency": 10}}]}

    def get_bucket_notification_configuration(self, *, Bucket: str) -> dict[str, Any]:
        rules = [{"Key": {"FilterRules": [{"Name": "Prefix", "Value": prefix}]}} for prefix in self.prefixes]
        return {"QueueConfigurations": [{"Filter": rule} for rule in rules]}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:
        keys = self.keys.get(TableName) or [key.name for key in tables()[TableName].keys]
        table = {"TableArn": f"arn:table/{TableName}", "KeySchema": [{"AttributeName": key} for key in keys]}
        return {"Table": {**table, "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"}, **self.table}}

    def scan(self, *, TableName: str, **how: Any) -> dict[str, Any]:
        return {"Items": [{}] if TableName in self.rows else []}

    def get_queue_attributes(self, **which: Any) -> dict[str, Any]:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.depth)}}

    def get_object(self, **name: str) -> dict[str, Any]:
        if self.marker is None:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": "no such key"}}, "GetObject")
        return {"Body": self}

    def put_object(self, *, Body: bytes, **name: str) -> None:
        self.marker = Body

    def head_object(self, **name: str) -> dict[str, Any]:
        return {"LastModified": datetime.now(UTC)}

    def close(self) -> None:
        pass

    def read(self) -> bytes:
        return self.marker or b""
