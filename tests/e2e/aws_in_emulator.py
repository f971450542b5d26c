"""`python -m loadtest` where AWS is an emulator: CloudFormation deploys and deletes the template, without the CDK."""

import os
import signal
import sys

import boto3

from infra import bundle
from infra.local import deploy as emulator
from infra.local.synth import synthesise
from loadtest import __main__ as loadtest
from loadtest.scenarios import aws
from loadtest.scenarios.catalog import FEEDS


def cdk(command: str, *options: str) -> None:
    """Do what the CDK does, by CloudFormation's API; KILLED names the command after which this process is killed."""
    cloudformation = boto3.client("cloudformation")
    if command == "deploy":
        code = bundle.build(bundle.HOST, FEEDS)
        template = synthesise(FEEDS, code=code, stage=aws.STAGE)
        clients = {"s3": boto3.client("s3"), "ssm": boto3.client("ssm"), "cloudformation": cloudformation}
        emulator.deploy(template, code=code, **clients)  # type: ignore[arg-type]
    else:
        cloudformation.delete_stack(StackName=aws.STACK)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=aws.STACK, WaiterConfig={"Delay": 1})
    if os.environ.get("KILLED") == command:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    aws.STAGE, aws.STACK, aws.run_cdk = "local", "ingest-local", cdk
    sys.exit(loadtest.main())
