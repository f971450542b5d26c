"""The target `aws`: a stack of its own in your account, deployed for a run and destroyed after it, however it ends."""

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra import cdk
from ingest.errors import SettingsFault
from loadtest.scenarios.catalog import FEEDS, Scenario
from loadtest.scenarios.deployed import StackDeployment
from loadtest.scenarios.estimate import dollars, estimate_lines
from loadtest.scenarios.uploads import THREADS

STAGE, STACK = "loadtest", "ingest-loadtest"  # of cdk.json: tables and buckets go with the stack
DESTROY = "python -m loadtest run --target aws --destroy"
ATTEMPTS = 3  # functions that are under way may write rejects to a bucket that was just emptied
_EXISTS = ("CREATE_COMPLETE", "DELETE_FAILED")
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 10}, max_pool_connections=2 * THREADS)
Say = Callable[[str], None]
Ask = Callable[[str], str]


class RunRefused(Exception):
    """A run that is not approved, or whose place is taken; nothing was done."""


class NotDestroyed(Exception):
    """Something of the stack is left; says what to do."""


FAULTS = (RunRefused, NotDestroyed, BotoCoreError, ClientError, SettingsFault, subprocess.CalledProcessError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """How it is known that a run is wanted: the account it was named for, `--yes`, or somebody who can be asked."""

    account: str | None = None
    is_given: bool = False
    ask: Ask | None = None

    def check(self, say: Say) -> str:
        """Show account and region; return the account's id, if it is not another than that which was named.

        Raises:
            RunRefused: it is another.
        """
        found = client("sts").get_caller_identity()
        say(f"account   {found['Account']}, as {found['Arn']}")
        say(f"region    {boto3.Session().region_name}")
        if self.account not in (None, found["Account"]):
            raise RunRefused(f"--account says {self.account}, and the credentials are of {found['Account']}.")
        return str(found["Account"])

    def get(self, account: str) -> None:
        """Have it said that this is the account that is meant.

        Raises:
            RunRefused: it was not said.
        """
        if self.is_given and self.account:
            return
        if self.is_given or self.ask is None:
            raise RunRefused(
                f"Without a question the account must be named: --yes --account {account}, if you mean it."
            )
        if self.ask(f"Type the account's id, {account}, or yes, to go on: ").strip() not in (account, "yes"):
            raise RunRefused("Not confirmed: nothing was done.")


def client(service: str) -> Any:
    """Return a client by the standard AWS settings: profile, region, `AWS_ENDPOINT_URL*`."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


def run_cdk(*arguments: str) -> None:
    """Run the CDK command line on the load test's stack; what fails it prints. Tests put the emulator here."""
    cdk.main([*arguments, "-c", f"stage={STAGE}", "-c", f"feeds={FEEDS}"])


def outputs() -> dict[str, str] | None:
    """Return the outputs of the load test's stack; None if there is no such stack."""
    try:
        [stack] = client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if "not exist" not in str(error):
            raise
        return None
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def destroy(say: Say) -> None:
    """Remove the load test's stack with all it holds, if there is one.

    Raises:
        NotDestroyed: something is left.
    """
    for _ in range(ATTEMPTS):
        if outputs() is None:
            say(f"the stack {STACK} is gone, with all it held")
            return
        _empty_buckets()
        run_cdk("destroy", "--force")
    if outputs() is not None:
        raise NotDestroyed(f"The stack {STACK} could not be destroyed; `{DESTROY}` tries it again.")


def _empty_buckets() -> None:
    """Delete all objects, versions and unfinished uploads: CloudFormation deletes empty buckets only."""
    for page in client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=STACK):
        for resource in page["StackResourceSummaries"]:
            if resource["ResourceType"] == "AWS::S3::Bucket" and resource["ResourceStatus"] in _EXISTS:
                bucket = boto3.resource("s3", config=_CONFIG).Bucket(resource["PhysicalResourceId"])
                for upload in bucket.multipart_uploads.all():
                    upload.abort()
                bucket.object_versions.delete()


@dataclass(slots=True)
class AwsTarget:
    """A stack for each run. `left`: why stacks could not be destroyed."""

    name: ClassVar[str] = "aws"
    say: Say
    left: list[str] = field(default_factory=list)

    @contextmanager
    def deployed(self, scenario: Scenario, run: str) -> Iterator[StackDeployment]:
        """Give a stack for the length of a block.

        Raises:
            RunRefused: there is one already, or the CDK could not deploy it.
        """
        _check_is_free()
        self.say(f"deploying {STACK}; should this process be killed, remove it with: {DESTROY}")
        try:
            run_cdk("deploy", "--require-approval", "never")
            found = outputs()
            if not found:
                raise RunRefused(f"The stack {STACK} was not deployed, for the reason above.")
            with closing(StackDeployment(client, found, scenario, run)) as deployment:
                yield deployment
        finally:
            self._destroy()

    def _destroy(self) -> None:
        try:
            destroy(self.say)
        except FAULTS as error:  # the run's result is not lost over it: what is left is printed at the end
            self.left.append(f"{error}" if isinstance(error, NotDestroyed) else f"{error}; `{DESTROY}` tries it again.")


@contextmanager
def aws_target(wanted: Sequence[Scenario], *, approval: Approval, say: Say) -> Iterator[AwsTarget]:
    """Give the target for these scenarios, as they are scaled, once it was shown what they cost, and approved.

    Raises:
        RunRefused: it was not.
        NotDestroyed: at the end: something is left.
    """
    account = show(wanted, approval=approval, say=say)
    _check_is_free()
    approval.get(account)
    target = AwsTarget(say)
    try:
        yield target
    finally:
        if target.left:
            raise NotDestroyed(target.left[-1])


def show(wanted: Sequence[Scenario], *, approval: Approval, say: Say) -> str:
    """Show account, region, load and cost; return the account. Nothing is changed.

    Raises:
        RunRefused: it is another account than was named.
    """
    account = approval.check(say)
    say(f"stack     {STACK}, for each run a new one")
    for scenario in wanted:
        for line in estimate_lines(scenario):
            say(line)
    if len(wanted) > 1:
        say(f"all of them: ${sum(map(dollars, wanted)):.2f} at most")
    return account


def remove(*, approval: Approval, say: Say) -> None:
    """Remove what a killed run left, after the same question as before a run.

    Raises:
        RunRefused: that was not approved.
        NotDestroyed: something is left.
    """
    approval.get(approval.check(say))
    destroy(say)


def _check_is_free() -> None:
    if outputs() is not None:
        raise RunRefused(
            f"The stack {STACK} exists: a run is under way, or was killed. What a killed one left goes by `{DESTROY}`."
        )
