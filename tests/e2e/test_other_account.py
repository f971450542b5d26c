"""A table of another account and region: written to by a role that is assumed, and read back by its owner."""

from typing import Any

import pytest

from ingest.contract import table_output
from tests.e2e.partner import ACCOUNT, REGION, TABLE, client, make_table

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]


@pytest.fixture(scope="module")
def owner(stack: Any) -> Any:
    return make_table(stack.stack)


def test_rows_land_in_the_owners_table_and_nowhere_else(stack: Any, owner: Any) -> None:
    stack.drop("partner/orders.csv", b"id,total\na,1\nb,2\n,3\n")
    entry = stack.final_entry("partner/orders.csv")
    assert (entry["status"], int(entry["rows_written"]), int(entry["rows_rejected"])) == ("COMPLETE", 2, 1)
    items = owner.scan(TableName=TABLE)["Items"]
    assert {"a", "b"} <= {item["id"]["S"] for item in items}
    for account, region in ((ACCOUNT, "us-east-1"), ("000000000000", REGION), ("000000000000", "us-east-1")):
        others = client(stack.stack, "dynamodb", account=account, region=region)
        assert TABLE not in others.list_tables()["TableNames"]
    assert stack.stack.outputs[table_output(TABLE)] == TABLE


def test_the_command_line_assumes_the_role_too(stack: Any, owner: Any, tmp_path: Any, feeds: Any) -> None:
    file = tmp_path / "by hand.csv"
    file.write_bytes(b"id,total\nc,1\n")
    rejects = str(tmp_path / "rejects.jsonl")
    result = stack.ingest_json("load", str(file), "--feed", "partner", "--feeds", str(feeds), "--rejects", rejects)
    assert result["rows_written"] == 1
    assert owner.get_item(TableName=TABLE, Key={"id": {"S": "c"}})["Item"]["total"] == {"S": "1"}
