"""What DynamoDB refuses, boto3 sees refused by the simulator, and nothing of the request is taken."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from loadtest.simulator import Key, Settings, Simulator, Table
from tests.loadtest.simulator.clients import client, put, puts

pytestmark = pytest.mark.enable_socket

GOOD = put("good", at={"N": "1"})


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    tables = {
        "T": Table(Key("pk"), Key("at", "N")),
        "Bytes": Table(Key("pk", "B"), Key("sk")),
        "Plain": Table(Key("pk")),
    }
    with Simulator(Settings(tables=tables, keeps_items=True)) as running:
        yield running


def refusal(simulator: Simulator, operation: str = "batch_write_item", **arguments: Any) -> tuple[str, str]:
    before = simulator.items
    with pytest.raises(ClientError) as error:
        getattr(client(simulator), operation)(**arguments)
    assert simulator.items == before
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (put("a"), "The provided key element does not match the schema"),
        (put("a", at={"S": "1"}), "The provided key element does not match the schema"),
        ({"PutRequest": {"Item": {"at": {"N": "1"}}}}, "The provided key element does not match the schema"),
        (put("", at={"N": "1"}), "AttributeValue for a key attribute cannot contain an empty value. Key: pk"),
        (put("k" * 2049, at={"N": "1"}), "Size of key pk has exceeded the maximum size limit of 2048 bytes"),
        (put("good", at={"N": "1.0"}), "Provided list of item keys contains duplicates"),
        (put("a", at={"N": "1"}, text={"S": "x" * 409_600}), "Item size has exceeded the maximum allowed size"),
        (put("a", at={"N": "1"}, n={"N": "1e126"}), "numeric value: 1e126"),
    ],
)
def test_one_bad_write_poisons_its_batch(simulator: Simulator, bad: dict[str, Any], words: str) -> None:
    code, message = refusal(simulator, RequestItems={"T": [GOOD, bad]})
    assert code == "ValidationException"
    assert words in message


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"pk": {"B": b""}, "sk": {"S": "a"}}, "empty value. Key: pk"),
        (
            {"pk": {"B": b"a"}, "sk": {"S": "ü" * 513}},
            "Size of key sk has exceeded the maximum size limit of 1024 bytes",
        ),
    ],
)
def test_keys_of_bytes_and_sort_keys_are_checked_too(simulator: Simulator, bad: dict[str, Any], words: str) -> None:
    assert words in refusal(simulator, RequestItems={"Bytes": [{"PutRequest": {"Item": bad}}]})[1]


def test_an_item_of_400_kb_and_keys_as_long_as_can_be_are_taken(simulator: Simulator) -> None:
    large = put("k" * 2048, t={"S": "x" * (409_600 - 2 - 2048 - 1)})
    long = {"PutRequest": {"Item": {"pk": {"B": b"a"}, "sk": {"S": "ü" * 512}}}}
    client(simulator).batch_write_item(RequestItems={"Plain": [large], "Bytes": [long]})


def test_the_same_key_in_two_tables_is_not_a_duplicate(simulator: Simulator) -> None:
    client(simulator).batch_write_item(RequestItems={"Plain": [put("same")], "T": [put("same", at={"N": "1"})]})


def test_more_than_25_requests_are_refused(simulator: Simulator) -> None:
    code, message = refusal(simulator, RequestItems={"Plain": puts(26)})
    assert code == "ValidationException"
    assert "Member must have length less than or equal to 25" in message
    two = {"Plain": puts(20), "T": [put(str(number), at={"N": "1"}) for number in range(6)]}
    assert refusal(simulator, RequestItems=two)[1] == "Too many items requested for the BatchWriteItem call"


def test_more_than_16_mb_are_refused_although_each_item_fits(simulator: Simulator) -> None:
    item = {"S": "ab" * 190_000}
    assert len(puts(25, text=item)) * 380_000 < 16 * 1024 * 1024
    client(simulator).batch_write_item(RequestItems={"Plain": puts(25, text=item)})
    escaped = {"S": "\x01" * 380_000}  # six bytes each in JSON
    code, message = refusal(simulator, RequestItems={"Plain": puts(25, text=escaped)})
    assert (code, "16 MB" in message) == ("ValidationException", True)


def test_an_unknown_table_is_not_found(simulator: Simulator) -> None:
    found = refusal(simulator, RequestItems={"Plain": puts(1), "Nowhere": puts(1)})
    assert found == ("ResourceNotFoundException", "Requested resource not found")
    described = refusal(simulator, "describe_table", TableName="Nowhere")
    assert described == ("ResourceNotFoundException", "Requested resource not found: Table: Nowhere not found")


def test_a_table_can_be_named_by_its_arn(simulator: Simulator) -> None:
    arn = client(simulator).describe_table(TableName="Plain")["Table"]["TableArn"]
    before = len(simulator.written_items.items("Plain"))
    client(simulator).batch_write_item(RequestItems={arn: [put("by arn")]})
    assert len(simulator.written_items.items("Plain")) == before + 1


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"RequestItems":{"T":[7]}}', b'{"RequestItems":{"T":7}}'])
def test_what_is_not_a_request_is_answered_too(simulator: Simulator, body: bytes) -> None:
    dynamodb = client(simulator)
    dynamodb.meta.events.register("before-call.dynamodb.BatchWriteItem", lambda params, **_: params.update(body=body))
    with pytest.raises(ClientError) as error:
        dynamodb.batch_write_item(RequestItems={"T": [GOOD]})
    assert error.value.response["Error"]["Code"] == "SerializationException"
