"""A stack deployed with nothing but the `aws` command line, as docs/deploy.md says; or by what that calls."""

from pathlib import Path

from infra import bundle
from infra.local import awscli
from infra.local.ministack import Emulator
from infra.local.stack import FEEDS, LocalStack

NAME = "by-hand"
CODES = "codes"  # the bucket code and template are uploaded to


def aws(emulator: Emulator, *arguments: str) -> str:
    """Run the aws command line and return what it prints."""
    done = awscli.run(emulator.endpoint_url, *arguments)
    assert done.returncode == 0, done.stderr  # which shows progress, too
    return done.stdout


def first_deployment(emulator: Emulator, template: Path, key: str, **parameters: str) -> LocalStack:
    """Upload the zip and deploy; return the stack."""
    aws(emulator, "s3", "mb", f"s3://{CODES}")
    aws(emulator, "s3", "cp", str(bundle.build(bundle.HOST, FEEDS)), f"s3://{CODES}/{key}")
    deploy(emulator, template, CodeBucket=CODES, CodeKey=key, **parameters)
    return LocalStack(emulator, outputs(emulator), name=NAME)


def upload(emulator: Emulator, feeds: Path, key: str) -> None:
    """Upload this machine's zip, for the emulator runs functions on this machine."""
    code = bundle.build(bundle.HOST, feeds)
    LocalStack(emulator, {}).client("s3").put_object(Bucket=CODES, Key=key, Body=code.read_bytes())


def deployed_by_api(emulator: Emulator, template: Path) -> LocalStack:
    """Do what `first_deployment` does without the command line, which takes a second a call; return the stack."""
    client = LocalStack(emulator, {}).client
    client("s3").create_bucket(Bucket=CODES)
    upload(emulator, FEEDS, "code.zip")
    client("s3").put_object(Bucket=CODES, Key=template.name, Body=template.read_bytes())
    given = {"CodeBucket": CODES, "CodeKey": "code.zip"}
    cloudformation = client("cloudformation")
    cloudformation.create_stack(
        StackName=NAME,
        TemplateURL=f"{emulator.endpoint_url}/{CODES}/{template.name}",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName=NAME, WaiterConfig={"Delay": 1})
    _fix_number(LocalStack(emulator, {}))
    [found] = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    return LocalStack(emulator, {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}, name=NAME)


def deploy(emulator: Emulator, template: Path, **parameters: str) -> None:
    """Create or update the stack. Parameters that are not given stay what they were."""
    aws(
        emulator,
        *("cloudformation", "deploy", "--template-file", str(template), "--stack-name", NAME),
        *("--s3-bucket", CODES, "--capabilities", "CAPABILITY_IAM"),
        *("--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items())),
    )
    _fix_number(LocalStack(emulator, {}))


def outputs(emulator: Emulator) -> dict[str, str]:
    """Return the stack's outputs."""
    listed = aws(
        emulator,
        *("cloudformation", "describe-stacks", "--stack-name", NAME, "--output", "text"),
        *("--query", "Stacks[0].Outputs[].[OutputKey,OutputValue]"),
    )
    return dict(line.split("\t", 1) for line in listed.splitlines())


def concurrency(stack: LocalStack) -> int:
    """Return how many functions may run at once."""
    (mapping,) = stack.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return int(mapping["ScalingConfig"]["MaximumConcurrency"])


def _fix_number(stack: LocalStack) -> None:
    """A parameter's value is text. CloudFormation makes it the number a property wants; ministack leaves it text, and
    its poller fails to compare it. So that one number is said once more."""
    client = stack.client("lambda")
    (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
    client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": concurrency(stack)})
