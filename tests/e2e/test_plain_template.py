"""`make template`, deployed by the `aws` command line as docs/deploy.md says; every row of the sample is read back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import bundle
from infra.local import awscli, ministack
from infra.local.demo import drop_and_wait, read_rejects
from infra.local.left_out import without_what_is_refused
from infra.local.ministack import Emulator
from infra.local.stack import LocalStack
from infra.plain.__main__ import Written, write
from ingest import contract
from tests.infra.plain_yaml import long_form

pytestmark = pytest.mark.e2e
ROOT = Path(__file__).parents[2]
FEEDS = ROOT / "feeds.toml"
NAME = "by-hand"
PARAMETERS = {"MemoryMb": "2048", "MaxConcurrency": "3", "LogRetentionDays": "7", "DeletionProtection": "false"}


def aws(emulator: Emulator, *arguments: str) -> str:
    """Run the aws command line and return what it prints."""
    done = awscli.run(emulator.endpoint_url, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """What `make template` writes, but for what the emulator cannot hold."""
    written = write(tmp_path_factory.mktemp("dist"), feeds=FEEDS)
    template, left_out = without_what_is_refused(long_form(written.template.read_text(encoding="utf-8")))
    if left_out:
        written.template.write_text(yaml.safe_dump(template), encoding="utf-8")
    return written


@pytest.fixture(scope="module")
def stack(written: Written) -> Iterator[LocalStack]:
    """The stack, deployed with nothing but the aws command line. The zip is this machine's: arm64 cannot run here."""
    with ministack.running() as emulator:
        deploy(emulator, written, **PARAMETERS)
        stack = LocalStack(emulator, outputs(emulator), name=NAME)
        mend_number(stack)
        yield stack


def mend_number(stack: LocalStack) -> None:
    """A parameter's value is text. CloudFormation makes it the number a property wants; ministack leaves it text, and
    its poller fails to compare it. So that one number is said once more."""
    client = stack.client("lambda")
    (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
    scaling = {"MaximumConcurrency": int(mapping["ScalingConfig"]["MaximumConcurrency"])}
    client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)


def concurrency(stack: LocalStack) -> int:
    (mapping,) = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return int(mapping["ScalingConfig"]["MaximumConcurrency"])


def deploy(emulator: Emulator, written: Written, **parameters: str) -> str:
    code = f"s3://codes/{written.key}"
    aws(emulator, "s3", "mb", "s3://codes")
    aws(emulator, "s3", "cp", str(bundle.build(bundle.HOST, FEEDS)), code)
    given = [f"{name}={value}" for name, value in parameters.items()]
    return aws(
        emulator,
        *("cloudformation", "deploy", "--template-file", str(written.template), "--stack-name", NAME),
        *("--s3-bucket", "codes", "--capabilities", "CAPABILITY_IAM"),
        *("--parameter-overrides", "CodeBucket=codes", f"CodeKey={written.key}", *given),
    )


def outputs(emulator: Emulator) -> dict[str, str]:
    listed = aws(
        emulator,
        *("cloudformation", "describe-stacks", "--stack-name", NAME, "--output", "text"),
        *("--query", "Stacks[0].Outputs[].[OutputKey,OutputValue]"),
    )
    return dict(line.split("\t") for line in listed.splitlines())


def test_every_row_of_the_sample_is_in_the_table_or_says_why_not(stack: LocalStack) -> None:
    sample = ROOT / "sample_data.csv"
    record = drop_and_wait(stack, "orders/sample_data.csv", sample.read_bytes())
    counts = {what: int(record[f"rows_{what}"]) for what in ("read", "written", "rejected", "superseded")}
    assert (record["status"], counts) == (
        "COMPLETE",
        {"read": 500, "written": 495, "rejected": 4, "superseded": 1},
    )
    table = stack.outputs[contract.table_output("Orders")]
    assert stack.client("dynamodb").scan(TableName=table, Select="COUNT")["Count"] == counts["written"]
    assert sorted(reject["line"] for reject in read_rejects(stack, record)) == [100, 234, 355, 477]


def test_what_was_given_as_parameters_is_so(stack: LocalStack) -> None:
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[contract.Output.FUNCTION])
    assert function["MemorySize"] == int(PARAMETERS["MemoryMb"])
    assert function["Environment"]["Variables"][contract.Env.STACK] == NAME
    table = stack.client("dynamodb").describe_table(TableName="Orders")["Table"]
    assert not table["DeletionProtectionEnabled"]
    assert concurrency(stack) in (3, 4)  # 4 when the update below has been made
    assert stack.outputs[contract.Output.LANDING_BUCKET].startswith(f"{NAME}-landing-")


def test_nothing_but_the_template_is_needed(stack: LocalStack) -> None:
    """No bootstrap: no parameter of the CDK's, no bucket but the one for the code, no stack but this."""
    listed = stack.client("cloudformation").list_stacks()["StackSummaries"]
    assert {found["StackName"] for found in listed} == {NAME}
    assert stack.client("ssm").describe_parameters()["Parameters"] == []
    buckets = {bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]}
    made: list[dict[str, Any]] = stack.client("cloudformation").describe_stack_resources(StackName=NAME)[
        "StackResources"
    ]
    of_stack = {r["PhysicalResourceId"] for r in made if r["ResourceType"] == "AWS::S3::Bucket"}
    assert buckets == of_stack | {"codes"}


def test_a_second_deployment_with_another_parameter_is_an_update(stack: LocalStack, written: Written) -> None:
    shown = awscli.run(
        stack.endpoint_url,
        *("cloudformation", "deploy", "--template-file", str(written.template), "--stack-name", NAME),
        *("--s3-bucket", "codes", "--capabilities", "CAPABILITY_IAM"),
        *("--parameter-overrides", "MaxConcurrency=4"),  # all others keep what they were
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    mend_number(stack)
    assert concurrency(stack) == 4
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[contract.Output.FUNCTION])
    assert function["MemorySize"] == int(PARAMETERS["MemoryMb"])
