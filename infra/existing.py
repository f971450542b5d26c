"""Settings of what is there before the stack: a bucket, a key, a network. Tables that are there: see feeds.toml."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.errors import SettingsFault

KEY_ARN = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]{1,64}$"  # not an alias: IAM cannot grant on one
BUCKET_NAME = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
_Bucket = Annotated[str, Meta(pattern=BUCKET_NAME, extra={"accepted": "a bucket's name"})]
_KeyArn = Annotated[str, Meta(pattern=KEY_ARN, extra={"accepted": "the ARN of a KMS key, not of an alias"})]
_Subnet = Annotated[
    str, Meta(pattern=r"^subnet-[0-9a-f]{8,17}$", extra={"accepted": "a subnet's id, as subnet-0a1b2c3d"})
]
_SecurityGroup = Annotated[
    str, Meta(pattern=r"^sg-[0-9a-f]{8,17}$", extra={"accepted": "a security group's id, as sg-0a1b2c3d"})
]


class Existing(Struct, frozen=True, forbid_unknown_fields=True):
    """What the stack uses and does not make. Nothing is looked up: what is named here must be there."""

    landing_bucket: Annotated[
        _Bucket | None, Meta(description="Name of a bucket to take files from, in the stack's account and region.")
    ] = None
    notified_by: Annotated[
        Literal["eventbridge", "s3"] | None,
        Meta(
            description="How that bucket tells of new objects. eventbridge (the default): the stack makes a rule, the "
            "bucket must have EventBridge on. s3: the stack prints a command that sets the notification, to run once."
        ),
    ] = None
    landing_bucket_key: Annotated[
        _KeyArn | None, Meta(description="ARN of the KMS key that bucket's objects are encrypted with, if of a key.")
    ] = None
    kms_key: Annotated[
        _KeyArn | None,
        Meta(description="ARN of a KMS key of yours that encrypts all the stack makes; its policy must allow for it."),
    ] = None
    subnets: Annotated[
        tuple[_Subnet, ...], Meta(description="Ids of the VPC's subnets the function runs in, best of several zones.")
    ] = ()
    security_groups: Annotated[
        tuple[_SecurityGroup, ...], Meta(description="Ids of the function's security groups: HTTPS out, nothing in.")
    ] = ()

    @property
    def notifies_by_rule(self) -> bool:
        """Whether EventBridge carries the notifications of a bucket that is there already."""
        return self.landing_bucket is not None and self.notified_by != "s3"

    @property
    def notifies_by_command(self) -> bool:
        """Whether somebody must set the notification of a bucket that is there already."""
        return self.landing_bucket is not None and self.notified_by == "s3"


def check_existing(existing: Existing, path: str) -> None:
    """Check the settings against each other.

    Raises:
        SettingsFault: two do not go together; says which.
    """
    for name in ("notified_by", "landing_bucket_key"):
        if getattr(existing, name) and not existing.landing_bucket:
            raise SettingsFault(
                f"`{path}.{name}` = {getattr(existing, name)!r} is wrong: it is about a bucket that is there already; "
                f"name it as `{path}.landing_bucket`, or leave this out."
            )
    if bool(existing.subnets) != bool(existing.security_groups):
        given, missing = ("subnets", "security_groups") if existing.subnets else ("security_groups", "subnets")
        raise SettingsFault(f"`{path}.{given}` is wrong without `{path}.{missing}`: a VPC needs both.")
