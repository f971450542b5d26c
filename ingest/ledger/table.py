"""The ledger table: reads of its items, and changes by key on the condition of a step (`ingest.ledger.work_item`)."""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from boto3.dynamodb.conditions import Key
from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError

from ingest.aws.clock import send_again_pause_s
from ingest.aws.errors import aws_call, error_code
from ingest.contract import CONDITION_FAILED, LedgerKeys
from ingest.errors import IngestError, Throttled, error_of
from ingest.file import FileVersion
from ingest.ledger.row_counts import COUNTED, NOTHING, RowCounts
from ingest.ledger.work_item import (
    FILE_STEPS,
    NEW,
    SEGMENT_STEPS,
    Checkpoint,
    KeptFeed,
    SegmentPlan,
    Step,
    WorkItem,
    WrittenItems,
)
from ingest.reading.blocks import Position

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table

MAX_MESSAGE = 2000  # characters of an error message, so that the item does not exceed DynamoDB's limit
TRANSACTION_ATTEMPTS = 10  # many workers may end segments of one file at the same moment
COUNT_ENTRIES = 128  # of a split file, each for a part of its segments (docs/decisions/0020)
KEEP_DAYS = 400  # the default of `ledger_days` in infra.settings
DAY_S = 86_400
MOST_KEYS = 100  # https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
PAUSE_S = 0.2  # before unprocessed keys are requested again
RECONCILER_KEY = dict.fromkeys((LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY), LedgerKeys.RECONCILER)
ALWAYS = "attribute_exists(#pk) OR attribute_not_exists(#pk)"  # a condition that always holds
_RESERVED = {"#status": "status", "#file": "file", "#error": "error", "#plan": "plan", "#at": "at"}
_RESERVED |= {"#pk": LedgerKeys.PARTITION_KEY, "#start": "start", "#end": "end", "#window": "window"}
_TEMPORARY = {"TransactionConflictException", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
_NUMBERS = ("size_bytes", "retry")  # fields of a file that are integers
Item = dict[str, Any]


class LedgerClock(Protocol):
    """The time functions that the ledger uses: for the times in entries, and for pauses before retries."""

    def now_s(self) -> float:
        """Return epoch seconds."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def chance(self) -> float:
        """Return a random number in [0, 1)."""


class LedgerTable:
    """Reads and changes items of the ledger table. `dynamodb` is the table as a boto3 resource.

    `update_item`, if given, is called instead of the resource's method, with the same arguments and responses.
    """

    def __init__(
        self,
        *,
        dynamodb: "Table",
        clock: LedgerClock,
        keep_days: Callable[[], float] = lambda: KEEP_DAYS,
        update_item: Callable[..., Any] | None = None,
    ) -> None:
        self.dynamodb = dynamodb
        self._update_item = update_item or dynamodb.update_item
        self.clock = clock
        self.begun_here: Item = {}  # what this process last began in a HEAD, with the key of its entry
        self._keep_days = keep_days

    def expires(self) -> Item:
        """Return the value `:expires`, for an entry whose last change, as far as is known, is now.

        It is in whole seconds, as DynamoDB requires; DynamoDB deletes the item within days after that time.
        """
        return {":expires": math.ceil(self.clock.now_s() + self._keep_days() * DAY_S)}

    def update(self, what: str, key: Mapping[str, str], change: str, condition: str, values: Item) -> tuple[bool, Item]:
        """Change an item on a condition; return whether the condition held, and the current item."""
        expressions = _expressions(change, condition, values)

        def send() -> Any:
            return self._update_item(
                Key=key, ReturnValues="ALL_NEW", ReturnValuesOnConditionCheckFailure="ALL_OLD", **expressions
            )

        with aws_call(f"{what} in the ledger {self.dynamodb.name}"):
            try:
                answer = self._persist(send)
            except ClientError as error:
                if error_code(error) != CONDITION_FAILED:
                    raise
                return False, plain(error.response.get("Item", {}))  # type: ignore[arg-type]
        return True, answer.get("Attributes", {})

    def transact(self, what: str, *changes: tuple[Mapping[str, str], str, str, Item]) -> tuple[int, ...]:
        """Make all of several changes, each (key, change, condition, values), or none of them.

        Return the indexes, from 0, of the changes whose conditions did not hold; empty if all were made.
        """
        updates: list[Any] = [
            {"Update": {"TableName": self.dynamodb.name, "Key": key, **_expressions(change, condition, values)}}
            for key, change, condition, values in changes
        ]
        with aws_call(f"{what} in the ledger {self.dynamodb.name}"):
            try:
                self._persist(lambda: self.dynamodb.meta.client.transact_write_items(TransactItems=updates))
            except ClientError as error:
                failed = tuple(n for n, reason in enumerate(_reasons(error)) if reason == "ConditionalCheckFailed")
                if failed:
                    return failed
                if _is_temporary(error):
                    raise Throttled(
                        f"The ledger {self.dynamodb.name} took no transaction while {what}: {error}"
                    ) from error
                raise
        return ()

    def _persist(self, send: Callable[[], Any]) -> Any:
        """Retry a request while other transactions conflict with it; a failed request has written nothing."""
        for attempt in range(TRANSACTION_ATTEMPTS - 1):
            try:
                return send()
            except ClientError as error:
                if not _is_temporary(error):
                    raise
                self.clock.sleep(send_again_pause_s(attempt, chance=self.clock.chance()))
        return send()

    def read(self, what: str, file: FileVersion, *sort_keys: str) -> dict[str, Item]:
        """Return items of a file by sort key, read consistently one by one; missing items are left out."""
        keys = [key_of(file, sort_key) for sort_key in sort_keys]
        with aws_call(f"{what} in the ledger {self.dynamodb.name}"):
            found = [self.dynamodb.get_item(Key=key, ConsistentRead=True).get("Item") for key in keys]
        return {str(item[LedgerKeys.SORT_KEY]): item for item in found if item}

    def counted(self, file: FileVersion) -> Item:
        """Return the sums of a file's ended segments, as attributes of the file: `counted`, which has the row counts
        and the number of segments, and `moved`, when the last of them ended. Empty if no segment has ended."""
        sort_key = Key(LedgerKeys.SORT_KEY).begins_with(f"{LedgerKeys.COUNT_PREFIX}{file.version}#")
        condition = Key(LedgerKeys.PARTITION_KEY).eq(f"{file.bucket}/{file.key}") & sort_key
        query = {"KeyConditionExpression": condition, "ConsistentRead": True}
        shares = list(self.query("summing up a file", query))
        row_counts, segments = NOTHING, 0
        for share in shares:
            row_counts, segments = row_counts.plus(_own_counts(share)), segments + int(share.get("segments_done", 0))
        sums = [*row_counts.listed(), segments]
        return {"counted": sums, "moved": max(share["moved"] for share in shares)} if shares else {}

    def items(self, what: str, keys: Iterable[Item], *, is_consistent: bool = True) -> Iterator[Item]:
        """Yield the items of some keys, which must be distinct, in any order; missing items are left out."""
        rest, pause_s = list(keys), 0.0
        while rest:
            self.clock.sleep(pause_s)
            request: Any = {self.dynamodb.name: {"Keys": rest[:MOST_KEYS], "ConsistentRead": is_consistent}}
            with aws_call(f"{what} in the ledger {self.dynamodb.name}"):
                answer: Any = self.dynamodb.meta.client.batch_get_item(RequestItems=request)
            yield from answer["Responses"].get(self.dynamodb.name, [])
            left = answer.get("UnprocessedKeys", {}).get(self.dynamodb.name, {}).get("Keys", [])
            rest, pause_s = left + rest[MOST_KEYS:], PAUSE_S if left else 0.0

    def query(self, what: str, query: Any) -> Iterator[Item]:
        """Yield the items that a query finds, from all pages."""
        while True:
            with aws_call(f"{what} in the ledger {self.dynamodb.name}"):
                page: Any = self.dynamodb.query(**query)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            query = query | {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def key_of(file: FileVersion, sort_key: str) -> dict[str, str]:
    """Return the key of an item that belongs to a file."""
    return {LedgerKeys.PARTITION_KEY: f"{file.bucket}/{file.key}", LedgerKeys.SORT_KEY: sort_key}


def entry_key(work: WorkItem) -> dict[str, str]:
    """Return the key of the entry of a file or segment."""
    return key_of(work.file, work.sort_key)


def settings_key(fingerprint: str) -> dict[str, str]:
    """Return the key of the item that keeps the settings with which files were begun."""
    return {LedgerKeys.PARTITION_KEY: LedgerKeys.SETTINGS, LedgerKeys.SORT_KEY: fingerprint}


def feed_key(name: str) -> dict[str, str]:
    """Return the key of the item that has the latest settings of a feed."""
    return {LedgerKeys.PARTITION_KEY: LedgerKeys.FEEDS, LedgerKeys.SORT_KEY: name}


def kept_feeds(table: LedgerTable) -> dict[str, KeptFeed]:
    """Return all feeds that were ever deployed, by name."""
    query = {"KeyConditionExpression": Key(LedgerKeys.PARTITION_KEY).eq(LedgerKeys.FEEDS), "ConsistentRead": True}
    found = table.query("listing feeds", query)
    return {
        str(item[LedgerKeys.SORT_KEY]): KeptFeed(str(item["settings"]), unpack(item), "removed" not in item)
        for item in found
    }


def unpack(item: Item) -> str:
    """Return the text in an item. It is stored compressed, because a feed may have thousands of columns."""
    return zlib.decompress(bytes(item["packed"])).decode()


def count_key(work: WorkItem) -> dict[str, str]:
    """Return the key of the entry in which a segment is counted when it has ended.

    With a single entry per file, transactions would conflict: of two on the same entry, one is cancelled.
    """
    assert work.segment is not None
    number = zlib.crc32(b"%d" % work.segment.start.byte) % COUNT_ENTRIES
    return key_of(work.file, f"{LedgerKeys.COUNT_PREFIX}{work.file.version}#{number:03d}")


def steps_of(work: WorkItem) -> dict[str, Step]:
    """Return the steps that a file or a segment can take."""
    return FILE_STEPS if work.segment is None else SEGMENT_STEPS


def allowed(step: Step) -> tuple[str, Item]:
    """Return the condition of a step, and the values in it except `:lease` and `:now`."""
    states = [state for state in step.sources if state != NEW]
    values: Item = {f":from{n}": state for n, state in enumerate(states)}
    condition = f"#status IN ({', '.join(values)})" if states else ""
    if step.lease == "free":
        condition += " AND lease_until <= :now"
    elif step.lease == "held":
        condition += " AND lease = :lease"
    if NEW in step.sources:
        condition = f"attribute_not_exists(#pk) OR ({condition})" if condition else "attribute_not_exists(#pk)"
    return condition, values


def _expressions(change: str, condition: str, values: Item) -> Any:
    used = {name: real for name, real in _RESERVED.items() if name in change or name in condition}
    expressions = {"UpdateExpression": change, "ConditionExpression": condition, "ExpressionAttributeValues": values}
    return expressions | ({"ExpressionAttributeNames": used} if used else {})


def _is_temporary(error: ClientError) -> bool:
    """Return whether retrying at once may help. botocore does not evaluate why a transaction was cancelled."""
    reasons = {error_code(error), *_reasons(error)}
    return "ConditionalCheckFailed" not in reasons and not _TEMPORARY.isdisjoint(reasons)


def _reasons(error: ClientError) -> list[str]:
    """Return the reasons why a transaction was cancelled, one for each of its changes."""
    reasons: Any = error.response.get("CancellationReasons", [])
    return [str(reason.get("Code")) for reason in reasons]


def plain(item: Mapping[str, Any]) -> Item:
    """Return an item from DynamoDB JSON, which is what an error response has even in the resource layer."""
    return {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


def number(seconds: float) -> Decimal:
    """Return a time as the ledger stores it."""
    return Decimal(f"{seconds:.3f}")


def file_fields(file: FileVersion) -> Item:
    """Return the known fields of a file, as the ledger stores them."""
    return {name: value for name, value in asdict(file).items() if value is not None}


def read_file(fields: Item) -> FileVersion:
    """Return a file from its fields in an entry."""
    known = {name: value for name, value in fields.items() if name in FileVersion.__slots__}
    return FileVersion(**known | {name: int(known[name]) for name in _NUMBERS if name in known})


def set_fields(fields: Item, *, if_new: bool = False) -> tuple[str, Item]:
    """Return the change that sets attributes, to append to another change, and its values. `if_new`: set only
    attributes that do not exist."""
    names = {name: mark for mark, name in _RESERVED.items()}
    marked = {name: names.get(name, name) for name in fields}
    new = {name: f"if_not_exists({mark}, :{name})" if if_new else f":{name}" for name, mark in marked.items()}
    change = "".join(f", {mark} = {new[name]}" for name, mark in marked.items())
    return change, {f":{name}": value for name, value in fields.items()}


def error_fields(error: IngestError) -> Item:
    """Return an error as the ledger stores it."""
    return {"code": error.code, "message": str(error)[:MAX_MESSAGE]}


def read_error(item: Item) -> IngestError | None:
    """Return the error of an entry, if it has one."""
    return error_of(item["error"]["code"], item["error"]["message"]) if "error" in item else None


def position_fields(position: Position) -> list[int]:
    """Return a position in a file as the ledger stores it."""
    return [position.byte, position.line, position.open_left, position.text_byte]


def read_position(fields: Any) -> Position:
    """Return a position in a file from its fields in an entry."""
    return Position(*map(int, fields))


def set_row_counts(row_counts: RowCounts) -> tuple[str, Item]:
    """Return the change that sets all row counts, to append to another change, and its values."""
    values = _count_values(row_counts)
    return "".join(f", {name[1:]} = {name}" for name in values), values


def add_row_counts(row_counts: RowCounts) -> tuple[str, Item]:
    """Return the change that adds to all row counts, to append to an ADD, and its values."""
    values = _count_values(row_counts)
    return ", ".join(f"{name[1:]} {name}" for name in values), values


def _count_values(row_counts: RowCounts) -> Item:
    """Return the counts as values. Those of skipped rows, which never decrease, are left out if they are zero."""
    counts = row_counts.counts()
    return {f":{name}": count for name, count in counts.items() if count or name in COUNTED}


def set_checkpoint(checkpoint: Checkpoint) -> tuple[str, Item]:
    """Return the change that sets a checkpoint, to append to another change, and its values."""
    values: Item = {":at": position_fields(checkpoint.at), ":window": position_fields(checkpoint.window)}
    values |= {":written": checkpoint.written.packed()}
    return ", #at = :at, #window = :window, written = :written", values


def row_counts_of(item: Item) -> RowCounts:
    """Return the row counts of an entry: its own, and for a split file also the sums of its segments."""
    own = _own_counts(item)
    return own.plus(RowCounts(*map(int, item["counted"][:-1]))) if "counted" in item else own


def _own_counts(item: Item) -> RowCounts:
    return RowCounts(**{name: int(item.get(name, 0)) for name in RowCounts.__slots__})


def segments_done_of(item: Item) -> int:
    """Return how many segments of a file have ended: those it began with, and those that ended later."""
    return int(item.get("segments_done", 0)) + (int(item["counted"][-1]) if "counted" in item else 0)


def checkpoint_of(item: Item) -> Checkpoint | None:
    """Return the checkpoint of an entry, if it has one."""
    if "at" not in item:
        return None
    row_counts = RowCounts(*map(int, item["at_row_counts"])) if "at_row_counts" in item else row_counts_of(item)
    written = WrittenItems.unpacked(bytes(item.get("written", b"")))
    return Checkpoint(read_position(item["at"]), read_position(item["window"]), row_counts, written)


def is_newest_in(found: Mapping[str, Item], file: FileVersion) -> bool:
    """Return whether a file is the newest version known, from entries of its object that were read.

    A version found in the bucket counts as newest: it cannot be compared, and reading it fails if it is not. A version
    to undo need not be the newest.
    """
    return (
        not file.sequencer
        or bool(file.undo)
        or str(found.get(LedgerKeys.HEAD, {}).get("sequencer", "")) <= file.version
    )


def plan_of(item: Item) -> SegmentPlan | None:
    """Return the plan of a file's entry, if it has one."""
    return SegmentPlan(read_position(item["plan"]), int(item.get("segments_planned", 0))) if "plan" in item else None
