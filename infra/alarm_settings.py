"""When somebody is called: the thresholds of the alarms, each with the reason for its default."""

from typing import Annotated

from msgspec import Meta, Struct


class Alarms(Struct, frozen=True, forbid_unknown_fields=True):
    """Thresholds of one stage. Not settings: dead letters and unbalanced files, where one is too many everywhere."""

    mail: Annotated[
        Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", extra={"accepted": "a mail address"})] | None,
        Meta(
            description="Where alarms are mailed to; AWS asks that address once whether it wants them. None: only the "
            "topic tells, for those who subscribe by themselves.",
        ),
    ] = None
    oldest_message_s: Annotated[
        int,
        Meta(
            ge=60,
            le=604_800,
            description="Seconds a message may be old: the objective. A message that is being worked on counts, for up "
            "to the function's 900 s; twice that means that one waited for as long as another was worked on.",
        ),
    ] = 1_800
    oldest_file_s: Annotated[
        int,
        Meta(
            ge=120,
            le=604_800,
            description="Seconds from a file's first sight to its end. Work that lost its message is sent again by "
            "itself after stuck_s, an hour; another hour later that has not helped. Raise it if your largest file "
            "takes longer: 5 GB at 4,000 rows a second, what a new table takes, are 3.5 hours.",
        ),
    ] = 7_200
    failed_files: Annotated[
        int,
        Meta(ge=1, le=100_000, description="Files failed in five minutes: each one is missing in somebody's table."),
    ] = 1
    reject_percent: Annotated[
        float,
        Meta(
            gt=0,
            le=100,
            description="Per cent of rows rejected, over a quarter of an hour. A few bad cells are daily life in CSV "
            "files; one row in a hundred means that a sender has changed something.",
        ),
    ] = 1.0
    reject_min_rows: Annotated[
        int,
        Meta(ge=1, le=1_000_000_000, description="Rows to judge that share by at least: of ten rows, one is no trend."),
    ] = 1_000
    stalled_minutes: Annotated[
        int,
        Meta(
            ge=5,
            le=1_440,
            multiple_of=5,
            description="Minutes in which messages wait and no row is written. A first batch takes seconds, so five "
            "are a coincidence (a batch of duplicates, a deployment) and fifteen are not.",
        ),
    ] = 15
    throttled_percent: Annotated[
        float,
        Meta(
            gt=0,
            le=100,
            description="Per cent of what was sent that tables did not take. The writer finds a table's limit by "
            "touching it, which costs a few per cent of a load; half means that capacity or keys do not fit the files.",
        ),
    ] = 50.0
    throttled_min_requests: Annotated[
        int,
        Meta(
            ge=1, le=1_000_000_000, description="Requests in five minutes to judge that share by: fewer delay nobody."
        ),
    ] = 100
    throttled_minutes: Annotated[
        int,
        Meta(
            ge=5,
            le=1_440,
            multiple_of=5,
            description="Minutes it lasts. DynamoDB splits a busy partition and grows an on-demand table within about "
            "half an hour, so shorter storms pass without anybody.",
        ),
    ] = 30
    function_errors: Annotated[
        int,
        Meta(
            ge=1,
            le=100_000,
            description="Invocations in five minutes that ended without an answer: killed, out of memory, or a bug. "
            "Files that fail are answered and do not count, so one is news.",
        ),
    ] = 1
    function_throttles: Annotated[
        int,
        Meta(
            ge=1,
            le=1_000_000,
            description="Invocations refused in five minutes, three times in a row. The mapping asks for no more than "
            "max_concurrency at once, so any that lasts means that the account's functions have used up its quota.",
        ),
    ] = 1
    duration_margin_s: Annotated[
        int,
        Meta(
            ge=1,
            le=15,
            description="Seconds before its time-out at which a function is in danger. It hands over "
            "stop_before_end_s, 45, before: long durations are normal, and only what comes closer is not.",
        ),
    ] = 10
