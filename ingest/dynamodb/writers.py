"""Chooses a feed's writer, opens the session for its table, and checks that the table has the feed's keys.

The only place where a write mode is chosen: for the function, for `ingest load` and for the tests. Also the reference
writer, which leaves all requests to boto3's `Table.batch_writer`.
"""

import time
from collections.abc import Callable
from decimal import DecimalException
from functools import partial
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from ingest.aws.errors import aws_call, error_code, translate
from ingest.contract import WriteOperation
from ingest.dynamodb.budget.holder import NO_BUDGETS, WriteBudgets, write_capacity
from ingest.dynamodb.encode import python_items
from ingest.dynamodb.http.client import AwsSession, Exchange, table_exchange
from ingest.dynamodb.item_writer import Heartbeat, ItemWriter, Taken, WriteResult, check_refusal, not_noted
from ingest.dynamodb.request_loop import RequestLoop
from ingest.dynamodb.single_requests import WriteRules
from ingest.dynamodb.single_writer import SINGLE_LIMITER, ChangeWriter, FastWriter, SingleWriter, SkipUnchangedWriter
from ingest.dynamodb.unchanged import READ_LIMITER, ComparisonRules, KeysRequest
from ingest.dynamodb.write_stats import WriteStats, write_units
from ingest.dynamodb.writer import BatchWriter
from ingest.errors import AccessDenied, ServiceFault, TableKeysDiffer, TableMissing, Throttled, Unavailable
from ingest.feeds.feed import Feed
from ingest.feeds.writing import writes_batches
from ingest.items.items import Items, Refusal
from ingest.items.mapping import Described, Mapping, table_faults

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import Table


SESSION_NAME = "csv-ingest"  # what the owner of the table sees in CloudTrail
KEPT_S = 60.0  # how long a table's description is reused if its keys are those of the feed
DIFFERS_S = 10.0  # the maximum age of a description that fails a file: the table may have been created again


