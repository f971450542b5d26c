"""Settings of existing resources: a bucket, a key, a network. Existing tables are declared in feeds.toml."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.errors import SettingsFault

KEY_ARN = r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[a-zA-Z0-9-]{1,64}$"  # not an alias: IAM cannot grant on it
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
    """Resources that the stack uses but does not create. They must exist; the CDK does not look them up."""

    landing_bucket: Annotated[
        _Bucket | None,
        Meta(description="Name of an existing bucket to load files from, in the stack's account and region."),
    ] = None
    notified_by: Annotated[
        Literal["eventbridge", "s3"] | None,
        Meta(
            description="How that bucket notifies of new objects. eventbridge (the default): the stack creates a rule, "
            "and the bucket must have EventBridge enabled. s3: the stack outputs a command, to run once, that sets the "
            "notification."
        ),
    ] = None
    landing_bucket_key: Annotated[
        _KeyArn | None, Meta(description="ARN of the KMS key that encrypts that bucket's objects, if there is one.")
    ] = None
    kms_key: Annotated[
        _KeyArn | None,
        Meta(description="ARN of your KMS key that encrypts all resources of the stack; its policy must allow that."),
    ] = None
    subnets: Annotated[
        tuple[_Subnet, ...],
        Meta(description="IDs of the VPC subnets the function runs in, ideally in several Availability Zones."),
    ] = ()
    security_groups: Annotated[
        tuple[_SecurityGroup, ...], Meta(description="IDs of the function's security groups: HTTPS out, nothing in.")
    ] = ()

    @property
    def notifies_by_rule(self) -> bool:
        """Whether an existing bucket notifies through EventBridge."""
        return self.landing_bucket is not None and self.notified_by != "s3"

    @property
    def notifies_by_command(self) -> bool:
        """Whether the notification of an existing bucket must be set by hand."""
        return self.landing_bucket is not None and self.notified_by == "s3"


def check_existing(existing: Existing, path: str) -> None:
    """Check that the settings are compatible with each other.

    Raises:
        SettingsFault: two settings are incompatible; names them.
    """
    for name in ("notified_by", "landing_bucket_key"):
        if getattr(existing, name) and not existing.landing_bucket:
            raise SettingsFault(
                f"`{path}.{name}` = {getattr(existing, name)!r} is wrong: it applies to an existing bucket; "
                f"name the bucket in `{path}.landing_bucket`, or remove this setting."
            )
    if bool(existing.subnets) != bool(existing.security_groups):
        given, missing = ("subnets", "security_groups") if existing.subnets else ("security_groups", "subnets")
        raise SettingsFault(f"`{path}.{given}` is wrong without `{path}.{missing}`: a VPC needs both.")
