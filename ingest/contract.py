"""Names shared by the stack, the function and its dashboards, and the table of metrics. Imports no module of ours."""

from enum import StrEnum

# How Lambda finds the handler.
HANDLER = "ingest.worker.handler.handle"
NO_FEED = "-"  # in place of a feed's name, where there is none
SERVICE = "ingest"  # in every log line. In the environment, powertools would make it a dimension of every metric
FEEDS_FILE = "feeds.toml"  # beside the `ingest` package in the function's zip

# DynamoDB API operations on the feeds' tables (`ingest.feeds.writing`): `ingest.dynamodb` calls them, `infra` grants
# them.
BATCH_WRITE_ITEM = "BatchWriteItem"
BATCH_GET_ITEM = "BatchGetItem"
CONDITION_FAILED = "ConditionalCheckFailedException"  # the error code of a write whose condition does not hold
PUT_ITEM = "PutItem"
UPDATE_ITEM = "UpdateItem"
DELETE_ITEM = "DeleteItem"
DESCRIBE_TABLE = "DescribeTable"

# DynamoDB API operations on the ledger table.
LEDGER_OPERATIONS = ("BatchGetItem", "GetItem", "Query", "UpdateItem")
BUDGET_OPERATIONS = ("DeleteItem",)  # only on entries with `LedgerKeys.BUDGET_PREFIX`


class Env:
    """Environment variables the stack sets and the handler reads."""

    QUEUE_URL = "INGEST_QUEUE_URL"
    DEAD_LETTER_URL = "INGEST_DEAD_LETTER_URL"
    LEDGER_TABLE = "INGEST_LEDGER_TABLE"
    REJECTS_BUCKET = "INGEST_REJECTS_BUCKET"
    RETRY_BASE_S = "INGEST_RETRY_BASE_S"
    RETRY_CAP_S = "INGEST_RETRY_CAP_S"
    LEASE_S = "INGEST_LEASE_S"
    SEGMENT_BYTES = "INGEST_SEGMENT_BYTES"
    CHECKPOINT_S = "INGEST_CHECKPOINT_S"
    STOP_BEFORE_END_S = "INGEST_STOP_BEFORE_END_S"
    STUCK_S = "INGEST_STUCK_S"
    MAX_RECEIVE_COUNT = "INGEST_MAX_RECEIVE_COUNT"
    LEDGER_DAYS = "INGEST_LEDGER_DAYS"
    LANDING_BUCKET = "INGEST_LANDING_BUCKET"
    STACK = "INGEST_STACK"


class Output:
    """Outputs of the stack. `table_output` returns the names of those for the feeds' tables."""

    LANDING_BUCKET = "LandingBucket"
    REJECTS_BUCKET = "RejectsBucket"
    QUEUE_URL = "QueueUrl"
    DEAD_LETTER_URL = "DeadLetterUrl"
    LEDGER_TABLE = "LedgerTable"
    LEDGER_DAYS = "LedgerDays"
    FUNCTION = "FunctionName"
    LOG_GROUP = "LogGroup"
    ALARM_TOPIC = "AlarmTopic"
    DASHBOARD = "Dashboard"


# Only where an existing bucket notifies the queue itself: the command to run once.
NOTIFY_COMMAND_OUTPUT = "NotifyCommand"

METRIC_NAMESPACE = "CsvIngest"


class Dimension:
    """Dimensions of every metric. Each value is emitted twice: by stack, for totals and alarms, and by stack and feed.

    A file name is never a dimension: CloudWatch charges for each distinct value.
    """

    STACK = "Stack"
    FEED = "Feed"


class Statistic:
    """How values of a metric are combined. Only sums are added over lines, feeds and periods; gauges never are."""

    SUM = "Sum"
    MAXIMUM = "Maximum"
    AVERAGE = "Average, Maximum"
    PERCENTILES = "p50, p99, Maximum"