class WriterFactory:
    """Makes the writers of feeds. Assumed roles and connections are reused from file to file.

    `dynamodb` is the session's client, if it exists already: creating another takes time. `warn` is called with a
    sentence for each table that may not be described. `budgets` are the write budgets of tables that have a limit.
    """

    def __init__(
        self,
        session: AwsSession,
        config: Config,
        *,
        dynamodb: Any = None,
        warn: Callable[[str], None] = lambda sentence: None,
        budgets: WriteBudgets = NO_BUDGETS,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._config = config
        self._dynamodb = dynamodb
        self._warn = warn
        self._budgets = budgets
        self._now_s = now_s
        self._described: dict[tuple[str, str | None, str | None], tuple[float, Described | None]] = {}
        self._opened: dict[tuple[str | None, str | None], tuple[AwsSession, Any]] = {}
        self._resources: dict[AwsSession, Any] = {}  # only for boto3's writer
        self._fast: dict[tuple[object, ...], FastWriter | SkipUnchangedWriter] = {}

    def writer_for(self, feed: Feed, *, table: str | None = None) -> ItemWriter:
        """Return a feed's writer, for its own table or another. It sends AWS no request before the first item."""
        name = table or feed.table
        opened, dynamodb = self._open(feed.role, feed.region)
        rules = WriteRules.of(feed)
        if feed.writer == "boto3":
            if opened not in self._resources:
                self._resources[opened] = opened.resource("dynamodb", config=self._config)
            return Boto3Writer(self._resources[opened].Table(name), operation=rules.operation)
        compared = ComparisonRules.of(feed) if feed.skip_unchanged and not rules.is_undo else None
        ways = (feed.is_conditional, writes_batches(feed))
        key = (name, feed.interleave, feed.role, feed.region, ways, rules, compared)
        if key not in self._fast:
            connect = partial(table_exchange, opened, dynamodb, name)
            budget = self._budgets.of(name, lambda: write_capacity(self.describe(feed, table=name)))
            writer = _writer(feed, rules, partial(RequestLoop, name, connect, budget=budget))
            self._fast[key] = SkipUnchangedWriter(_reads(name, connect), writer, compared) if compared else writer
        return self._fast[key]

    def reads_for(self, feed: Feed, *, table: str | None = None) -> RequestLoop[KeysRequest]:
        """Return a request loop that reads items by their keys from a feed's table, or from another."""
        opened, dynamodb = self._open(feed.role, feed.region)
        name = table or feed.table
        return _reads(name, partial(table_exchange, opened, dynamodb, name))

    def check_table(self, feed: Feed, mapping: Mapping, *, table: str | None = None) -> None:
        """Compare the keys of a feed's table, or of another, with those of the items that a mapping makes.

        Describes each table once, and again when the description is old. Without permission to do that, it warns and
        returns: if the keys differ, the first write then raises TableKeysDiffer.

        Raises:
            TableKeysDiffer: the table would refuse every item.
            ServiceFault: the table does not exist, or DynamoDB is throttling or unavailable.
        """
        name = table or feed.table
        if self._faults(feed, mapping, name, KEPT_S):
            faults = self._faults(feed, mapping, name, DIFFERS_S)
            if faults:
                raise TableKeysDiffer(f"Nothing can be written to table {name}: {'; '.join(faults)}.")

    def describe(self, feed: Feed, *, table: str | None = None) -> Described:
        """Return DynamoDB's description of a feed's table, or of another.

        Raises:
            ServiceFault: it does not exist, may not be described, or DynamoDB is throttling or unavailable.
        """
        name = table or feed.table
        with aws_call(f"looking at the keys of table {name}"):
            _, dynamodb = self._open(feed.role, feed.region)
            described: Described = dynamodb.describe_table(TableName=name)["Table"]
        return described

    def _faults(self, feed: Feed, mapping: Mapping, name: str, kept_s: float) -> list[str]:
        """Return what is wrong with a table, by a description that is at most `kept_s` seconds old."""
        place = (name, feed.role, feed.region)
        at_s, described = self._described.get(place, (float("-inf"), None))
        if self._now_s() - at_s > kept_s:
            described = self._look(feed, name)
            self._described[place] = (self._now_s(), described)
        return table_faults(mapping, described) if described else []

    def _look(self, feed: Feed, name: str) -> Described | None:
        """Return a table's description; None without permission to describe it, as in another account.

        Raises:
            ServiceFault: writing would fail as well, or DynamoDB is throttling or unavailable.
        """
        try:
            return self.describe(feed, table=name)
        except TableMissing as fault:
            raise TableMissing(f"Table {name} does not exist; create it, or change the feed's table.") from fault
        except (Throttled, Unavailable):
            raise
        except ServiceFault as fault:
            code = error_code(fault.__cause__) if isinstance(fault.__cause__, ClientError) else ""
            if not code or (isinstance(fault, AccessDenied) and not code.startswith("AccessDenied")):
                raise  # there are no credentials, or they have expired
            self._warn(f"The keys of table {name} were not compared with those of its feed. {fault}")
            return None

    def _open(self, role: str | None, region: str | None) -> tuple[AwsSession, Any]:
        if (role, region) not in self._opened:
            opened = table_session(self._session, role=role, region=region, config=self._config)
            is_own = opened is self._session and self._dynamodb is not None
            dynamodb = self._dynamodb if is_own else opened.client("dynamodb", config=self._config)
            self._opened[role, region] = opened, dynamodb
        return self._opened[role, region]


def _writer(feed: Feed, rules: WriteRules, loop: Callable[..., RequestLoop[Any]]) -> FastWriter:
    """Return the writer for a feed's items."""
    batches = BatchWriter(loop(), interleave=feed.interleave, operation=rules.operation)
    if not feed.is_conditional:
        return batches
    singles = SingleWriter(loop(limiter=SINGLE_LIMITER), rules, interleave=feed.interleave, clock_s=time.time)
    return ChangeWriter(batches, singles) if writes_batches(feed) else singles


def _reads(table: str, connect: Callable[[], Exchange[Any]]) -> RequestLoop[KeysRequest]:
    return RequestLoop[KeysRequest](table, connect, limiter=READ_LIMITER, doing="reading from")


def table_session(
    session: AwsSession, *, role: str | None, region: str | None, config: Config | None = None
) -> AwsSession:
    """Return the session for writing to a table. It sends AWS no request before the first write.

    Credentials of an assumed role are valid for an hour, AWS's maximum for role chaining; botocore renews them fifteen
    minutes before they expire.
    """
    if role is None and region in (None, session.region_name):
        return session
    import boto3

    provider: CredentialProvider = _Assumed(session, role, config) if role else _Same(session)
    opened = botocore.session.Session()
    opened.register_component("credential_provider", CredentialResolver([provider]))
    return boto3.Session(botocore_session=opened, region_name=region or session.region_name)


class _Same(CredentialProvider):
    METHOD = "of another session"

    def __init__(self, session: AwsSession) -> None:
        super().__init__()
        self._session = session

    def load(self) -> Credentials | None:
        return self._session.get_credentials()


class _Assumed(CredentialProvider):
    METHOD = "assume-role"

    def __init__(self, session: AwsSession, role: str, config: Config | None) -> None:
        super().__init__()
        self._session = session
        self._role = role
        self._config = config

    def load(self) -> Credentials:
        source = self._session.get_credentials()
        if source is None:
            raise NoCredentialsError
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._client,
            source_credentials=source,
            role_arn=self._role,
            extra_args={"RoleSessionName": SESSION_NAME},
        )
        return DeferredRefreshableCredentials(refresh_using=fetcher.fetch_credentials, method=self.METHOD)

    def _client(self, service: str, **credentials: str) -> BaseClient:
        """Return a client in the stack's own region, where the VPC's endpoint of STS is, if there is one."""
        client: BaseClient = self._session.client(service, config=self._config, **credentials)
        return client


