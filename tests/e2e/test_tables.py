"""Tables that are not as the feed says, and files of nothing but rejects: they fail whole, with one sentence."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ingest.contract import Metric, Output
from tests.e2e.test_metrics import values_of

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("stack")]

FEED = "stocktake"
TABLE = "Stocktake"
ROWS = b"sku,counted\n" + b"".join(b"s%d,%d\n" % (n, n) for n in range(1000))
DIFFERS = (
    "Nothing can be written to table Stocktake: the key of the table is {}, that of the feed sku (S) + counted (N): "
    "change the feed's keys."
)


def start_anew(stack: Any) -> None:
    """Let the next invocations be a function's first."""
    stack.wait_until_quiet()
    function, lambda_ = stack.stack.outputs[Output.FUNCTION], stack.stack.client("lambda")
    variables = lambda_.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    variables["INGEST_TEST_START"] = str(time.time())
    lambda_.update_function_configuration(FunctionName=function, Environment={"Variables": variables})


@contextmanager
def a_table(stack: Any, *keys: str, index: str = "", is_first: bool = True) -> Iterator[None]:
    """Make the feed's table for the length of a `with` block: `name:type`, partition key first; or of an index.

    The function begins anew where it is the first: it knows nothing of the table that had the name before.
    """
    dynamodb = stack.stack.client("dynamodb")

    def schema(names: tuple[str, ...]) -> Any:
        pairs = zip(names, ("HASH", "RANGE"), strict=False)
        return [{"AttributeName": name.split(":")[0], "KeyType": kind} for name, kind in pairs]

    types = dict(key.split(":") for key in (*keys, index) if key)
    own = {"IndexName": "own", "KeySchema": schema((index,)), "Projection": {"ProjectionType": "ALL"}}
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=schema(keys),
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": type} for name, type in types.items()],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": [own]} if index else {}),
    )
    if is_first:
        start_anew(stack)
    try:
        yield
    finally:
        dynamodb.delete_table(TableName=TABLE)


def requests(stack: Any) -> float:
    """How many BatchWriteItem requests the function has sent for the feed."""
    stack.wait_until_quiet()
    return sum(values_of(stack, Metric.REQUESTS_SENT, FEED))


@pytest.mark.parametrize(
    ("name", "keys", "found"),
    [
        ("another name", ("id:S", "counted:N"), "id (S) + counted (N)"),
        ("another type", ("sku:S", "counted:S"), "sku (S) + counted (S)"),
        ("no sort key", ("sku:S",), "sku (S)"),
    ],
    ids=lambda value: value if isinstance(value, str) and "(" not in value else "",
)
def test_a_file_whose_table_has_another_key_fails_and_no_request_is_sent(
    stack: Any, name: str, keys: tuple[str, ...], found: str
) -> None:
    before = requests(stack)
    with a_table(stack, *keys):
        stack.drop(f"{FEED}/{name}.csv", ROWS)
        entry = stack.final_entry(f"{FEED}/{name}.csv")
        assert requests(stack) == before
        assert stack.items(TABLE) == []
    assert (entry["status"], entry["error"]["code"]) == ("FAILED", "table_keys_differ")
    assert entry["error"]["message"] == DIFFERS.format(found)
    assert (int(entry.get("rows_read", 0)), entry.get("rejects")) == (0, None)


def test_a_large_file_whose_table_has_an_index_key_of_another_type_is_not_even_split(stack: Any) -> None:
    large = b"sku,counted,shelf\n" + b"".join(b"s%d,%d,%s\n" % (n, n, b"x" * 4000) for n in range(2500))
    with a_table(stack, "sku:S", "counted:N", index="shelf:N"):
        stack.drop(f"{FEED}/large.csv", large)
        entry = stack.final_entry(f"{FEED}/large.csv")
        assert stack.items(TABLE) == []
    assert (entry["error"]["code"], int(entry.get("segments_planned", 0))) == ("table_keys_differ", 0)
    assert "index own has the key shelf (N), and the rows have shelf (S)" in entry["error"]["message"]


def test_a_table_that_is_created_again_with_the_feeds_keys_takes_files(stack: Any) -> None:
    def loaded(name: str) -> dict[str, Any]:
        stack.drop(f"{FEED}/{name}.csv", ROWS)
        return dict(stack.final_entry(f"{FEED}/{name}.csv"))

    with a_table(stack, "sku:S"):
        assert loaded("wrong")["status"] == "FAILED"
    with a_table(stack, "sku:S", "counted:N", is_first=False):
        numbers = iter(range(1000))  # the function looks again when what it knows is some seconds old
        entry = stack.wait_for(lambda: next((e for e in [loaded(f"right {next(numbers)}")] if _is_complete(e)), None))
        assert (int(entry["rows_written"]), len(stack.items(TABLE))) == (1000, 1000)


def _is_complete(entry: dict[str, Any]) -> bool:
    return bool(entry["status"] == "COMPLETE")


def test_the_commands_say_the_same_and_exit_with_2(stack: Any, feeds: Path, tmp_path: Path) -> None:
    file = tmp_path / "stock.csv"
    file.write_bytes(ROWS)
    common = (str(file), "--feed", FEED, "--feeds", str(feeds))
    with a_table(stack, "sku:S", "counted:S"):
        for command in (("load", "--rejects", str(tmp_path / "r.jsonl")), ("check", "--aws"), ("plan", "--aws")):
            done = stack.ingest(command[0], *common, *command[1:])
            assert (done.returncode, done.stderr) == (2, f"ingest: {DIFFERS.format('sku (S) + counted (S)')}\n")
        assert stack.ingest("check", *common, "--table", "Orders").returncode == 2
        assert stack.items(TABLE) == []


def test_a_file_of_nothing_but_rejects_fails_and_its_rejects_can_be_read(stack: Any) -> None:
    bad = b"order_id,customer_id,quantity,unit_price,gift\n" + b"O,someone,many,1,no\n" * 1500
    stack.drop("orders/all bad.csv", bad)
    entry = stack.final_entry("orders/all bad.csv")
    assert (entry["status"], entry["error"]["code"]) == ("FAILED", "all_rows_rejected")
    assert int(entry["rows_rejected"]) == int(entry["rows_read"]) == len(stack.rejects(entry["rejects"])) == 1500
