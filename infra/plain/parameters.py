"""The parameters of the plain template. They accept the same values as the corresponding settings."""

from typing import Any, NamedTuple

import msgspec

from infra.settings import RETENTION_DAYS, Settings

BUCKET = r"[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]"


class Parameter(NamedTuple):
    """A parameter: its group in the console, the corresponding setting, if any, and its own properties."""

    name: str
    group: str
    setting: str
    own: dict[str, Any]

    def properties(self, settings: Settings) -> dict[str, Any]:
        """Return the CloudFormation properties. The default is the stage's setting; the code's location has none."""
        found = {"type": "String", **_accepted(self.setting), **self.own}
        default = defaults(settings).get(self.name)
        return found if default is None else {**found, "default": default}


def parameters(settings: Settings) -> list[Parameter]:
    """Return the parameters of a stage's template, without the landing bucket's name if the bucket exists already."""
    is_left_out = settings.existing.landing_bucket is not None
    return [parameter for parameter in PARAMETERS if not (is_left_out and parameter.name == "LandingBucketName")]


CODE, SIZE, CARE = "Function code", "Performance and cost", "Names and data"
_NUMBER = {"type": "Number"}
_CODE_KEY = "Key of the zip. Use a new key for new code: CloudFormation does not detect changes of an object."
_LANDING = "Name of the landing bucket the stack creates. Default: ingest-landing- and the id of the stack."
_MAIL = "Email address for alarms; it must confirm the subscription once. Empty: no email."
PARAMETERS = (
    Parameter(
        "CodeBucket",
        CODE,
        "",
        {"description": "Bucket of the zip, in the stack's region.", "allowed_pattern": BUCKET},
    ),
    Parameter("CodeKey", CODE, "", {"description": _CODE_KEY, "min_length": 1}),
    Parameter("CodeVersion", CODE, "", {"description": "Version ID of the zip, if the bucket has versioning enabled."}),
    Parameter("MemoryMb", SIZE, "memory_mb", _NUMBER),
    Parameter("MaxConcurrency", SIZE, "max_concurrency", _NUMBER),
    Parameter(
        "LogRetentionDays", SIZE, "log_retention_days", {**_NUMBER, "allowed_values": list(map(str, RETENTION_DAYS))}
    ),
    Parameter("AlarmMail", CARE, "", {"description": _MAIL, "allowed_pattern": r"([^@\s]+@[^@\s]+\.[^@\s]+)?"}),
    Parameter("DeletionProtection", CARE, "deletion_protection", {"allowed_values": ["true", "false"]}),
    Parameter(
        "LandingBucketName",
        CARE,
        "landing_bucket_name",
        {"description": _LANDING, "allowed_pattern": f"({BUCKET})?"},
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
