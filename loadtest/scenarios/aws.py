"""The target `aws`: a stack of its own in your account, deployed for a run and destroyed after it, however it ends."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, ClassVar, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import cdk
from ingest.errors import SettingsFault
from loadtest.harness.targets import THREADS
from loadtest.scenarios.catalog import FEEDS, Scenario, dollars, estimate_lines
from loadtest.scenarios.deployed import StackDeployment

STAGE, STACK = "loadtest", "ingest-loadtest"  # of cdk.json: tables and buckets are deleted with the stack
DESTROY = "python -m loadtest run --target aws --destroy"
ATTEMPTS = 3  # running functions may write rejects to a bucket that was just emptied
_TO_STDERR = partial(print, file=sys.stderr)
_EXISTS = ("CREATE_COMPLETE", "DELETE_FAILED")
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 10}, max_pool_connections=2 * THREADS)


class RunRefused(Exception):
    """The run is not approved, or the stack exists already; nothing was done."""


class StackFault(Exception):
    """The stack could not be deployed or not be destroyed; says what to do."""


FAULTS = (RunRefused, StackFault, BotoCoreError, ClientError, SettingsFault, subprocess.CalledProcessError)


def client(service: str) -> Any:
    """Return a client by the standard AWS settings: profile, region, `AWS_ENDPOINT_URL*`."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


def run_cdk(*arguments: str) -> None:
    """Run the CDK command line on the load test's stack; it prints its errors. Tests replace this by the emulator."""
    cdk.main([*arguments, "-c", f"stage={STAGE}", "-c", f"feeds={FEEDS}"])


def outputs() -> dict[str, str] | None:
    """Return the outputs of the load test's stack; None if it does not exist."""
    try:
        [stack] = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if "not exist" not in str(error):
            raise
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def destroy(say: Callable[[str], None]) -> None:
    """Delete the load test's stack and its data, if it exists."""
    for _ in range(ATTEMPTS):
        if outputs() is None:
            say(f"the stack {STACK} is gone, with all it held")
            return
        _empty_buckets()
        run_cdk("destroy", "--force")
    if outputs() is not None:
        raise StackFault(f"{ATTEMPTS} attempts to destroy the stack {STACK} failed, for the reasons above.")


def _empty_buckets() -> None:
    """Delete all objects, versions and unfinished uploads: CloudFormation deletes empty buckets only."""
    for page in client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::S3::Bucket" and resource["ResourceStatus"] in _EXISTS:
                bucket = boto3.resource("s3", config=_CONFIG).Bucket(resource["PhysicalResourceId"])
                for upload in bucket.multipart_uploads.all():
                    upload.abort()
                bucket.object_versions.delete()


@dataclass(slots=True, kw_only=True)
class AwsTarget:
    """A target that deploys a stack for each run."""

    name: ClassVar[str] = "aws"
    say: Callable[[str], None] = _TO_STDERR
    account: str | None = None  # naming the account approves the run
    left: str = ""  # why a stack could not be destroyed

    def show(self, wanted: Sequence[Scenario] = ()) -> str:
        """Show the account and region, and the load and cost of scaled scenarios; return the account."""
        found = client("sts").get_caller_identity()
        self.say(f"account   {found['Account']}, as {found['Arn']}")
        self.say(f"region    {boto3.Session().region_name}")
        if self.account not in (None, found["Account"]):
            raise RunRefused(f"--account says {self.account}, and the credentials are of {found['Account']}.")
        for line in chain.from_iterable(map(estimate_lines, wanted)):
            self.say(line)
        if len(wanted) > 1:
            self.say(f"all of them: ${sum(map(dollars, wanted)):.2f} at most")
        return str(found["Account"])

    @contextmanager
    def approved(self, wanted: Sequence[Scenario]) -> Iterator[Self]:
        """Yield the target after showing the scenarios' cost. Raises RunRefused if the account was not named."""
        self._check_named(self.show(wanted))
        _check_is_free()
        try:
            yield self
        finally:
            if self.left:
                raise StackFault(self.left)

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator[StackDeployment]:
        """Yield a deployed stack; it is destroyed when the block ends."""
        _check_is_free()
        self.say(f"deploying {STACK}; should this process be killed, remove it with: {DESTROY}")
        try:
            run_cdk("deploy", "--require-approval", "never")
            found = outputs()
            if not found:
                raise StackFault(f"The stack {STACK} was not deployed, for the reason above.")
            with closing(StackDeployment(client, found, scenario, run)) as deployment:
                yield deployment
        finally:
            try:
                destroy(self.say)
            except FAULTS as error:  # keep the run's result: the error is raised at the end
                self.left = f"The stack {STACK} could not be destroyed ({error}); `{DESTROY}` tries it again."

    def remove(self) -> None:
        """Delete the stack of a killed run; the account must be named, as for a run."""
        self._check_named(self.show())
        destroy(self.say)

    def _check_named(self, account: str) -> None:
        if self.account is None:
            raise RunRefused(f"Nothing was done. To go on in this account, name it: --account {account}.")


def _check_is_free() -> None:
    if outputs() is not None:
        raise RunRefused(
            f"The stack {STACK} exists: a run is under way, or was killed. What a killed one left goes by `{DESTROY}`."
        )
