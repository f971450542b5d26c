"""The settings of a deployment: one block per stage in cdk.json. Values only; `app.py` reads the context."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from infra.alarm_settings import Alarms
from infra.existing import BUCKET_NAME, Existing, check_existing
from infra.price_settings import Prices
from ingest.errors import SettingsFault
from ingest.feeds.schema_errors import did_you_mean, expect_section, read_struct

VISIBILITY_FACTOR = 6  # AWS recommends six times the function's timeout for a queue that invokes Lambda


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """One stage of the stack. The processor is always arm64: a fifth cheaper per GB-second and at least as fast."""

    name: Annotated[
        str,
        Meta(
            pattern="^[a-z]([a-z0-9-]{0,126}[a-z0-9])?$",
            extra={"accepted": "1 to 128 lower-case letters, digits and hyphens, beginning with a letter"},
            description="Stack name, also the start of the landing bucket's name; there, one of more than 26 "
            "characters is shortened.",
        ),
    ] = "ingest"
    memory_mb: Annotated[
        int,
        Meta(
            ge=512,
            le=10_240,
            description="Memory of the function. 1,769 MB is one full vCPU; a worker uses about one core. The least is "
            "enough for any feed.",
        ),
    ] = 1_769
    timeout_s: Annotated[
        int,
        Meta(
            ge=60,
            le=900,
            description="Timeout of the function in seconds, at most 900. A longer timeout means fewer hand-overs.",
        ),
    ] = 900
    batch_size: Annotated[int, Meta(ge=1, le=10, description="Messages per invocation: small files share one.")] = 10
    batching_window_s: Annotated[
        int,
        Meta(
            ge=0,
            le=300,
            description="Seconds to wait for a full batch: a burst of small files needs fewer invocations.",
        ),
    ] = 5
    max_concurrency: Annotated[
        int, Meta(ge=2, le=1_000, description="Maximum concurrency; 10 already write more than a new table accepts.")
    ] = 10
    max_receive_count: Annotated[
        int, Meta(ge=1, le=1_000, description="Deliveries before a message moves to the dead-letter queue.")
    ] = 5
    retry_base_s: Annotated[
        int,
        Meta(ge=1, le=900, description="Seconds before the first redelivery; the delay doubles each time."),
    ] = 30
    retry_cap_s: Annotated[
        int, Meta(ge=1, le=43_200, description="Maximum seconds between two deliveries. SQS allows 12 hours in total.")
    ] = 900
    segment_mb: Annotated[
        int,
        Meta(
            ge=8,
            le=4_096,
            description="Size of a segment in MiB: a larger file is split and loaded by several functions in parallel.",
        ),
    ] = 64
    lease_s: Annotated[
        int,
        Meta(
            ge=10,
            le=600,
            description="Seconds until the lease of a killed function expires; a running function renews it.",
        ),
    ] = 60
    checkpoint_s: Annotated[
        int,
        Meta(
            ge=1,
            le=60,
            description="Minimum seconds between two checkpoints: the work to repeat if a function is killed.",
        ),
    ] = 5
    stop_before_end_s: Annotated[
        int,
        Meta(
            ge=20,
            le=300,
            description="Seconds before its timeout at which a function stops taking new work and hands over.",
        ),
    ] = 45
    reconcile_minutes: Annotated[
        int,
        Meta(
            ge=1,
            le=480,
            description="Minutes between two reconciliations (stuck files, lost notifications). An alarm looks at "
            "three of them, and CloudWatch at no more than a day.",
        ),
    ] = 15
    stuck_s: Annotated[
        int,
        Meta(
            ge=60, le=86_400, description="Seconds without progress after which work counts as stuck and is requeued."
        ),
    ] = 3_600
    log_retention_days: Annotated[
        int, Meta(description="Days to keep the function's log in CloudWatch Logs, which charges for storage.")
    ] = 30
    rejects_expire_days: Annotated[
        int, Meta(ge=1, le=3_650, description="Days to keep rejected rows, which contain the users' data.")
    ] = 90
    ledger_days: Annotated[
        int,
        Meta(
            ge=30,
            le=3_650,
            description="Days to keep a file's entries in the ledger after its end. A backfill loads what the ledger "
            "does not know any more.",
        ),
    ] = 400
    access_logs_expire_days: Annotated[
        int, Meta(ge=1, le=3_650, description="Days to keep the access logs of the buckets.")
    ] = 90
    abort_uploads_days: Annotated[
        int, Meta(ge=1, le=365, description="Days until the parts of an incomplete multipart upload are deleted.")
    ] = 7
    deletion_protection: Annotated[bool, Meta(description="true: deletion protection is enabled on the tables.")] = True
    keep_data: Annotated[
        bool,
        Meta(description="true: tables and buckets are retained when the stack is deleted; false: they are deleted."),
    ] = True
    landing_bucket_name: Annotated[
        Annotated[str, Meta(pattern=BUCKET_NAME, extra={"accepted": "a bucket's name"})] | None,
        Meta(description="Name of the landing bucket the stack creates. Default: <name>-landing-<account>-<region>."),
    ] = None
    existing: Annotated[Existing, Meta(description="Existing resources the stack uses.")] = Existing()
    alarms: Annotated[Alarms, Meta(description="Thresholds of the alarms, and the email address they notify.")] = (
        Alarms()
    )
    prices: Annotated[Prices, Meta(description="Unit prices for the costs on the dashboard.")] = Prices()

    @property
    def visibility_s(self) -> int:
        """Visibility timeout in seconds: longer than the processing of any message."""
        return VISIBILITY_FACTOR * self.timeout_s + self.batching_window_s


# The values CloudWatch accepts, from the PutRetentionPolicy reference, up to three years.
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1_096)


def read_settings(stages: Mapping[str, Any] | None, stage: str, *, origin: str = "cdk.json") -> Settings:
    """Return the settings of a stage from cdk.json's `stages`; `origin` is named in errors.

    Raises:
        SettingsFault: the stage does not exist, or a field is unknown or wrong; names it and what is accepted.
    """
    known = stages or {}
    if stage not in known:
        hint = did_you_mean(stage, known)
        raise SettingsFault(
            f"Stage {stage!r} does not exist{hint}; cdk.json has: {', '.join(sorted(known)) or 'none'}."
        )
    try:
        settings = _read(known[stage], f"stages.{stage}")
        _check_together(settings, f"stages.{stage}")
        check_existing(settings.existing, f"stages.{stage}.existing")
    except SettingsFault as fault:
        raise SettingsFault(f"{origin}: {fault}") from fault
    return settings


def _read(raw: Any, path: str) -> Settings:
    """Convert section by section, so that an error names the exact path."""
    table = dict(expect_section(raw, path))
    parts: dict[str, Any] = {}
    for name, struct in _SECTIONS.items():
        if name in table:
            parts[name] = read_struct(table.pop(name), struct, f"{path}.{name}")
    return msgspec.structs.replace(read_struct(table, Settings, path), **parts)


_SECTIONS: dict[str, type[Alarms | Existing | Prices]] = {"alarms": Alarms, "existing": Existing, "prices": Prices}


def _check_together(settings: Settings, path: str) -> None:
    if settings.log_retention_days not in RETENTION_DAYS:
        accepted = ", ".join(map(str, RETENTION_DAYS))
        raise SettingsFault(
            f"`{path}.log_retention_days` = {settings.log_retention_days} is wrong: accepted is {accepted}."
        )
    if settings.timeout_s < settings.stop_before_end_s + 15:
        raise SettingsFault(
            f"`{path}.timeout_s` = {settings.timeout_s} is wrong: "
            f"accepted is at least stop_before_end_s plus 15, {settings.stop_before_end_s + 15}."
        )
    if settings.landing_bucket_name and settings.existing.landing_bucket:
        raise SettingsFault(
            f"`{path}.landing_bucket_name` = {settings.landing_bucket_name!r} is wrong: with "
            f"`{path}.existing.landing_bucket` the stack does not create a landing bucket."
        )
    if settings.retry_cap_s < settings.retry_base_s:
        raise SettingsFault(
            f"`{path}.retry_cap_s` = {settings.retry_cap_s} is wrong: "
            f"accepted is at least retry_base_s, {settings.retry_base_s}."
        )
    if settings.alarms.oldest_message_s <= settings.timeout_s:
        raise SettingsFault(
            f"`{path}.alarms.oldest_message_s` = {settings.alarms.oldest_message_s} is wrong: an in-flight "
            f"message counts as well, so accepted is more than timeout_s, {settings.timeout_s}."
        )
    if settings.alarms.oldest_file_s <= settings.stuck_s:
        raise SettingsFault(
            f"`{path}.alarms.oldest_file_s` = {settings.alarms.oldest_file_s} is wrong: stuck work is requeued "
            f"after stuck_s, so accepted is more than stuck_s, {settings.stuck_s}."
        )
