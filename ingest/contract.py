"""Names that the stack, the function and its judges must spell alike. Imports nothing."""

# How Lambda finds the handler.
HANDLER = "ingest.worker.handler.handle"
SERVICE = "ingest"  # in every log line. Not by environment: powertools would make it a dimension of every metric
FEEDS_FILE = "feeds.toml"  # beside the `ingest` package in the function's zip

# The DynamoDB operation that writes a feed's items, and which operations each kind of writer (`writer` of a feed) calls
# on the feed's table: `ingest.dynamodb` sends them, `infra` grants them.
BATCH_WRITE_ITEM = "BatchWriteItem"
WRITE_OPERATIONS = {"fast": (BATCH_WRITE_ITEM,), "boto3": (BATCH_WRITE_ITEM,)}


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
    LANDING_BUCKET = "INGEST_LANDING_BUCKET"
    STACK = "INGEST_STACK"


class Output:
    """Outputs of the stack. `table_output` names those of the feeds' tables."""

    LANDING_BUCKET = "LandingBucket"
    REJECTS_BUCKET = "RejectsBucket"
    QUEUE_URL = "QueueUrl"
    DEAD_LETTER_URL = "DeadLetterUrl"
    LEDGER_TABLE = "LedgerTable"
    FUNCTION = "FunctionName"
    LOG_GROUP = "LogGroup"
    ALARM_TOPIC = "AlarmTopic"
    DASHBOARD = "Dashboard"


# Only where an existing bucket notifies the queue itself: what somebody must run once.
NOTIFY_COMMAND_OUTPUT = "NotifyCommand"

METRIC_NAMESPACE = "CsvIngest"


class Dimension:
    """Dimensions of every metric, which is told twice: by stack, for totals and alarms, and by stack and feed.

    Never a file name: each distinct value is a metric to pay for.
    """

    STACK = "Stack"
    FEED = "Feed"


class Metric:
    """CloudWatch metric names: counts in past tense and plural, measures by their noun (docs/metrics.md)."""

    ROWS_READ = "RowsRead"
    ROWS_WRITTEN = "RowsWritten"
    ROWS_REJECTED = "RowsRejected"
    ROWS_SUPERSEDED = "RowsSuperseded"
    BYTES_READ = "BytesRead"
    FILES_COMPLETED = "FilesCompleted"
    FILES_FAILED = "FilesFailed"
    FILES_SUPERSEDED = "FilesSuperseded"
    FILES_STALE = "FilesStale"
    FILES_DUPLICATE = "FilesDuplicate"
    FILES_UNBALANCED = "FilesUnbalanced"
    FILES_RETRIED = "FilesRetried"
    HAND_OVERS = "HandOvers"  # a message sent again by a function whose time was up, or whose table was full
    SEGMENTS_DONE = "SegmentsDone"
    MESSAGES_UNKNOWN = "MessagesUnknown"
    WRITE_UNITS = "WriteUnits"  # of the items taken, 1 KB each begun; an index of the table costs more
    ROWS_PER_SECOND = "RowsPerSecond"  # written by one function since it told last
    REQUESTS_SENT = "RequestsSent"  # to the feed's table, of 25 items at most
    REQUESTS_REPEATED = "RequestsRepeated"
    REQUESTS_THROTTLED = "RequestsThrottled"  # by one or more of the reasons below
    REQUEST_LATENCY = "RequestLatency"  # milliseconds, a sample of the requests answered
    ITEMS_SENT = "ItemsSent"  # in all requests, so again where they are sent again
    UNPROCESSED_SHARE = "UnprocessedShare"  # percent of the items sent
    ITEMS_UNPROCESSED = "ItemsUnprocessed"  # left over by requests of which a part was taken
    THROTTLED_BY_KEY_RANGE = "ThrottledByKeyRange"
    THROTTLED_BY_ACCOUNT = "ThrottledByAccount"
    THROTTLED_BY_MAXIMUM = "ThrottledByMaximum"
    THROTTLED_BY_PROVISIONED = "ThrottledByProvisioned"
    THROTTLED_BY_OTHER = "ThrottledByOther"
    EVENT_TO_VISIBLE = "EventToVisible"  # seconds from the S3 event to the closed file
    OLDEST_UNFINISHED_FILE = "OldestUnfinishedFile"  # seconds since it was first seen; 0 where there is none


