"""`make template`, deployed by the `aws` command line as docs/deploy.md says; every row of the sample is read back."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import node
from infra.existing import Existing
from infra.local import ministack
from infra.local.demo import drop_and_wait, read_rejects
from infra.local.left_out import without_unsupported
from infra.local.stack import FEEDS, LocalStack
from infra.plain.__main__ import Written, write
from infra.plain.readable_yaml import as_yaml
from infra.settings import Settings
from ingest import contract
from ingest.feeds.parse import read_feeds
from tests.e2e.by_hand import CODES, NAME, aws, concurrency, deploy, deployed_by_api, first_deployment, upload
from tests.infra.plain_yaml import long_form

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("plain_template")]
SAMPLE = Path(__file__).parents[2] / "sample_data.csv"
PARAMETERS = {"MemoryMb": "2048", "MaxConcurrency": "3", "LogRetentionDays": "7", "DeletionProtection": "false"}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """What `make template` writes, but for what the emulator cannot hold."""
    written = write(tmp_path_factory.mktemp("dist"), feeds=FEEDS)
    template, left_out = without_unsupported(long_form(written.template.read_text(encoding="utf-8")))
    if left_out:
        written.template.write_text(as_yaml(template), encoding="utf-8")
    return written


@pytest.fixture(scope="module")
def stack(written: Written) -> Iterator[LocalStack]:
    with ministack.running() as emulator:
        yield first_deployment(emulator, written.template, written.code.name, **PARAMETERS)


def counts(entry: dict[str, Any]) -> tuple[int, ...]:
    return tuple(int(entry.get(f"rows_{what}", -1)) for what in ("read", "written", "rejected", "superseded"))


def items(stack: LocalStack) -> int:
    table = stack.outputs[contract.table_output("Orders")]
    return int(stack.client("dynamodb").scan(TableName=table, Select="COUNT")["Count"])


def test_every_row_of_the_sample_is_in_the_table_or_says_why_not(stack: LocalStack) -> None:
    entry = drop_and_wait(stack, "orders/sample_data.csv", SAMPLE.read_bytes())
    assert (entry.get("status"), counts(entry)) == ("COMPLETE", (500, 495, 4, 1))
    assert items(stack) == 495
    assert sorted(reject["line"] for reject in read_rejects(stack, entry)) == [100, 234, 355, 477]


def test_what_was_given_as_parameters_is_so(stack: LocalStack) -> None:
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[contract.Output.FUNCTION])
    assert function["MemorySize"] == int(PARAMETERS["MemoryMb"])
    assert function["Environment"]["Variables"][contract.Env.STACK] == NAME
    table = stack.client("dynamodb").describe_table(TableName="Orders")["Table"]
    assert not table["DeletionProtectionEnabled"]
    assert concurrency(stack) in (3, 4)  # 4 when the update below has been made
    assert stack.outputs[contract.Output.LANDING_BUCKET].startswith("ingest-landing-")


def test_nothing_but_the_template_is_needed(stack: LocalStack) -> None:
    """No bootstrap: no parameter of the CDK's, no bucket but the one for the code, no stack but this."""
    listed = stack.client("cloudformation").list_stacks()["StackSummaries"]
    assert {found["StackName"] for found in listed} == {NAME}
    assert stack.client("ssm").describe_parameters()["Parameters"] == []
    buckets = {bucket["Name"] for bucket in stack.client("s3").list_buckets()["Buckets"]}
    made = stack.client("cloudformation").describe_stack_resources(StackName=NAME)["StackResources"]
    of_stack = {r["PhysicalResourceId"] for r in made if r["ResourceType"] == "AWS::S3::Bucket"}
    assert buckets == of_stack | {CODES}


def test_a_second_deployment_changes_what_is_given_and_nothing_else(stack: LocalStack, written: Written) -> None:
    deploy(stack.emulator, written.template, MaxConcurrency="4")
    assert concurrency(stack) == 4
    function = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[contract.Output.FUNCTION])
    assert function["MemorySize"] == int(PARAMETERS["MemoryMb"])


def test_a_second_deployment_with_another_zip_updates_the_function(
    stack: LocalStack, written: Written, tmp_path: Path
) -> None:
    feeds = tmp_path / "feeds.toml"
    feeds.write_text(FEEDS.read_text(encoding="utf-8") + "# another\n", encoding="utf-8")
    other = write(tmp_path / "dist", feeds=feeds)
    assert other.code.name != written.code.name
    before = code_of(stack)
    upload(stack.emulator, feeds, other.code.name)
    deploy(stack.emulator, written.template, CodeBucket=CODES, CodeKey=other.code.name)
    assert code_of(stack) != before
    entry = drop_and_wait(stack, "orders/after.csv", SAMPLE.read_bytes())
    assert (entry.get("status"), counts(entry)) == ("COMPLETE", (500, 495, 4, 1))


def code_of(stack: LocalStack) -> str:
    """Return the hash of the function's code."""
    function = stack.outputs[contract.Output.FUNCTION]
    return str(stack.client("lambda").get_function_configuration(FunctionName=function)["CodeSha256"])


@pytest.mark.parametrize("notified_by", ["eventbridge", "s3"])
def test_files_of_a_bucket_that_was_there_before_are_loaded(notified_by: Any, tmp_path: Path) -> None:
    bucket = "their-drops"
    template = tmp_path / "template.yml"
    template.write_text(existing_bucket_template(Existing(landing_bucket=bucket, notified_by=notified_by)))
    with ministack.running() as emulator:
        s3 = LocalStack(emulator, {}).client("s3")
        s3.create_bucket(Bucket=bucket)
        if notified_by == "eventbridge":
            s3.put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
            )
        stack = deployed_by_api(emulator, template)
        if notified_by == "s3":
            program, *arguments = shlex.split(stack.outputs[contract.NOTIFY_COMMAND_OUTPUT])
            assert program == "aws"
            aws(emulator, *arguments)
        entry = drop_and_wait(stack, "orders/of theirs+1.csv", SAMPLE.read_bytes())
        assert (entry.get("status"), counts(entry)) == ("COMPLETE", (500, 495, 4, 1))
        assert items(stack) == 495


def existing_bucket_template(existing: Existing) -> str:
    os.environ.update(node.environment())  # the CDK starts Node.js on its first use
    from infra.plain.template import plain_template

    template = plain_template(Settings(existing=existing), read_feeds(FEEDS))
    return as_yaml(without_unsupported(template)[0])
