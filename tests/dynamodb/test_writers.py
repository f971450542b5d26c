"""Tables of another account or region: the role is assumed, for as long as it takes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from msgspec import structs

from ingest.contract import BATCH_WRITE_ITEM
from ingest.dynamodb.http.client import table_exchange
from ingest.dynamodb.single_writer import ChangeWriter, SingleWriter, SkipUnchangedWriter
from ingest.dynamodb.writer import BatchWriter
from ingest.dynamodb.writers import DIFFERS_S, KEPT_S, SESSION_NAME, Boto3Writer, WriterFactory, table_session
from ingest.errors import (
    AccessDenied,
    BadHeader,
    ServiceFault,
    TableKeysDiffer,
    TableMissing,
    Throttled,
    Unavailable,
)
from ingest.feeds.feed import Feed, Lineage, Operation
from ingest.feeds.writing import write_operations
from ingest.items.mapping import map_columns
from tests.support.clients import client, mock_aws, session

ROLE = "arn:aws:iam::111122223333:role/writes-orders"
REGION = "eu-west-1"


class Sts:
    """What AssumeRole answers: numbered credentials that hold for so long, or a refusal."""

    def __init__(self, *, holds_s: float = 3600, refuses: bool = False) -> None:
        self.asked: list[dict[str, Any]] = []
        self.holds_s = holds_s
        self.refuses = refuses

    def assume_role(self, **parameters: Any) -> dict[str, Any]:
        self.asked.append(parameters)
        if self.refuses:
            said = {"Code": "AccessDenied", "Message": f"not authorized to perform: sts:AssumeRole on {ROLE}"}
            raise ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": 403}}, "AssumeRole")
        n = len(self.asked)
        expires = datetime.now(UTC) + timedelta(seconds=self.holds_s)
        key = {"AccessKeyId": f"KEY{n}", "SecretAccessKey": "s", "SessionToken": f"TOKEN{n}", "Expiration": expires}
        return {"Credentials": key}

    def __enter__(self) -> "Sts":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""


class Own(boto3.Session):
    """The function's own session, whose STS is ours."""

    def __init__(self, sts: Sts) -> None:
        super().__init__(region_name="us-east-1")
        self.sts = sts
        self.made: list[tuple[str, dict[str, Any]]] = []

    def client(self, service: str, **how: Any) -> Any:  # type: ignore[override]
        self.made.append((service, how))
        return self.sts


def key_of(opened: boto3.Session) -> str:
    credentials = opened.get_credentials()
    assert credentials is not None
    return credentials.get_frozen_credentials().access_key


def test_without_role_or_region_it_is_the_session_itself() -> None:
    own = session()
    assert table_session(own, role=None, region=None) is own
    assert table_session(own, role=None, region=own.region_name) is own


def test_another_region_has_the_same_credentials() -> None:
    own = boto3.Session(region_name="us-east-1")
    opened = table_session(own, role=None, region=REGION)
    assert (opened.region_name, key_of(opened)) == (REGION, key_of(own))
    assert key_of(own) == "testing"


def test_nothing_is_asked_before_the_first_request_and_the_role_by_its_name() -> None:
    sts = Sts()
    opened = table_session(Own(sts), role=ROLE, region=REGION)
    assert (opened.region_name, sts.asked) == (REGION, [])
    assert key_of(opened) == "KEY1"
    assert sts.asked == [{"RoleArn": ROLE, "RoleSessionName": SESSION_NAME}]


def test_the_role_is_assumed_with_the_functions_own_credentials_in_its_own_region() -> None:
    own = Own(Sts())
    key_of(table_session(own, role=ROLE, region=REGION))
    ((service, how),) = own.made
    assert (service, how["aws_access_key_id"]) == ("sts", "testing")
    assert "region_name" not in how


def test_credentials_that_hold_are_asked_for_once_and_those_about_to_expire_anew() -> None:
    sts = Sts()
    opened = table_session(Own(sts), role=ROLE, region=None)
    assert [key_of(opened) for _ in range(3)] == ["KEY1"] * 3
    sts = Sts(holds_s=60)
    opened = table_session(Own(sts), role=ROLE, region=None)
    assert [key_of(opened) for _ in range(3)] == ["KEY1", "KEY2", "KEY3"]


def test_the_fast_writers_requests_are_signed_with_what_holds_by_then() -> None:
    opened = table_session(Own(Sts(holds_s=60)), role=ROLE, region=REGION)
    exchange = table_exchange(opened, opened.client("dynamodb"), "Orders")
    request = exchange._sign(b"{}", BATCH_WRITE_ITEM).decode()
    exchange.close()
    assert f"/{REGION}/dynamodb/aws4_request" in request
    number = request.partition("Credential=KEY")[2][0]
    assert f"x-amz-security-token: TOKEN{number}\r\n" in request
    assert f"host: dynamodb.{REGION}.amazonaws.com\r\n" in request


