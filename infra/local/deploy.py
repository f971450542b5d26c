"""Deploy the synthesised template to the emulator, through the CloudFormation API."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.local.iam_gaps import as_ministack_asks
from infra.local.left_out import without_unsupported
from infra.local.ministack import REGION, EmulatorFault

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

ACCOUNT = "000000000000"
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"  # set by `cdk bootstrap`, and required by each template
BOOTSTRAP_VERSION = "30"
TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Deployed:
    """A stack's name and outputs, and the resources left out of its template, with reasons."""

    name: str
    outputs: dict[str, str]
    left_out: list[str]


def deploy(
    assembly: Path,
    *,
    code: Path,
    s3: "S3Client",
    ssm: "SSMClient",
    cloudformation: "CloudFormationClient",
    iam: bool = False,
) -> Deployed:
    """Create or update the stack of a cdk.out folder and wait until it is done. `code` replaces the arm64 zip.

    With `iam` the emulator enforces the function's role.

    Raises:
        EmulatorFault: the emulator rejected something; says what and why.
    """
    (manifest,) = assembly.glob("*.assets.json")
    stack = manifest.name.removesuffix(".assets.json")
    template, left_out = without_unsupported(json.loads((assembly / f"{stack}.template.json").read_bytes()))
    if iam:
        template, dropped = as_ministack_asks(template)
        left_out += dropped
    ssm.put_parameter(Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True)
    bucket = _upload(manifest, template, code=code, s3=s3)
    url = f"{s3.meta.endpoint_url}/{bucket}/{_TEMPLATE_KEY}"
    _create_or_update(stack, url, cloudformation)
    return Deployed(stack, _finished(stack, cloudformation), left_out)


_TEMPLATE_KEY = "template.json"


def _upload(manifest: Path, template: dict[str, Any], *, code: Path, s3: "S3Client") -> str:
    """Upload the code and the template to the bucket the template expects; return the bucket."""
    files = json.loads(manifest.read_bytes())["files"].values()
    places = [_resolved(place) for file in files for place in file["destinations"].values()]
    bucket = places[0]["bucketName"]
    s3.create_bucket(Bucket=bucket)
    for place in places:
        if place["objectKey"].endswith(".zip"):
            s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=code.read_bytes())
    s3.put_object(Bucket=bucket, Key=_TEMPLATE_KEY, Body=json.dumps(template).encode())
    return bucket


def _resolved(place: dict[str, str]) -> dict[str, str]:
    known = {"${AWS::AccountId}": ACCOUNT, "${AWS::Region}": REGION, "${AWS::Partition}": "aws"}
    for name, value in known.items():
        place = {field: text.replace(name, value) for field, text in place.items()}
    return place


def _create_or_update(stack: str, template_url: str, cloudformation: "CloudFormationClient") -> None:
    try:
        cloudformation.create_stack(StackName=stack, TemplateURL=template_url, Capabilities=["CAPABILITY_IAM"])
        return
    except cloudformation.exceptions.AlreadyExistsException:
        pass
    except ClientError as error:
        raise EmulatorFault(f"ministack rejected the template: {error}") from error
    try:
        cloudformation.update_stack(StackName=stack, TemplateURL=template_url, Capabilities=["CAPABILITY_IAM"])
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise EmulatorFault(f"ministack rejected the template: {error}") from error


def _finished(stack: str, cloudformation: "CloudFormationClient") -> dict[str, str]:
    """Wait until the stack is deployed and return its outputs."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        status = found["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        if not status.endswith("_IN_PROGRESS"):
            raise EmulatorFault(f"Stack {stack} ended as {status}: {_first_failure(stack, cloudformation)}")
        time.sleep(0.05)
    raise EmulatorFault(f"Stack {stack} was not finished after {TIMEOUT_S:.0f} s.")


def _first_failure(stack: str, cloudformation: "CloudFormationClient") -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    failed = [event for event in reversed(events) if "FAILED" in event.get("ResourceStatus", "")]
    reasons = [f"{e['LogicalResourceId']}: {e.get('ResourceStatusReason', 'no reason given')}" for e in failed]
    return reasons[0] if reasons else "no reason in its events"
