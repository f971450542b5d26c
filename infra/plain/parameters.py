"""The parameters of the plain template. They accept the same values as the settings they stand for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.settings import RETENTION_DAYS, Settings

BUCKET = r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]"


@dataclass(frozen=True)
class Parameter:
    """A parameter, the setting it stands for, if any, and when it is left out."""

    name: str
    group: str
    setting: str = ""
    type: str = "String"
    more: tuple[tuple[str, Any], ...] = ()
    unless: Callable[[Settings], bool] = lambda settings: False

    def properties(self, default: Any) -> dict[str, Any]:
        """Return the parameter's properties in CloudFormation; without a default a value is required."""
        found = {"type": self.type, **_accepted(self.setting), **dict(self.more)}
        return found if default is None else {**found, "default": default}


CODE, SIZE, CARE = "Function code", "Performance and cost", "Names and data"
PARAMETERS = (
    Parameter(
        "CodeBucket",
        CODE,
        more=(
            ("description", "Bucket with ingest.zip, in the stack's region."),
            ("allowed_pattern", BUCKET),
        ),
    ),
    Parameter(
        "CodeKey",
        CODE,
        more=(
            (
                "description",
                "Key of ingest.zip. Use a new key for new code: CloudFormation does not detect changes of an object.",
            ),
            ("min_length", 1),
        ),
    ),
    Parameter(
        "CodeVersion", CODE, more=(("description", "Version ID of ingest.zip, if the bucket has versioning enabled."),)
    ),
    Parameter("MemoryMb", SIZE, "memory_mb", "Number"),
    Parameter("MaxConcurrency", SIZE, "max_concurrency", "Number"),
    Parameter(
        "LogRetentionDays",
        SIZE,
        "log_retention_days",
        "Number",
        more=(("allowed_values", [str(days) for days in RETENTION_DAYS]),),
    ),
    Parameter(
        "AlarmMail",
        CARE,
        more=(
            ("allowed_pattern", r"([^@\s]+@[^@\s]+\.[^@\s]+)?"),
            (
                "description",
                "Email address for alarms; it must confirm the subscription once. Empty: no email.",
            ),
        ),
    ),
    Parameter("DeletionProtection", CARE, "deletion_protection", more=(("allowed_values", ["true", "false"]),)),
    Parameter(
        "LandingBucketName",
        CARE,
        "landing_bucket_name",
        more=(
            ("allowed_pattern", f"({BUCKET})?"),
            (
                "description",
                "Name of the landing bucket the stack creates. Default: <stack>-landing-<account>-<region>, for which "
                "the stack name must be lower case and at most 26 characters long.",
            ),
        ),
        unless=lambda settings: settings.existing.landing_bucket is not None,
    ),
)


def defaults(settings: Settings) -> dict[str, Any]:
    """Return the defaults of the parameters: the stage's settings. The location of the code has no default."""
    return {
        "CodeVersion": "",
        "MemoryMb": settings.memory_mb,
        "MaxConcurrency": settings.max_concurrency,
        "LogRetentionDays": str(settings.log_retention_days),  # as in the allowed values
        "AlarmMail": settings.alarms.mail or "",
        "DeletionProtection": str(settings.deletion_protection).lower(),
        "LandingBucketName": settings.landing_bucket_name or "",
    }


def _accepted(setting: str) -> dict[str, Any]:
    """Return the description and bounds of a setting."""
    if not setting:
        return {}
    schema = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"][setting]
    bounds = {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
    return {"description": schema["description"], **{name: at for name, at in bounds.items() if at is not None}}