def test_a_role_that_may_not_be_assumed_is_reported_of_with_the_table() -> None:
    opened = table_session(Own(Sts(refuses=True)), role=ROLE, region=REGION)
    with pytest.raises(AccessDenied, match=r"preparing to write to table Orders: not authorized .* sts:AssumeRole"):
        table_exchange(opened, opened.client("dynamodb"), "Orders")


def test_a_role_that_may_be_assumed_no_longer_is_reported_of_when_its_credentials_end() -> None:
    sts = Sts(holds_s=60)
    opened = table_session(Own(sts), role=ROLE, region=REGION)
    exchange = table_exchange(opened, opened.client("dynamodb"), "Orders")
    sts.refuses, sts.holds_s = True, 0
    opened.get_credentials()._expiry_time = datetime.now(UTC)  # type: ignore[union-attr]
    with pytest.raises(AccessDenied, match="renewing the credentials to write to table Orders"):
        exchange._sign(b"{}", BATCH_WRITE_ITEM)
    exchange.close()


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_the_reference_writer_reaches_the_table_of_the_roles_account() -> None:
    opened = table_session(session(), role=ROLE, region=REGION)
    tables = opened.resource("dynamodb")
    tables.create_table(
        TableName="Orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    table = tables.Table("Orders")
    table.put_item(Item={"id": "1"})
    assert table.table_arn == f"arn:aws:dynamodb:{REGION}:111122223333:table/Orders"
    assert client("dynamodb").list_tables()["TableNames"] == []


# --- which writer a feed has ---

FEED = Feed("orders/", "Orders", "id")


def test_the_fast_writer_of_a_table_is_kept_from_file_to_file() -> None:
    factory = WriterFactory(session(), Config())
    writer = factory.writer_for(FEED)
    assert isinstance(writer, BatchWriter)
    assert factory.writer_for(FEED) is writer
    others = [structs.replace(FEED, interleave=False), structs.replace(FEED, region="us-west-2")]
    assert all(factory.writer_for(feed) is not writer for feed in others)
    assert factory.writer_for(FEED, table="Others") is not writer


def test_the_reference_writer_is_made_for_each_file_with_one_resource() -> None:
    factory = WriterFactory(session(), Config())
    first, second = (factory.writer_for(structs.replace(FEED, writer="boto3")) for _ in range(2))
    assert isinstance(first, Boto3Writer) and isinstance(second, Boto3Writer)
    assert first is not second
    assert first._table.meta.client is second._table.meta.client


CHANGES = Operation("op", put=("I",), update=("U",), delete=("D",))
BATCHES, GET, PUT, UPDATE, DELETE = "BatchWriteItem", "BatchGetItem", "PutItem", "UpdateItem", "DeleteItem"
MODES: list[tuple[dict[str, Any], type, list[str]]] = [
    ({}, BatchWriter, [BATCHES]),
    ({"write": "delete"}, BatchWriter, [BATCHES]),
    ({"operation": Operation("op", put=("I",), delete=("D",))}, BatchWriter, [BATCHES]),
    ({"operation": CHANGES}, ChangeWriter, [BATCHES, UPDATE]),
    ({"operation": CHANGES, "newest": "v"}, SingleWriter, [DELETE, PUT, UPDATE]),
    ({"operation": CHANGES, "newest": "v", "tombstone": "1d"}, SingleWriter, [PUT, UPDATE]),
    ({"write": "insert"}, SingleWriter, [DELETE, PUT]),  # what is deleted is what `ingest undo` takes back
    ({"write": "update"}, SingleWriter, [UPDATE]),
    ({"write": "update", "newest": "file"}, SingleWriter, [UPDATE]),
    ({"newest": "v"}, SingleWriter, [PUT]),
    ({"newest": "file"}, SingleWriter, [DELETE, PUT]),
    ({"lineage": Lineage(row="from")}, BatchWriter, [BATCHES, DELETE]),
    ({"write": "delete", "newest": "v"}, SingleWriter, [DELETE]),
    ({"skip_unchanged": True}, SkipUnchangedWriter, [GET, BATCHES]),
    ({"skip_unchanged": True, "write": "update"}, SkipUnchangedWriter, [GET, UPDATE]),
    ({"write": "delete", "newest": "v", "tombstone": "1d"}, SingleWriter, [PUT]),
]


@pytest.mark.parametrize(
    ("fields", "kind", "operations"), MODES, ids=lambda value: str(value) if isinstance(value, dict) else ""
)
def test_each_mode_has_its_writer_and_the_operations_it_calls(
    fields: dict[str, Any], kind: type, operations: list[str]
) -> None:
    feed = structs.replace(FEED, **fields)
    assert type(WriterFactory(session(), Config()).writer_for(feed)) is kind
    assert [name for name in write_operations(feed) if name != "DescribeTable"] == operations


# --- whether the table has the feed's keys ---


class Described:
    """A client of one table, which may fail instead of describing it, and be made anew."""

    def __init__(self, key: str = "id", *, code: str = "") -> None:
        self.key, self.code, self.asked = key, code, 0

    def describe_table(self, TableName: str) -> Any:
        self.asked += 1
        if self.code:
            said = {"Code": self.code, "Message": "said so"}
            raise ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": 400}}, "DescribeTable")
        schema = [{"AttributeName": self.key, "KeyType": "HASH"}]
        return {
            "Table": {
                "KeySchema": schema,
                "AttributeDefinitions": [{"AttributeName": self.key, "AttributeType": "S"}],
            }
        }


class Checked:
    """A factory's checks of one table, by a clock of the test's."""

    def __init__(self, table: Described) -> None:
        self.time_s = 1000.0
        self.warnings: list[str] = []
        self._factory = WriterFactory(
            session(), Config(), dynamodb=table, warn=self.warnings.append, now_s=lambda: self.time_s
        )

    def check(self, feed: Feed = FEED) -> str:
        """What the file is said to fail for."""
        try:
            self._factory.check_table(feed, map_columns(feed, ("id",)))
        except TableKeysDiffer as fault:
            return str(fault)
        return ""


def test_a_table_with_the_feeds_keys_is_looked_at_once_a_minute() -> None:
    table = Described()
    checked = Checked(table)
    assert [checked.check() for _ in range(3)] == ["", "", ""]
    assert table.asked == 1
    checked.time_s += KEPT_S + 1
    assert (checked.check(), table.asked) == ("", 2)


def test_each_table_is_looked_at_for_itself() -> None:
    table = Described()
    checked = Checked(table)
    checked.check()
    checked.check(structs.replace(FEED, table="Visits"))
    assert table.asked == 2


def test_a_table_with_other_keys_is_a_fault_of_one_sentence() -> None:
    assert Checked(Described("pk")).check() == (
        "Nothing can be written to table Orders: the key of the table is pk (S), that of the feed id (S): change the "
        "feed's keys."
    )


def test_a_table_that_is_created_again_with_the_right_keys_takes_files_after_ten_seconds() -> None:
    table = Described("pk")
    checked = Checked(table)
    assert checked.check() and checked.check()
    assert table.asked == 1
    table.key = "id"
    checked.time_s += DIFFERS_S + 1
    assert checked.check() == ""


def test_a_file_fails_for_no_old_description() -> None:
    table = Described()
    checked = Checked(table)
    checked.check()
    checked.time_s += DIFFERS_S + 1
    renamed = structs.replace(FEED, partition_key="pk")  # another feed of the same table, say
    table.key = "pk"
    with pytest.raises(BadHeader):
        map_columns(renamed, ("id",))
    checked._factory.check_table(renamed, map_columns(renamed, ("pk",)))
    assert table.asked == 2


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnknownOperationException"])
def test_a_table_that_may_not_be_looked_at_is_warned_of_once_and_takes_files(code: str) -> None:
    table = Described("pk", code=code)
    checked = Checked(table)
    assert [checked.check(), checked.check()] == ["", ""]
    assert checked.warnings == [
        f"The keys of table Orders were not compared with those of its feed. AWS answered {code} while "
        "looking at the keys of table Orders: said so"
    ]
    table.code = ""
    checked.time_s += KEPT_S + 1
    assert checked.check() != ""


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("ThrottlingException", Throttled),
        ("InternalServerError", Unavailable),
        ("ResourceNotFoundException", TableMissing),
        ("ExpiredTokenException", AccessDenied),
        ("UnrecognizedClientException", AccessDenied),
    ],
)
def test_a_table_that_cannot_be_looked_at_now_is_looked_at_again(code: str, fault: type[ServiceFault]) -> None:
    table = Described(code=code)
    checked = Checked(table)
    for _ in range(2):
        with pytest.raises(fault, match="Orders"):
            checked.check()
    table.code = ""
    assert (checked.check(), table.asked, checked.warnings) == ("", 3, [])
