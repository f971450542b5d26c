"""A table of another account and region: written to by a role that is assumed, and read back by its owner."""

from typing import Any

import boto3
import pytest

from ingest.contract import table_output

pytestmark = pytest.mark.e2e

OWNER = "222233334444"  # the emulator takes an access key of twelve digits for the account
REGION = "eu-west-1"
TABLE = "PartnerOrders"


def owners_client(stack: Any, *, account: str = OWNER, region: str = REGION) -> Any:
    session = boto3.Session(aws_access_key_id=account, aws_secret_access_key="test", region_name=region)
    return session.client("dynamodb", endpoint_url=stack.stack.endpoint_url)


@pytest.fixture(scope="module")
def owner(stack: Any) -> Any:
    """The owner of the table, who has made it."""
    client = owners_client(stack)
    client.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


def test_rows_land_in_the_owners_table_and_nowhere_else(stack: Any, owner: Any) -> None:
    stack.drop("partner/orders.csv", b"id,total\na,1\nb,2\n,3\n")
    record = stack.final_record("partner/orders.csv")
    assert (record["status"], int(record["rows_written"]), int(record["rows_rejected"])) == ("COMPLETE", 2, 1)
    items = owner.scan(TableName=TABLE)["Items"]
    assert sorted(item["id"]["S"] for item in items) == ["a", "b"]
    for account, region in ((OWNER, "us-east-1"), ("000000000000", REGION), ("000000000000", "us-east-1")):
        assert TABLE not in owners_client(stack, account=account, region=region).list_tables()["TableNames"]
    assert stack.stack.outputs[table_output(TABLE)] == TABLE


def test_the_command_line_assumes_the_role_too(stack: Any, owner: Any, tmp_path: Any, feeds: Any) -> None:
    file = tmp_path / "by hand.csv"
    file.write_bytes(b"id,total\nc,1\n")
    rejects = str(tmp_path / "rejects.jsonl")
    told = stack.ingest_json("load", str(file), "--feed", "partner", "--feeds", str(feeds), "--rejects", rejects)
    assert told["rows_written"] == 1
    assert owner.get_item(TableName=TABLE, Key={"id": {"S": "c"}})["Item"]["total"] == {"S": "1"}
