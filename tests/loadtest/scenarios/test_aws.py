"""No run begins in a wrong account or beside another; however it ends, its stack is destroyed, or it says how."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loadtest.scenarios import aws
from loadtest.scenarios.aws import AwsTarget, RunRefused, StackFault
from loadtest.scenarios.catalog import SCENARIOS
from tests.support.clients import client, mock_aws

ACCOUNT = "123456789012"
SMOKE = SCENARIOS["smoke"]
NAMED: dict[str, Any] = {"account": ACCOUNT}
PLACE: Any = {"LocationConstraint": "eu-central-1"}


class Cdk:
    """The CDK command line and CloudFormation: what they were asked for, what they do, and what is wrong with them."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.deploys, self.destroys, self.exists = True, True, False

    def run(self, command: str, *options: str) -> None:
        self.asked.append(command)
        if command == "deploy" and self.deploys:
            client("s3").create_bucket(Bucket="landing", CreateBucketConfiguration=PLACE)
            self.exists = True
        if command == "destroy" and self.destroys:
            client("s3").delete_bucket(Bucket="landing")  # an empty one only, as CloudFormation does
            self.exists = False

    def client(self, service: str) -> Any:
        return self if service == "cloudformation" else client(service)

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        if not self.exists:
            error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        return {"Stacks": [{"Outputs": [{"OutputKey": "LandingBucket", "OutputValue": "landing"}]}]}

    def get_paginator(self, name: str) -> "Cdk":
        return self

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:
        bucket = {"ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "landing"}
        gone = {"ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "x", "ResourceStatus": "DELETE_COMPLETE"}
        return [{"StackResourceSummaries": [{**bucket, "ResourceStatus": "CREATE_COMPLETE"}, gone]}]


@pytest.fixture(autouse=True)
def cdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cdk]:
    it = Cdk()
    monkeypatch.setattr(aws, "run_cdk", it.run)
    monkeypatch.setattr(aws, "client", it.client)
    monkeypatch.setattr(aws, "StackDeployment", lambda *what: Deployment())
    with mock_aws():
        yield it


class Deployment:
    """Of a stack that has a bucket only."""

    def close(self) -> None:
        client("s3").put_object(Bucket="landing", Key="late.csv", Body=b"x")


def buckets() -> list[str]:
    return [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]


def run(what: Any = None, **approval: Any) -> list[str]:
    """Run what there is to run on a deployed stack; return what was said."""
    said: list[str] = []
    place = AwsTarget(say=said.append, **(approval or NAMED))
    with place.approved([SMOKE]) as target, target.deployed(SMOKE, "smoke-1"):
        if what:
            what()
    return said


def test_a_stack_is_deployed_for_the_run_and_destroyed_with_all_that_its_buckets_hold(cdk: Cdk) -> None:
    said = run(what=lambda: client("s3").put_object(Bucket="landing", Key="orders/1.csv", Body=b"x"))
    assert (cdk.asked, buckets()) == (["deploy", "destroy"], [])
    assert said[0].startswith(f"account   {ACCOUNT}, as ")
    assert any("at most, at list prices" in line for line in said)
    assert any(f"should this process be killed, remove it with: {aws.DESTROY}" in line for line in said)


def test_a_run_that_is_interrupted_is_destroyed_and_the_interrupt_goes_on(cdk: Cdk) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(what=interrupt)
    assert (cdk.asked, buckets()) == (["deploy", "destroy"], [])


def test_a_deployment_that_fails_is_reported_and_leaves_nothing(cdk: Cdk) -> None:
    cdk.deploys = False
    with pytest.raises(StackFault, match="was not deployed"):
        run()


def test_a_stack_that_cannot_be_destroyed_is_reported_after_the_result_was_taken(cdk: Cdk) -> None:
    cdk.destroys, taken = False, []
    with (
        pytest.raises(StackFault, match="run --target aws --destroy"),
        AwsTarget(say=print, **NAMED).approved([SMOKE]) as target,
    ):
        with target.deployed(SMOKE, "smoke-1"):
            pass
        taken.append("result")
    assert (cdk.asked, taken) == (["deploy", *["destroy"] * aws.ATTEMPTS], ["result"])


def test_no_run_begins_beside_another_or_where_one_was_killed_and_that_can_be_removed(cdk: Cdk) -> None:
    cdk.run("deploy")
    with pytest.raises(RunRefused, match=r"exists: a run is under way, or was killed.*--destroy"):
        run()
    AwsTarget(say=print, **NAMED).remove()
    assert (cdk.asked, buckets()) == (["deploy", "destroy"], [])
    AwsTarget(say=print, **NAMED).remove()  # nothing is there: that is fine


def test_a_dry_run_shows_account_and_cost_and_changes_nothing(cdk: Cdk) -> None:
    said: list[str] = []
    AwsTarget(say=said.append).show([SMOKE, SCENARIOS["burst"]])
    assert [line for line in said if "minutes at least" in line][1].startswith("burst: 1,000 files, 500,000 rows")
    assert said[-1].startswith("all of them: $")
    assert cdk.asked == []


def test_credentials_of_another_account_are_refused_before_anything_is_shown() -> None:
    with pytest.raises(RunRefused, match=f"--account says 999999999999, and the credentials are of {ACCOUNT}"):
        AwsTarget(say=print, account="999999999999").show([SMOKE])


def test_nothing_is_done_before_the_account_is_named(cdk: Cdk) -> None:
    with pytest.raises(RunRefused, match=f"Nothing was done. .* --account {ACCOUNT}"):
        run(account=None)
    assert cdk.asked == []
