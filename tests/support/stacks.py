"""CloudFormation stacks as the command line finds them."""

from typing import Any

from botocore.exceptions import ClientError

from tests.support.clients import client, moto_session


class FakeSession:
    """A session whose CloudFormation knows the stacks it is given, and answers for others as AWS does."""

    def __init__(self) -> None:
        self.stacks: dict[str, dict[str, str]] = {}
        self.meta = client("cloudformation").meta
        self.resource = moto_session().resource

    def client(self, service: str, config: object) -> Any:
        return self if service == "cloudformation" else client(service)

    def describe_stacks(self, StackName: str) -> Any:
        if StackName not in self.stacks:
            error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        outputs = self.stacks[StackName].items()
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs]}]}
