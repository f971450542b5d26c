"""Single writes with conditions, updates and reads, as boto3 sees them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from loadtest.simulator import Faults, Key, Settings, Simulation, Simulator, Table
from tests.loadtest.simulator.clients import client, put, puts

pytestmark = pytest.mark.enable_socket

TABLES = {"T": Table(Key("pk"), Key("at", "N")), "P": Table(Key("pk"))}
INSERT = {"ConditionExpression": "attribute_not_exists(#k)", "ExpressionAttributeNames": {"#k": "pk"}}
OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
Item = dict[str, Any]


def newest(version: Item, name: str = "v") -> dict[str, Any]:
    condition = "attribute_not_exists(#v) OR #v <= :v"
    values = {"ExpressionAttributeNames": {"#v": name}, "ExpressionAttributeValues": {":v": version}}
    return {"ConditionExpression": condition, **values}


def begins(prefix: str) -> dict[str, Any]:
    values = {"ExpressionAttributeNames": {"#r": "row"}, "ExpressionAttributeValues": {":f": {"S": prefix}}}
    return {"ConditionExpression": "begins_with(#r, :f)", **values}


def item(key: str, **attributes: Item) -> Item:
    return {"pk": {"S": key}, **attributes}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Settings(tables=TABLES, keeps_items=True)) as running:
        yield running


def unmet(request: Callable[..., Any], **arguments: Any) -> Item | None:
    """Return the item that a refused condition shows."""
    with pytest.raises(ClientError) as error:
        request(TableName="P", **arguments)
    assert error.value.response["Error"] == {
        "Code": "ConditionalCheckFailedException",
        "Message": "The conditional request failed",
    }
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    found: Item | None = error.value.response.get("Item")
    return found


def held(simulator: Simulator) -> list[Any]:
    return simulator.written_items.items("P")


def test_an_insert_takes_only_what_is_not_there_and_shows_what_is_if_asked(simulator: Simulator) -> None:
    dynamodb, first = client(simulator), item("a", t={"S": "1"})
    dynamodb.put_item(TableName="P", Item=first, **INSERT, **OLD)
    assert unmet(dynamodb.put_item, Item=item("a", t={"S": "2"}), **INSERT, **OLD) == first
    assert unmet(dynamodb.put_item, Item=item("a", t={"S": "2"}), **INSERT) is None
    assert held(simulator) == [first]
    assert simulator.items == 1


@pytest.mark.parametrize(
    ("kind", "older", "same", "newer"),
    [("N", "9", "10.0", "1e1"), ("S", "2026-01-01", "2026-01-02", "2026-01-02Z"), ("B", b"a", b"b", b"b\0")],
)
def test_an_older_version_is_refused_and_the_same_one_again_is_not(
    simulator: Simulator, kind: str, older: Any, same: Any, newer: Any
) -> None:
    dynamodb = client(simulator)
    for version in (same, same, newer):
        dynamodb.put_item(TableName="P", Item=item("a", v={kind: version}), **newest({kind: version}))
    left = held(simulator)
    assert unmet(dynamodb.put_item, Item=item("a", v={kind: older}), **newest({kind: older})) is None
    assert held(simulator) == left


def test_a_version_of_another_type_is_refused_for_ever(simulator: Simulator) -> None:
    dynamodb = client(simulator)
    dynamodb.put_item(TableName="P", Item=item("a", v={"S": "1"}))
    assert unmet(dynamodb.put_item, Item=item("a"), **newest({"N": "9"}), **OLD) == item("a", v={"S": "1"})


def test_an_item_without_a_version_is_older_than_any(simulator: Simulator) -> None:
    client(simulator).put_item(TableName="P", Item=item("a"))
    client(simulator).put_item(TableName="P", Item=item("a", v={"N": "1"}), **newest({"N": "1"}))
    assert held(simulator) == [item("a", v={"N": "1"})]


def test_an_update_sets_and_removes_and_leaves_the_rest(simulator: Simulator) -> None:
    dynamodb = client(simulator)
    dynamodb.put_item(TableName="P", Item=item("a", old={"S": "x"}, other={"N": "1"}))
    dynamodb.update_item(
        TableName="P",
        Key=item("a"),
        UpdateExpression="SET #0=:0,#1=:1 REMOVE #REMOVE,#3",
        ExpressionAttributeNames={"#0": "SET", "#1": "a.b #c", "#REMOVE": "old", "#3": "never"},
        ExpressionAttributeValues={":0": {"S": "REMOVE #3"}, ":1": {"L": []}},
    )
    assert held(simulator) == [item("a", other={"N": "1"}, SET={"S": "REMOVE #3"}) | {"a.b #c": {"L": []}}]


def test_an_update_makes_an_item_that_is_not_there_even_if_it_removes_or_says_nothing(simulator: Simulator) -> None:
    dynamodb, removal = client(simulator), {"UpdateExpression": "REMOVE #0", "ExpressionAttributeNames": {"#0": "x"}}
    dynamodb.update_item(TableName="P", Key=item("a"), **removal)
    dynamodb.update_item(TableName="P", Key=item("b"))
    assert held(simulator) == [item("a"), item("b")]


def test_an_undo_deletes_only_the_items_of_its_file(simulator: Simulator) -> None:
    dynamodb, mine, others = client(simulator), item("a", row={"S": "file#1"}), item("b", row={"S": "other#1"})
    for one in (mine, others):
        dynamodb.put_item(TableName="P", Item=one)
    dynamodb.delete_item(TableName="P", Key=item("a"), **begins("file#"))
    assert unmet(dynamodb.delete_item, Key=item("b"), **begins("file#"), **OLD) == others
    assert unmet(dynamodb.delete_item, Key=item("a"), **begins("file#"), **OLD) is None
    assert held(simulator) == [others]


def test_a_batch_may_delete_beside_puts(simulator: Simulator) -> None:
    dynamodb = client(simulator)
    dynamodb.batch_write_item(RequestItems={"P": puts(2)})
    dynamodb.batch_write_item(RequestItems={"P": [{"DeleteRequest": {"Key": item("k-0")}}, put("new")]})
    dynamodb.batch_write_item(RequestItems={"P": [{"DeleteRequest": {"Key": item("absent")}}]})
    assert held(simulator) == [item("k-1"), item("new")]


def test_what_is_there_is_read_and_the_rest_left_out(simulator: Simulator) -> None:
    dynamodb = client(simulator)
    dynamodb.batch_write_item(RequestItems={"P": puts(30 - 5)})
    keys = [item(f"k-{number}") for number in range(30)]
    answer = dynamodb.batch_get_item(RequestItems={"P": {"Keys": keys, "ConsistentRead": True}})
    assert (len(answer["Responses"]["P"]), answer["UnprocessedKeys"]) == (25, {})


EXPRESSION = {"UpdateExpression": "SET #0=:0", "ExpressionAttributeNames": {"#0": "x"}}
LONG = ",".join(f"#{number}=:{number}" for number in range(500))


@pytest.mark.parametrize(
    ("operation", "arguments", "words"),
    [
        ("put_item", {"Item": {"x": {"S": "1"}}}, "Missing the key pk in the item"),
        ("put_item", {"Item": {"pk": {"N": "1"}}}, "Type mismatch for key pk expected: S actual: N"),
        ("put_item", {"Item": item("")}, "cannot contain an empty value. Key: pk"),
        ("put_item", {"Item": item("a", t={"S": "x" * 409_600})}, "Item size has exceeded the maximum allowed size"),
        ("put_item", {"Item": item("a"), **INSERT, "ExpressionAttributeNames": {}}, "must not be empty"),
        ("put_item", {"Item": item("a"), "ConditionExpression": ""}, "Syntax error"),
        ("put_item", {"Item": item("a"), "ConditionExpression": INSERT["ConditionExpression"]}, "not defined: #k"),
        (
            "put_item",
            {"Item": item("a"), **newest({"N": "1"}), "ExpressionAttributeNames": {"#v": "v", "#w": "w"}},
            "unused in expressions: keys: {#w}",
        ),
        ("put_item", {"Item": item("a"), **newest({"BOOL": True})}, "operand type: BOOL"),
        ("put_item", {"Item": item("a"), **INSERT, "ConditionExpression": "#k LIKE :v"}, "Syntax error"),
        ("put_item", {"Item": item("a"), "ReturnValues": "ALL_OLD"}, "does not know ReturnValues"),
        ("delete_item", {"Key": item("a", x={"S": "y"})}, "provided key element does not match the schema"),
        ("update_item", {"Key": {"pk": {"N": "1"}}}, "provided key element does not match the schema"),
        ("update_item", {"Key": item("a"), **EXPRESSION}, "not defined: :0"),
        (
            "update_item",
            {"Key": item("a"), **EXPRESSION, "ExpressionAttributeValues": {":0": {"N": "1e200"}}},
            "cannot be converted to a numeric value: 1e200",
        ),
        (
            "update_item",
            {
                "Key": item("a"),
                **EXPRESSION,
                "ExpressionAttributeNames": {"#0": "pk"},
                "ExpressionAttributeValues": {":0": {"S": "b"}},
            },
            "Cannot update attribute pk. This attribute is part of the key",
        ),
        (
            "update_item",
            {"Key": item("a"), **EXPRESSION, "ExpressionAttributeValues": {":0": {"S": "x" * 409_000}}},
            "",
        ),
        (
            "update_item",
            {
                "Key": item("a"),
                "UpdateExpression": "REMOVE #0,#1",
                "ExpressionAttributeNames": {"#0": "x", "#1": "x"},
            },
            "Two document paths overlap",
        ),
        ("update_item", {"Key": item("a"), "UpdateExpression": f"SET {LONG}"}, "expression size: 4783"),
        ("update_item", {"Key": item("a"), "UpdateExpression": "SET #0"}, "Syntax error"),
        ("update_item", {"Key": item("a"), "UpdateExpression": "ADD #0 :0"}, "Syntax error"),
    ],
)
def test_what_dynamodb_refuses_of_single_writes(
    simulator: Simulator, operation: str, arguments: dict[str, Any], words: str
) -> None:
    request = getattr(client(simulator), operation)
    if not words:
        request(TableName="P", **arguments)
        return
    with pytest.raises(ClientError) as error:
        request(TableName="P", **arguments)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert words in error.value.response["Error"]["Message"]
    assert held(simulator) == []


def test_an_update_that_makes_an_item_too_large_is_refused(simulator: Simulator) -> None:
    dynamodb = client(simulator)
    dynamodb.put_item(TableName="P", Item=item("a", t={"S": "x" * 400_000}))
    with pytest.raises(ClientError, match="Item size to update has exceeded the maximum allowed size"):
        dynamodb.update_item(
            TableName="P", Key=item("a"), **EXPRESSION, ExpressionAttributeValues={":0": {"S": "x" * 10_000}}
        )
    assert "x" not in held(simulator)[0]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ([item("a"), item("a")], "Provided list of item keys contains duplicates"),
        ([item(str(number)) for number in range(101)], "Too many items requested for the BatchGetItem call"),
        ([item("a", x={"S": "y"})], "does not match the schema"),
    ],
)
def test_what_dynamodb_refuses_of_reads(simulator: Simulator, keys: list[Item], words: str) -> None:
    dynamodb = client(simulator)
    with pytest.raises(ClientError, match=words):
        dynamodb.batch_get_item(RequestItems={"P": {"Keys": keys}})


def one_second_of(units: float, **more: Any) -> Simulator:
    simulation = Simulation(mode="provisioned", provisioned_units_per_s=units, **more)
    return Simulator(Settings(tables=TABLES, simulation=simulation, keeps_items=True), clock=lambda: 0.0)


LARGE = {"S": "x" * 4000}


def test_writes_cost_the_larger_of_before_and_after_and_a_refused_condition_too() -> None:
    with one_second_of(4 + 4 + 4 + 4 + 4 + 1) as simulator:
        dynamodb = client(simulator)
        dynamodb.put_item(TableName="P", Item=item("a", t=LARGE))
        dynamodb.put_item(TableName="P", Item=item("a", t=LARGE), **newest({"N": "1"}))
        dynamodb.update_item(
            TableName="P", Key=item("a"), **EXPRESSION, ExpressionAttributeValues={":0": {"S": "small"}}
        )
        assert unmet(dynamodb.put_item, Item=item("a"), **INSERT) is None
        dynamodb.delete_item(TableName="P", Key=item("a"))
        dynamodb.delete_item(TableName="P", Key=item("a"))
        with pytest.raises(ClientError) as error:
            dynamodb.delete_item(TableName="P", Key=item("a"))
        assert error.value.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
        assert error.value.response["ThrottlingReasons"][0]["reason"] == "TableWriteProvisionedThroughputExceeded"
        assert (simulator.statistics.unprocessed, simulator.statistics.throttled_requests) == (1, 1)
        assert simulator.statistics.write_units == 4 + 4 + 4 + 4 + 4 + 1


def test_a_put_over_a_larger_item_costs_what_that_one_does_in_a_batch_too() -> None:
    with one_second_of(4 + 4) as simulator:
        dynamodb = client(simulator)
        dynamodb.batch_write_item(RequestItems={"P": [put("a", t=LARGE)]})
        dynamodb.batch_write_item(RequestItems={"P": [put("a")]})
        with pytest.raises(ClientError, match="throughput"):
            dynamodb.batch_write_item(RequestItems={"P": [put("b")]})


@pytest.mark.parametrize(("is_consistent", "units"), [(True, 40), (False, 20)])
def test_a_read_costs_a_unit_for_4_kb_or_half_of_one(is_consistent: bool, units: int) -> None:
    with one_second_of(1000) as simulator:
        dynamodb = client(simulator)
        for number in range(20):
            dynamodb.put_item(TableName="P", Item=item(str(number), t={"S": "x" * 5000}))
        keys = {"Keys": [item(str(number)) for number in range(20)], "ConsistentRead": is_consistent}
        answer = dynamodb.batch_get_item(RequestItems={"P": keys})
        assert (len(answer["Responses"]["P"]), answer["UnprocessedKeys"]) == (20, {})
        assert (simulator.statistics.read_units, simulator.statistics.write_units) == (units, 20 * 5)


@pytest.mark.parametrize(("fault", "held_after"), [("reset_before", 0), ("reset_after", 1)])
def test_faults_hit_single_writes_and_reads_as_they_hit_batches(fault: str, held_after: int) -> None:
    faults = Faults(**{fault: 1.0})  # type: ignore[arg-type]
    with Simulator(Settings(tables=TABLES, keeps_items=True, faults=faults)) as simulator:
        with pytest.raises(BotoCoreError):
            client(simulator).put_item(TableName="P", Item=item("a"), **INSERT)
        with pytest.raises(BotoCoreError):
            client(simulator).batch_get_item(RequestItems={"P": {"Keys": [item("a")]}})
        assert len(held(simulator)) == held_after


def test_a_storm_throttles_single_writes_and_reads_too() -> None:
    with Simulator(Settings(tables=TABLES, keeps_items=True, faults=Faults(throttled_items=1.0))) as simulator:
        for request in (
            lambda dynamodb: dynamodb.put_item(TableName="P", Item=item("a"), **INSERT),
            lambda dynamodb: dynamodb.batch_get_item(RequestItems={"P": {"Keys": [item("a")]}}),
        ):
            with pytest.raises(ClientError, match="Throttling"):
                request(client(simulator))


def test_without_tables_every_single_write_is_taken_and_counted() -> None:
    with Simulator() as simulator:
        dynamodb = client(simulator)
        dynamodb.put_item(TableName="Any", Item=item("a"), **INSERT)
        dynamodb.update_item(TableName="Any", Key=item("a"), UpdateExpression="SET a=b")
        dynamodb.delete_item(TableName="Any", Key=item("a"), **begins("x"))
        dynamodb.batch_write_item(RequestItems={"Any": [{"DeleteRequest": {"Key": item("k")}}, put("a")]})
        assert (simulator.statistics.requests, simulator.items) == (4, 5)


def test_conditions_need_the_items() -> None:
    with Simulator(Settings(tables=TABLES)) as simulator, pytest.raises(ClientError, match="needs `keeps_items`"):
        client(simulator).put_item(TableName="P", Item=item("a"), **INSERT)