class Emitted:
    """When metrics are emitted (docs/metrics.md has the details)."""

    LOADING = "while a file loads"  # with each checkpoint
    WRITING = "while rows are written"
    THROTTLED = "when DynamoDB throttles"
    ENDED = "when a file ends"
    SEGMENT = "when a segment ends"
    NOTIFIED = "when the message arrives"
    RETURNED = "when the message goes back to the queue"
    RECONCILED = "every `reconcile_minutes`"


_Row = tuple[str, str, str, str, str, str, bool]  # the columns of the table, as `Metric.__new__` takes them


def _count(
    name: str, emitted: str, meaning: str, *, unit: str = "Count", label: str = "", by_feed: bool = True
) -> _Row:
    return name, unit, Statistic.SUM, emitted, meaning, label, by_feed


def _gauge(name: str, unit: str, statistic: str, emitted: str, meaning: str) -> _Row:
    return name, unit, statistic, emitted, meaning, "", True


def _throttled(name: str, label: str) -> _Row:
    return _count(name, Emitted.THROTTLED, f"requests throttled: {label}", label=label)


class Metric(StrEnum):
    """The table of metrics. EMF units, `ingest top`, docs/metrics.md and the labels on dashboards are derived from it.

    Counts are named in past tense and plural, gauges by their noun. A new metric is a line here and a `put` where it
    happens; with an alarm, also the alarm and its section in the runbook.
    """

    unit: str  # as CloudWatch spells it
    statistic: str  # one of `Statistic`
    emitted: str  # one of `Emitted`
    meaning: str
    label: str  # on the dashboard; by default the name in words
    is_by_feed: bool  # if not, it is emitted with the feed "-"

    def __new__(
        cls, name: str, unit: str, statistic: str, emitted: str, meaning: str, label: str, is_by_feed: bool
    ) -> "Metric":
        """Return a metric whose value is its CloudWatch name, with the other columns as attributes."""
        metric = str.__new__(cls, name)
        metric._value_ = name
        metric.unit, metric.statistic, metric.emitted, metric.meaning = unit, statistic, emitted, meaning
        metric.label = label or "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
        metric.is_by_feed = is_by_feed
        return metric

    @property
    def is_sum(self) -> bool:
        """Whether values may be added up, which is wrong for a gauge."""
        return self.statistic == Statistic.SUM

    ROWS_READ = _count("RowsRead", Emitted.LOADING, "rows read from files, bad rows included")
    ROWS_WRITTEN = _count("RowsWritten", Emitted.LOADING, "rows written to the feeds' tables")
    ROWS_REJECTED = _count("RowsRejected", Emitted.LOADING, "rows written to the rejects bucket")
    ROWS_SUPERSEDED = _count("RowsSuperseded", Emitted.LOADING, "rows replaced by a later row with the same key")
    ROWS_SKIPPED = _count(
        "RowsSkipped", Emitted.LOADING, "rows not written because of what the table holds: `write`, `newest`"
    )
    BYTES_READ = _count("BytesRead", Emitted.LOADING, "uncompressed bytes read, header included", unit="Bytes")
    ROWS_PER_SECOND = _gauge(
        "RowsPerSecond", "Count/Second", Statistic.AVERAGE, Emitted.LOADING, "written by one function, per second"
    )
    WRITE_UNITS = _count("WriteUnits", Emitted.WRITING, "write units of the items written, without indexes")
    REQUESTS_SENT = _count(
        "RequestsSent", Emitted.WRITING, "write requests: at most 25 items each, or one where it has a condition"
    )
    REQUESTS_REPEATED = _count("RequestsRepeated", Emitted.WRITING, "requests that repeat an earlier request")
    REQUEST_LATENCY = _gauge(
        "RequestLatency", "Milliseconds", Statistic.PERCENTILES, Emitted.WRITING, "from request to response, sampled"
    )
    ITEMS_SENT = _count("ItemsSent", Emitted.WRITING, "items in all requests; items sent again count again")
    ITEMS_UNPROCESSED = _count("ItemsUnprocessed", Emitted.WRITING, "items DynamoDB returned as unprocessed")
    UNPROCESSED_SHARE = _gauge(
        "UnprocessedShare", "Percent", Statistic.AVERAGE, Emitted.WRITING, "unprocessed items per item sent"
    )
    REQUESTS_THROTTLED = _count("RequestsThrottled", Emitted.WRITING, "requests throttled as a whole, for any reason")
    THROTTLED_BY_KEY_RANGE = _throttled("ThrottledByKeyRange", "partition limit")
    THROTTLED_BY_ACCOUNT = _throttled("ThrottledByAccount", "account or table quota")
    THROTTLED_BY_MAXIMUM = _throttled("ThrottledByMaximum", "on-demand maximum of the table")
    THROTTLED_BY_PROVISIONED = _throttled("ThrottledByProvisioned", "provisioned capacity")
    THROTTLED_BY_OTHER = _throttled("ThrottledByOther", "other or no reason")
    FILES_COMPLETED = _count("FilesCompleted", Emitted.ENDED, "files whose rows are all accounted for")
    FILES_FAILED = _count("FilesFailed", Emitted.ENDED, "files that cannot be loaded as they are")
    FILES_SUPERSEDED = _count("FilesSuperseded", Emitted.ENDED, "files deleted or overwritten before they were loaded")
    FILES_UNDONE = _count("FilesUndone", Emitted.ENDED, "files whose items were deleted again: `ingest undo`")
    FILES_UNBALANCED = _count("FilesUnbalanced", Emitted.ENDED, "files whose row counts do not reconcile: a bug")
    EVENT_TO_VISIBLE = _gauge(
        "EventToVisible", "Seconds", Statistic.PERCENTILES, Emitted.ENDED, "from the S3 event to the completed file"
    )
    FILES_STALE = _count("FilesStale", Emitted.NOTIFIED, "notifications of a version that is not the newest")
    FILES_DUPLICATE = _count("FilesDuplicate", Emitted.NOTIFIED, "notifications of a file that is already claimed")
    FILES_IGNORED = _count(
        "FilesIgnored", Emitted.NOTIFIED, "notifications of objects that are not to be loaded: `exclude`, `include`"
    )
    MESSAGES_UNKNOWN = _count(
        "MessagesUnknown", Emitted.NOTIFIED, "messages of an unknown kind, dead-lettered", by_feed=False
    )
    FILES_RETRIED = _count("FilesRetried", Emitted.RETURNED, "files or segments put back at their checkpoint")
    HAND_OVERS = _count("HandOvers", Emitted.RETURNED, "continuation messages sent", label="hand-overs", by_feed=False)
    SEGMENTS_DONE = _count("SegmentsDone", Emitted.SEGMENT, "segments of large files read to their end")
    OLDEST_UNFINISHED_FILE = _gauge(
        "OldestUnfinishedFile", "Seconds", Statistic.MAXIMUM, Emitted.RECONCILED, "its age, or 0 if there is none"
    )


