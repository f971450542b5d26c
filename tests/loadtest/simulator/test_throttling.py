"""What boto3 sees of a table without capacity."""

import pytest
from botocore.exceptions import ClientError

from loadtest.simulator import Faults, Key, Settings, Simulation, Simulator, Table
from tests.loadtest.simulator.clients import client, put, puts

pytestmark = pytest.mark.enable_socket

TABLES = {"T": Table(Key("pk")), "Other": Table(Key("pk"))}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def throttled(simulation: Simulation, clock: Clock | None = None) -> Simulator:
    return Simulator(Settings(tables=TABLES, simulation=simulation, keeps_items=True), clock=clock or Clock())


def test_the_items_that_found_no_capacity_come_back_as_they_were_sent() -> None:
    clock = Clock()
    with throttled(Simulation(mode="provisioned", provisioned_units_per_s=10), clock) as simulator:
        dynamodb, sent = client(simulator), puts(25, text={"S": "Ünïcode \x01"}, blob={"B": b"\x00\xff"})
        left = dynamodb.batch_write_item(RequestItems={"T": sent})["UnprocessedItems"]
        assert left == {"T": sent[10:]}
        assert (simulator.items, len(simulator.written_items.items("T"))) == (10, 10)
        clock.now = 1
        assert dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"] == {"T": sent[20:]}
        assert (simulator.statistics.unprocessed, simulator.statistics.per_second) == (20, [10, 10])
        assert (simulator.statistics.throttled_requests, simulator.written_items.doubled) == (0, 0)
        assert (simulator.statistics.asked_per_second, simulator.statistics.limited_per_second) == ([1, 1], [1, 1])


def test_a_storm_throttles_its_share_of_the_items_whatever_the_table_has() -> None:
    with Simulator(Settings(tables=TABLES, keeps_items=True, faults=Faults(throttled_items=0.3))) as simulator:
        dynamodb, left = client(simulator), 0
        for number in range(40):
            answer = dynamodb.batch_write_item(RequestItems={"T": puts(25, str(number))})
            left += len(answer["UnprocessedItems"].get("T", []))
        assert 220 < left < 380
        assert (simulator.items, simulator.statistics.unprocessed) == (1000 - left, left)
    with (
        Simulator(Settings(faults=Faults(throttled_items=1.0))) as simulator,
        pytest.raises(ClientError, match="Throttling"),
    ):
        client(simulator).batch_write_item(RequestItems={"Any": puts(3)})


def test_each_table_has_its_own_capacity() -> None:
    with throttled(Simulation(mode="provisioned", provisioned_units_per_s=2)) as simulator:
        left = client(simulator).batch_write_item(RequestItems={"T": puts(3), "Other": puts(4)})["UnprocessedItems"]
        assert left == {"T": puts(3)[2:], "Other": puts(4)[2:]}


def test_a_large_item_costs_more() -> None:
    with throttled(Simulation(mode="provisioned", provisioned_units_per_s=10)) as simulator:
        sent = puts(5, text={"S": "x" * 4000})
        assert client(simulator).batch_write_item(RequestItems={"T": sent})["UnprocessedItems"] == {"T": sent[2:]}


@pytest.mark.parametrize(
    ("simulation", "code", "member", "reason"),
    [
        (
            Simulation(mode="provisioned", provisioned_units_per_s=10),
            "ProvisionedThroughputExceededException",
            "ThrottlingReasons",
            "TableWriteProvisionedThroughputExceeded",
        ),
        (
            Simulation(mode="provisioned", partition_units_per_s=10, partitions=1),
            "ProvisionedThroughputExceededException",
            "ThrottlingReasons",
            "TableWriteKeyRangeThroughputExceeded",
        ),
        (
            Simulation(warm_units_per_s=10),
            "ThrottlingException",
            "throttlingReasons",
            "TableWriteKeyRangeThroughputExceeded",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_batch_of_which_nothing_is_taken_is_an_error_with_its_reason(
    simulation: Simulation, code: str, member: str, reason: str
) -> None:
    with throttled(simulation) as simulator:
        dynamodb = client(simulator)
        dynamodb.batch_write_item(RequestItems={"T": puts(10)})
        with pytest.raises(ClientError) as error:
            dynamodb.batch_write_item(RequestItems={"T": puts(25, "more")})
        assert (error.value.response["Error"]["Code"], simulator.items) == (code, 10)
        assert error.value.response[member] == [
            {"reason": reason, "resource": "arn:aws:dynamodb:us-east-1:000000000000:table/T"}
        ]
        assert (simulator.statistics.throttled_requests, simulator.statistics.errors) == (1, {code: 1})


def test_a_hot_key_comes_back_while_the_others_are_taken() -> None:
    clock = Clock()
    simulation = Simulation(partition_units_per_s=1, partitions=1000)
    with Simulator(
        Settings(tables={"T": Table(Key("pk"), Key("sk"))}, simulation=simulation), clock=clock
    ) as simulator:
        hot = [put("hot", sk={"S": str(number)}) for number in range(3)]
        sent = [*hot, put("cold", sk={"S": "1"})]
        assert client(simulator).batch_write_item(RequestItems={"T": sent})["UnprocessedItems"] == {"T": hot[1:]}