SLICE_ITEMS = 1000  # how many items are Python objects at a time


class Boto3Writer:
    """Writes items through boto3, one batch after another: slow but well known, the reference for faster writers.

    boto3 retries unprocessed items at once and without limit: under a long throttle only the function's time-out
    stops it.
    """

    def __init__(self, table: "Table", *, operation: str = WriteOperation.PUT) -> None:
        self._table = table
        self._operation = operation  # for items that have none of their own
        self.stats = WriteStats()  # only items and write units: boto3 does not report its requests

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        """Put or delete all items; return those DynamoDB refuses. All others are durable then.

        `taken` is called with each slice of which no item was refused.

        Raises:
            TableKeysDiffer: the table has other keys than the items.
            ServiceFault: not all are written.
            IngestError: raised by `heartbeat`, which is called after each slice; not all are written.
        """
        refusals: list[Refusal] = []
        for start in range(0, len(items), SLICE_ITEMS):
            end = min(start + SLICE_ITEMS, len(items))
            refused = self._write_range(items, start, end, heartbeat)
            if not refused:
                taken(range(start, end))
            refusals += refused
        return WriteResult(refusals)

    def _write_range(self, items: Items, start: int, end: int, heartbeat: Heartbeat) -> list[Refusal]:
        """Write items[start:end]; where DynamoDB refuses a batch, halve it until each refused item is alone."""
        try:
            self._send(items.slice(start, end))
            heartbeat()
        except DecimalException:  # boto3's context is narrower than DynamoDB below 1E-128
            message = "the item holds a number boto3 cannot send without rounding it"
        except (ClientError, BotoCoreError) as error:
            if not isinstance(error, ClientError) or error_code(error) != "ValidationException":
                raise translate(error, f"writing to table {self._table.name}") from error
            message = str(error.response["Error"].get("Message", ""))
            check_refusal(self._table.name, message)
        else:
            return []
        if end - start == 1:
            return [Refusal(start, message)]
        middle = (start + end) // 2
        return self._write_range(items, start, middle, heartbeat) + self._write_range(items, middle, end, heartbeat)

    def _send(self, items: Items) -> None:
        with self._table.batch_writer() as batch:
            for item, operation in zip(python_items(items), items.operation_of_each(self._operation), strict=True):
                if operation == WriteOperation.DELETE:
                    batch.delete_item(Key={key.name: item[key.name] for key in items.keys})
                else:
                    batch.put_item(Item=item)
        self.stats = self.stats.plus(WriteStats(items=len(items), units=write_units(items)))
