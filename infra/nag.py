"""cdk-nag's AwsSolutions rules, run whenever the stack is synthesised, and what is acknowledged of their findings."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

from infra import network
from infra.stack import IngestStack
from infra.worker import literal
from ingest.feeds.feed import Feeds


class Acknowledged(NamedTuple):
    """A finding that stays, the construct it is about, and why."""

    on: IConstruct
    finding: str
    reason: str


def watch(app: App, stack: IngestStack, feeds: Feeds) -> None:
    """Let `app.synth()` fail for each finding that is not acknowledged."""
    for known in acknowledged(stack, feeds):
        Validations.of(known.on).acknowledge(Acknowledgment(id=known.finding, reason=known.reason))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledged(stack: IngestStack, feeds: Feeds) -> Iterator[Acknowledged]:
    """Return what cdk-nag finds and we keep."""
    for feed in feeds.feeds.values():
        objects = stack.landing.bucket.arn_for_objects(f"{literal(feed.prefix)}*")
        yield _wildcard(stack, objects, READS_A_PREFIX)
    yield _wildcard(stack, stack.store.rejects.arn_for_objects("*"), WRITES_REJECTS)
    if stack.existing.subnets:
        yield _wildcard(stack, network.interfaces(stack), MAKES_INTERFACES)
        yield Acknowledged(stack.worker.role, "AwsSolutions-IAM5[Resource::*]", LAMBDA_WANTS_ALL)


READS_A_PREFIX = "The function reads what is dropped under a feed's prefix: the names are known only when files come."
MAKES_INTERFACES = "Lambda names the network interfaces it makes; the subnets and security groups are given one by one."
LAMBDA_WANTS_ALL = "Lambda refuses a role that may describe or delete less; the function's code is denied all of it."
WRITES_REJECTS = "The bucket holds rejects and nothing else; their keys repeat the names of the files they are from."


def _wildcard(stack: IngestStack, arn: str, reason: str) -> Acknowledged:
    resource = _as_cdk_nag_writes(stack.resolve(arn))
    return Acknowledged(stack.worker.role, f"AwsSolutions-IAM5[Resource::{resource}]", reason)


def _as_cdk_nag_writes(value: Any) -> str:
    """Return an intrinsic as cdk-nag names it in a finding.

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