class Status:
    """What a file, or a segment of one, can be in the ledger. `ingest.ledger.states` says how one becomes another."""

    PENDING = "PENDING"  # a segment that is planned and was not begun yet
    LOADING = "LOADING"  # leased by a worker
    WAITING = "WAITING"  # put back at its checkpoint: its message comes back
    SPLIT = "SPLIT"  # a file whose segments are all planned: the last to end closes it
    DONE = "DONE"  # a segment that was read to its end
    STOPPED = "STOPPED"  # a segment that was given up, because its file has ended otherwise
    COMPLETE = "COMPLETE"  # all rows accounted for
    FAILED = "FAILED"  # a file fault: it will never load as it is
    SUPERSEDED = "SUPERSEDED"  # deleted or overwritten before all of it was loaded
    UNBALANCED = "UNBALANCED"  # read != written + rejected + superseded: a bug, report it


FINAL_STATUSES = (Status.COMPLETE, Status.FAILED, Status.SUPERSEDED, Status.UNBALANCED)


class LedgerKeys:
    """Key attributes of the ledger table, its sort keys, and its one index (docs/ledger.md)."""

    PARTITION_KEY = "pk"  # "<bucket>/<object key>"
    SORT_KEY = "sk"  # HEAD, FILE_PREFIX + version, or SEGMENT_PREFIX + version + "#" + first byte
    HEAD = "HEAD"
    FILE_PREFIX = "FILE#"
    SEGMENT_PREFIX = "SEG#"
    INDEX = "listing"  # file records by what `LISTING` says, in the order of time
    LISTING = "listing"  # "<feed>#OPEN" until the outcome is reported, then "<feed>#<status>#<day>"
    LISTED_AT = "listed_at"  # ISO 8601, UTC
    OPEN = "OPEN"


class MessageAttribute:
    """Message attributes of what the ingester sends to its own queue."""

    HOPS = "hops"  # how often the message was handed over
    STALLS = "stalls"  # how often in a row without progress


class DeadLetterAttribute:
    """Message attributes of what the function puts in the dead-letter queue itself."""

    CODE = "code"
    REASON = "reason"


class RejectPart:
    """Metadata of a CSV of rejected rows: how many bytes stand before and behind the rows, and their encoding."""

    HEAD_BYTES = "head-bytes"
    FOOT_BYTES = "foot-bytes"
    ENCODING = "encoding"


RECONCILE_MESSAGE = '{"ingest": "reconcile"}'  # the body a schedule sends


class Event:
    """What goes to the account's default event bus, once for each outcome of a file."""

    SOURCE = "csv-ingest"
    FILE_ENDED = "file {}"  # detail types: file completed, file failed, file superseded, file unbalanced


class Reason:
    """Reason codes of rejects. Stable: users filter on them."""

    RAGGED_ROW = "ragged_row"
    RECORD_TOO_LONG = "record_too_long"
    UNTERMINATED_QUOTE = "unterminated_quote"
    BAD_ENCODING = "bad_encoding"
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
    REFUSED_BY_DYNAMODB = "refused_by_dynamodb"


class Price:
    """List prices in US dollars, us-east-1, without free tiers, volume discounts and savings plans.

    Other regions cost up to twice as much: figures made of these are estimates, not invoices. Sources:
    aws.amazon.com/dynamodb/pricing/on-demand and /provisioned (Standard class), /lambda/pricing (arm64),
    /sqs/pricing (standard queue), /s3/pricing (Standard class), /cloudwatch/pricing.
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
    METRIC_MONTH = 0.30  # for each name with its dimensions that was sent in the month; charged by the hour
    TRANSFER_OUT_GB = 0.09  # to the internet


def table_output(table: str) -> str:
    """Return the name of the stack output that holds a feed table's real name.

    >>> table_output("my-orders.v2")
    'TableMyOrdersV2'
    """
    words = "".join(c if c.isalnum() else " " for c in table).split()
    return "Table" + "".join(word[0].upper() + word[1:] for word in words)