class Status:
    """The states of a file or segment in the ledger. `ingest.ledger.work_item` has the steps between them."""

    PENDING = "PENDING"  # a segment that is planned and not yet begun
    LOADING = "LOADING"  # leased by a worker
    WAITING = "WAITING"  # put back at its checkpoint until its message is delivered again
    SPLIT = "SPLIT"  # a file whose segments are all planned; the last segment to end closes it
    DONE = "DONE"  # a segment that was read to its end
    STOPPED = "STOPPED"  # a segment that was given up because its file has ended already
    COMPLETE = "COMPLETE"  # all rows accounted for
    FAILED = "FAILED"  # a file fault: it can never be loaded as it is
    SUPERSEDED = "SUPERSEDED"  # deleted or overwritten before all of it was loaded
    UNBALANCED = "UNBALANCED"  # read != written + rejected + superseded: a bug of ours
    UNDONE = "UNDONE"  # it was loaded, then an operator undid it: a separate attempt deletes its items
    IGNORED = "IGNORED"  # excluded by the feeds; can be claimed later if they no longer exclude it


FINAL_STATUSES = (Status.COMPLETE, Status.FAILED, Status.SUPERSEDED, Status.UNBALANCED, Status.UNDONE, Status.IGNORED)


class LedgerKeys:
    """Key attributes of the ledger table, its sort keys, and its one index (docs/ledger.md)."""

    PARTITION_KEY = "pk"  # "<bucket>/<object key>"
    SORT_KEY = "sk"  # HEAD, FILE_PREFIX + version, or SEGMENT_PREFIX or COUNT_PREFIX + version + "#" + a number
    HEAD = "HEAD"
    FILE_PREFIX = "FILE#"
    SEGMENT_PREFIX = "SEG#"
    COUNT_PREFIX = "COUNT#"
    RECONCILER = "RECONCILER"  # both keys of the item that holds the reconciler's lease
    FEEDS = "FEEDS"  # partition of all feeds ever deployed, by name; objects' partitions have a "/"
    SETTINGS = "SETTINGS"  # partition of the settings with which files were begun, by fingerprint
    BUDGET_PREFIX = "BUDGET#"  # + table: partition of its write budget, with HEAD and WORKER_PREFIX + worker's name
    WORKER_PREFIX = "WORKER#"
    INDEX = "listing"  # file entries by `LISTING`, in the order of time
    LISTING = "listing"  # "<feed>#OPEN" until the outcome is reported, then "<feed>#<status>#<day>"
    LISTED_AT = "listed_at"  # ISO 8601, UTC
    OPEN = "OPEN"
    EXPIRES = "expires"  # epoch seconds from which DynamoDB may delete it; open files have none


