"""The thresholds of the alarms, each with the reason for its default."""

from typing import Annotated

from msgspec import Meta, Struct


class Alarms(Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of one stage. Dead letters and unbalanced files have no setting: a single one raises the alarm."""

    mail: Annotated[
        Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", extra={"accepted": "a mail address"})] | None,
        Meta(
            description="Email address for alarms; it must confirm the subscription once. Without it, alarms only go "
            "to the SNS topic.",
        ),
    ] = None
    oldest_message_s: Annotated[
        int,
        Meta(
            ge=60,
            le=604_800,
            description="Maximum age of a message in seconds, the objective. It includes processing, up to the "
            "function's timeout of 900 s; twice that means that a message waited as long as another was processed.",
        ),
    ] = 1_800
    oldest_file_s: Annotated[
        int,
        Meta(
            ge=120,
            le=604_800,
            description="Seconds from a file's first claim to its end. Work whose message was lost is requeued after "
            "stuck_s, one hour; after another hour that has not helped. Raise it if your largest file takes longer: "
            "5 GB at 4,000 rows per second, the limit of a new table, takes 3.5 hours.",
        ),
    ] = 7_200
    failed_files: Annotated[
        int,
        Meta(ge=1, le=100_000, description="Files failed in five minutes: the data of each is missing in a table."),
    ] = 1
    reject_percent: Annotated[
        float,
        Meta(
            gt=0,
            le=100,
            description="Percentage of rows rejected within 15 minutes. A few bad cells are normal in CSV files; one "
            "row in a hundred means that a sender has changed something.",
        ),
    ] = 1.0
    reject_min_rows: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000_000,
            description="Minimum number of rows to evaluate that share: one of ten is not a trend.",
        ),
    ] = 1_000
    stalled_minutes: Annotated[
        int,
        Meta(
            ge=5,
            le=1_440,
            multiple_of=5,
            description="Minutes in which messages wait and no row is written. A first batch takes seconds, so 5 "
            "minutes can be a coincidence (a batch of duplicates, a deployment) and 15 cannot.",
        ),
    ] = 15
    throttled_percent: Annotated[
        float,
        Meta(
            gt=0,
            le=100,
            description="Percentage of writes throttled. The writer finds a table's limit by reaching it, which "
            "throttles a few percent of a load; half means that the table's capacity or keys do not fit the files.",
        ),
    ] = 50.0
    throttled_min_requests: Annotated[
        int,
        Meta(ge=1, le=1_000_000_000, description="Minimum number of requests in five minutes to evaluate that share."),
    ] = 100
    throttled_minutes: Annotated[
        int,
        Meta(
            ge=5,
            le=1_440,
            multiple_of=5,
            description="Minutes it must last. DynamoDB splits a hot partition and scales an on-demand table within "
            "about 30 minutes, so shorter periods need no action.",
        ),
    ] = 30
    function_errors: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Invocations in five minutes that failed as a whole: killed, out of memory, or a bug. Files "
            "that fail do not count.",
        ),
    ] = 1
    function_throttles: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Invocations throttled in five minutes, three times in a row. The event source mapping invokes "
            "at most max_concurrency at a time, so lasting throttles mean that the account's concurrency is used up.",
        ),
    ] = 1
    duration_margin_s: Annotated[
        int,
        Meta(
            ge=1,
            le=15,
            description="Seconds before the timeout at which a function is at risk. It hands over stop_before_end_s, "
            "45, before the timeout: long durations are normal, and only a longer one is not.",
        ),
    ] = 10
