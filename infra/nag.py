"""cdk-nag's AwsSolutions rules, run at each synthesis, and the findings that are acknowledged."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from infra import network
from infra.policies import literal
from infra.stack import IngestStack
from ingest.feeds.feed import Feeds


class Acknowledged(NamedTuple):
    """An acknowledged finding: the construct it is on, and the reason."""

    on: IConstruct
    finding: str
    reason: str


def watch(app: App, stack: IngestStack, feeds: Feeds) -> None:
    """Make `app.synth()` fail on any finding that is not acknowledged."""
    for known in acknowledged(stack, feeds):
        Validations.of(known.on).acknowledge(Acknowledgment(id=known.finding, reason=known.reason))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledged(stack: IngestStack, feeds: Feeds) -> Iterator[Acknowledged]:
    """Return the acknowledged findings."""
    for feed in feeds.feeds.values():
        objects = stack.landing.bucket.arn_for_objects(f"{literal(feed.prefix)}*")
        yield _wildcard(stack, objects, READS_A_PREFIX)
    yield _wildcard(stack, stack.store.rejects.arn_for_objects("*"), WRITES_REJECTS)
    if stack.existing.subnets:
        yield _wildcard(stack, network.interfaces(stack), MAKES_INTERFACES)
        yield Acknowledged(stack.worker.role, "AwsSolutions-IAM5[Resource::*]", LAMBDA_WANTS_ALL)


READS_A_PREFIX = "The function reads objects under a feed's prefix, whose names are not known in advance."
MAKES_INTERFACES = (
    "Lambda names the network interfaces it creates; subnets and security groups are listed individually."
)
LAMBDA_WANTS_ALL = "Lambda requires a role that may describe and delete all; the function's code is denied all of it."
WRITES_REJECTS = "The bucket holds only rejects, whose keys contain the names of the files they come from."


def _wildcard(stack: IngestStack, arn: str, reason: str) -> Acknowledged:
    resource = _as_cdk_nag_writes(stack.resolve(arn))
    return Acknowledged(stack.worker, f"AwsSolutions-IAM5[Resource::{resource}]", reason)


def _as_cdk_nag_writes(value: Any) -> str:
    """Return an intrinsic function in the notation of cdk-nag's findings.

    >>> _as_cdk_nag_writes({"Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":s3:::a${*}/*"]]})
    'arn:<AWS::Partition>:s3:::a<*>/*'
    >>> _as_cdk_nag_writes({"Fn::GetAtt": ["Bucket", "Arn"]})
    '<Bucket.Arn>'
    """
    if isinstance(value, str):
        return value.replace("${", "<").replace("}", ">")
    ((function, arguments),) = value.items()
    if function == "Fn::Join":
        separator, parts = arguments
        return str(separator).join(map(_as_cdk_nag_writes, parts))
    return f"<{'.'.join(arguments) if function == 'Fn::GetAtt' else arguments}>"