class MessageAttribute:
    """Message attributes of what the ingester sends to its own queue."""

    HOPS = "hops"  # number of hand-overs of the message
    STALLS = "stalls"  # number of hand-overs in a row without progress


class DeadLetterAttribute:
    """Message attributes of messages that the function itself sends to the dead-letter queue."""

    CODE = "code"
    REASON = "reason"


class RejectPart:
    """S3 metadata of a CSV of rejected rows: the number of bytes before and after the rows, and the rows' encoding.

    `LINE_END` is the code point of the feed's `line_end`, if it has one.
    """

    HEAD_BYTES = "head-bytes"
    FOOT_BYTES = "foot-bytes"
    ENCODING = "encoding"
    LINE_END = "line-end"


RECONCILE_MESSAGE = '{"ingest": "reconcile"}'  # the body a schedule sends


class Event:
    """The event sent to the account's default event bus, once for each outcome of a file."""

    SOURCE = "csv-ingest"
    FILE_ENDED = "file {}"  # detail types: file completed, file failed, file superseded, file unbalanced, file undone


class Reason:
    """Reason codes of rejects. Stable: users filter on them."""

    RAGGED_ROW = "ragged_row"
    BAD_QUOTE = "bad_quote"
    SWALLOWED_ROWS = "swallowed_rows"
    RECORD_TOO_LONG = "record_too_long"
    UNTERMINATED_QUOTE = "unterminated_quote"
    BAD_ENCODING = "bad_encoding"
    REPEATED_HEADER = "repeated_header"
    MISSING_VALUE = "missing_value"
    EMPTY_KEY = "empty_key"
    KEY_TOO_LONG = "key_too_long"
    BAD_NUMBER = "bad_number"
    NUMBER_OUT_OF_RANGE = "number_out_of_range"
    BAD_BOOLEAN = "bad_boolean"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_BINARY = "bad_binary"
    BAD_JSON = "bad_json"
    BAD_SET = "bad_set"
    ITEM_TOO_LARGE = "item_too_large"
    NO_VERSION = "no_version"
    VERSION_TYPE = "version_type"
    BAD_OPERATION = "bad_operation"
    REFUSED_BY_DYNAMODB = "refused_by_dynamodb"


