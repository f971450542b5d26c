"""Random writes with conditions: the simulator and DynamoDB Local answer alike, and hold the same items afterwards."""

from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.feeds.feed import Feed
from loadtest.simulator import Key, Settings, Simulator, Table, checksum
from tests.judge.judge import Judge

pytestmark = [pytest.mark.judge, pytest.mark.enable_socket]

CONFIG = Config(parameter_validation=False, retries={"total_max_attempts": 1})
KEYS = st.sampled_from(["a", "b"]).map(lambda key: {"id": {"S": key}})
VERSIONS = st.one_of(
    st.sampled_from(["1", "1.0", "2", "10", "-1"]).map(lambda number: {"N": number}),
    st.sampled_from(["1", "10", "2", ""]).map(lambda text: {"S": text}),
    st.just({"NULL": True}),
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["v", "x", "row"]), VERSIONS, max_size=3)
Request = tuple[str, dict[str, Any]]


@st.composite
def conditions(draw: st.DrawFn) -> dict[str, Any]:
    match draw(st.sampled_from(["none", "insert", "newest", "undo"])):
        case "insert":
            return {"ConditionExpression": "attribute_not_exists(#k)", "ExpressionAttributeNames": {"#k": "id"}}
        case "newest":
            return {
                "ConditionExpression": "attribute_not_exists(#v) OR #v <= :v",
                "ExpressionAttributeNames": {"#v": "v"},
                "ExpressionAttributeValues": {":v": draw(VERSIONS)},
            }
        case "undo":
            return {
                "ConditionExpression": "begins_with(#r, :f)",
                "ExpressionAttributeNames": {"#r": "row"},
                "ExpressionAttributeValues": {":f": draw(VERSIONS)},
            }
        case _:
            return {}


def updates(attributes: dict[str, Any], removed: str, condition: dict[str, Any]) -> dict[str, Any]:
    sets = ",".join(f"#{name}=:{name}" for name in attributes)
    names = {f"#{name}": name for name in (*attributes, removed)} | condition.get("ExpressionAttributeNames", {})
    values = {f":{name}": value for name, value in attributes.items()}
    values |= condition.get("ExpressionAttributeValues", {})
    expression = f"SET {sets} REMOVE #{removed}" if sets else f"REMOVE #{removed}"
    found = {**condition, "UpdateExpression": expression, "ExpressionAttributeNames": names}
    return {**found, "ExpressionAttributeValues": values} if values else found


@st.composite
def requests(draw: st.DrawFn) -> Request:
    kind, key, condition = (
        draw(st.sampled_from(["put_item", "update_item", "delete_item"])),
        draw(KEYS),
        draw(conditions()),
    )
    if condition and draw(st.booleans()):
        condition["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"
    if kind == "put_item":
        return kind, {"Item": key | draw(ATTRIBUTES), **condition}
    if kind == "delete_item":
        return kind, {"Key": key, **condition}
    return kind, {"Key": key, **updates(draw(ATTRIBUTES), draw(st.sampled_from(["v", "x", "gone"])), condition)}


def answered(client: Any, table: str, request: Request) -> Any:
    """Return what a request gets: nothing, or its error and the item that error shows."""
    try:
        getattr(client, request[0])(TableName=table, **request[1])
    except ClientError as error:
        shown = error.response.get("Item")
        return error.response["Error"]["Code"], shown and checksum([shown])
    return None


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(requests(), min_size=1, max_size=20))
def test_it_answers_as_dynamodb_local(judge: Judge, endpoint_url: str, asked: list[Request]) -> None:
    name = judge.table(Feed("f/", "Table", "id"))
    session = boto3.Session(region_name="eu-central-1")
    with Simulator(Settings(tables={name: Table(Key("id"))}, keeps_items=True)) as simulator:
        clients = [session.client("dynamodb", endpoint_url=url, config=CONFIG) for url in (endpoint_url, simulator.url)]
        for request in asked:
            local, simulated = (answered(client, name, request) for client in clients)
            assert simulated == local, request
        left = [clients[0].scan(TableName=name)["Items"], simulator.written_items.items(name)]
        for client in clients:
            client.close()
    assert checksum(left[1]) == checksum(left[0])
