"""The parameters of the plain template. What they accept is what the settings of the same meaning accept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from infra.settings import RETENTION_DAYS, Settings

BUCKET = r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]"


@dataclass(frozen=True)
class Parameter:
    """A parameter, the setting it stands for, if any, and when there is none of it."""

    name: str
    group: str
    setting: str = ""
    type: str = "String"
    more: tuple[tuple[str, Any], ...] = ()
    unless: Callable[[Settings], bool] = lambda settings: False

    def properties(self, default: Any) -> dict[str, Any]:
        """Return how CloudFormation is told; without a default, whoever deploys must give a value."""
        found = {"type": self.type, **_accepted(self.setting), **dict(self.more)}
        return found if default is None else {**found, "default": default}


CODE, SIZE, CARE = "The function's code", "Speed and cost", "Names and data"
PARAMETERS = (
    Parameter(
        "CodeBucket",
        CODE,
        more=(
            ("description", "Bucket that ingest.zip was uploaded to, in the stack's region."),
            ("allowed_pattern", BUCKET),
        ),
    ),
    Parameter(
        "CodeKey",
        CODE,
        more=(
            ("description", "Its key. A new key for new code: CloudFormation sees no change in an object it knows."),
            ("min_length", 1),
        ),
    ),
    Parameter("CodeVersion", CODE, more=(("description", "Its version id, if the bucket keeps versions."),)),
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
                "Where alarms are mailed to; AWS asks that address once whether it wants them. Empty: nowhere.",
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
                "Name of the bucket the stack makes for files. Without: <stack>-landing-<account>-<region>, for which "
                "the stack's name must be in small letters and of 26 characters at most.",
            ),
        ),
        unless=lambda settings: settings.existing.landing_bucket is not None,
    ),
)


def defaults(settings: Settings) -> dict[str, Any]:
    """Return what the parameters are if nobody says: the settings of the stage. Two have no default: where code is."""
    return {
        "CodeVersion": "",
        "MemoryMb": settings.memory_mb,
        "MaxConcurrency": settings.max_concurrency,
        "LogRetentionDays": str(settings.log_retention_days),  # as the accepted values are written
        "AlarmMail": settings.alarms.mail or "",
        "DeletionProtection": str(settings.deletion_protection).lower(),
        "LandingBucketName": settings.landing_bucket_name or "",
    }


def _accepted(setting: str) -> dict[str, Any]:
    """Return description and bounds of a setting."""
    if not setting:
        return {}
    schema = msgspec.json.schema(Settings)["$defs"]["Settings"]["properties"][setting]
    bounds = {"min_value": schema.get("minimum"), "max_value": schema.get("maximum")}
    return {"description": schema["description"], **{name: at for name, at in bounds.items() if at is not None}}