class Skipped:
    """Why a row was skipped, by what the table already held."""

    OLDER = "older"  # `newest`: an item from a newer row
    EXISTS = "exists"  # `write = "insert"`: an item with its key
    UNCHANGED = "unchanged"  # `skip_unchanged`: the same item
    REPLACED = "replaced"  # `ingest undo`: an item of another file or version
    ABSENT = "absent"  # `ingest undo`: no item


SKIPPED = (Skipped.OLDER, Skipped.EXISTS, Skipped.UNCHANGED, Skipped.REPLACED, Skipped.ABSENT)
# The table held a row of the same file that replaces this one: superseded, as if found before writing.
DUPLICATE = "duplicate"


class WriteOperation:
    """What a row does to the item that has its key."""

    PUT = "put"
    UPDATE = "update"
    DELETE = "delete"


class Price:
    """List prices in US dollars, us-east-1, without free tiers, volume discounts and savings plans.

    Other regions cost up to twice as much, so figures based on these are estimates, not invoices. `PRICE_SOURCES` has
    the source of each price: tables of the Standard class, functions on arm64, standard queues, S3's Standard class.
    """

    REGION = "us-east-1"
    AS_OF = "2026-11-22"
    WRITE_UNIT = 0.625 / 1e6  # on demand, since the price cut of November 2024
    READ_UNIT = 0.125 / 1e6
    PROVISIONED_UNIT_HOUR = 0.00065  # one write a second, for an hour
    STORED_GB_MONTH = 0.25  # in a table or index
    LAMBDA_GB_SECOND = 0.0000133334
    LAMBDA_REQUEST = 0.20 / 1e6
    SQS_REQUEST = 0.40 / 1e6  # for each 64 KB begun
    S3_GET = 0.0004 / 1e3
    S3_PUT = 0.005 / 1e3
    S3_GB_MONTH = 0.023
    LOG_GB = 0.50
    METRIC_MONTH = 0.30  # for each name and dimensions sent in the month; charged by the hour
    TRANSFER_OUT_GB = 0.09  # to the internet
    IMPORT_GB = 0.15  # DynamoDB's Import from S3, by uncompressed size
    WARM_WRITE_UNIT = 0.00065  # once, for each write unit per second that warm throughput is raised by
    STREAM_READ = 0.02 / 1e5  # each stream read request of up to 1 MB; free for functions the stream triggers
    REPLICATED_GB = 0.02  # sent to a replica in another region


_PRICED_ON = {
    "dynamodb/pricing/on-demand": ("WRITE_UNIT", "READ_UNIT", "STORED_GB_MONTH"),
    "dynamodb/pricing/provisioned": ("PROVISIONED_UNIT_HOUR",),
    "lambda/pricing": ("LAMBDA_GB_SECOND", "LAMBDA_REQUEST"),
    "sqs/pricing": ("SQS_REQUEST",),
    "s3/pricing": ("S3_GET", "S3_PUT", "S3_GB_MONTH", "TRANSFER_OUT_GB"),
    "cloudwatch/pricing": ("LOG_GB", "METRIC_MONTH"),
}
REMEMBERED_PRICES = ("IMPORT_GB", "WARM_WRITE_UNIT", "STREAM_READ", "REPLICATED_GB")
REMEMBERED = "from memory, 2026-11-29"
PRICE_SOURCES = {name: f"aws.amazon.com/{page}, {Price.AS_OF}" for page, names in _PRICED_ON.items() for name in names}
PRICE_SOURCES |= dict.fromkeys(REMEMBERED_PRICES, f"{REMEMBERED}: compare aws.amazon.com/dynamodb/pricing")


def table_output(table: str) -> str:
    """Return the name of the stack output that holds a feed table's real name.

    >>> table_output("my-orders.v2")
    'TableMyOrdersV2'
    """
    words = "".join(c if c.isalnum() else " " for c in table).split()
    return "Table" + "".join(word[0].upper() + word[1:] for word in words)
