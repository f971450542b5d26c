"""boto3 against the simulator over a real socket: taking everything, TLS, latency, statistics."""

import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, SSLError

from loadtest.simulator import Key, Settings, Simulator, Table, checksum
from tests.loadtest.simulator.clients import client, put, puts

pytestmark = pytest.mark.enable_socket

TABLES = {"T": Table(Key("pk"))}


def test_the_sink_takes_every_item_of_boto3s_batch_writer_and_counts_it() -> None:
    with Simulator() as simulator:
        table = boto3.resource("dynamodb", endpoint_url=simulator.url).Table("Anything")
        with table.batch_writer() as batch:
            for number in range(60):
                batch.put_item(Item={"pk": str(number), "text": 'a "PutRequest":{} in the data'})
        assert (simulator.statistics.requests, simulator.items) == (3, 60)


def test_the_sink_refuses_what_it_does_not_know() -> None:
    with Simulator() as simulator, pytest.raises(ClientError, match="takes writes and BatchGetItem only") as error:
        client(simulator).list_tables()
    assert error.value.response["Error"]["Code"] == "UnknownOperationException"


@pytest.mark.parametrize(
    "settings", [Settings(), Settings(tables=TABLES, keeps_items=True, tls=True)], ids=["counting", "checking, TLS"]
)
def test_five_hundred_requests_over_twenty_threads_lose_nothing(settings: Settings) -> None:
    with Simulator(settings) as simulator, ThreadPoolExecutor(20) as threads:
        dynamodb = client(simulator)

        def write(number: int) -> Any:
            return dynamodb.batch_write_item(RequestItems={"T": puts(5, f"k{number}")})["UnprocessedItems"]

        assert list(threads.map(write, range(500))) == [{}] * 500
        found = simulator.statistics
        assert (found.requests, found.items, sum(found.per_second)) == (500, 2500, 2500)
        assert 1 < found.connections <= 20
        assert (found.in_flight, found.unprocessed, dict(found.errors)) == (0, 0, {})
        if settings.keeps_items:
            assert (len(simulator.written_items.items("T")), simulator.written_items.doubled) == (2500, 0)


def test_tls_is_trusted_by_the_ca_file_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator(Settings(tls=True)) as simulator:
        assert simulator.url.startswith("https://127.0.0.1:")
        with pytest.raises(SSLError):
            boto3.client("dynamodb", endpoint_url=simulator.url).batch_write_item(RequestItems={"T": puts(1)})
        monkeypatch.setenv("AWS_CA_BUNDLE", str(simulator.ca_file))
        boto3.client("dynamodb", endpoint_url=simulator.url).batch_write_item(RequestItems={"T": puts(1)})
        assert simulator.items == 1


def test_connections_and_headers_are_as_dynamodb_has_them() -> None:
    with Simulator() as simulator:
        dynamodb, ids = client(simulator), set()
        for _ in range(10):
            meta = dynamodb.batch_write_item(RequestItems={"T": puts(1)})["ResponseMetadata"]
            assert meta["HTTPHeaders"]["content-type"] == "application/x-amz-json-1.0"
            assert int(meta["HTTPHeaders"]["x-amz-crc32"]) == zlib.crc32(b'{"UnprocessedItems":{}}')
            ids.add(meta["RequestId"])
        assert (len(ids), simulator.statistics.connections) == (10, 1)


def test_latency_does_not_keep_other_connections_waiting() -> None:
    with Simulator(Settings(latency_s=0.2)) as simulator, ThreadPoolExecutor(16) as threads:
        dynamodb = client(simulator)

        def timed(number: int) -> float:
            begun = time.monotonic()
            dynamodb.batch_write_item(RequestItems={"T": puts(1, str(number))})
            return time.monotonic() - begun

        begun = time.monotonic()
        found = list(threads.map(timed, range(16)))
        assert time.monotonic() - begun < 2.5  # one after the other would take 4 seconds
        assert min(found) >= 0.2
        assert simulator.statistics.max_in_flight > 8


def test_what_is_kept_is_what_was_put_last() -> None:
    with Simulator(Settings(tables=TABLES, keeps_items=True, sequence="seq")) as simulator:
        dynamodb = client(simulator)
        for number in ("1", "3", "2", "2"):
            dynamodb.batch_write_item(RequestItems={"T": puts(2, seq={"N": number})})
        dynamodb.batch_write_item(RequestItems={"T": [put("single", seq={"N": "1"})]})
        written_items, left = (
            simulator.written_items,
            [{"pk": {"S": key}, "seq": {"N": seq}} for key, seq in (("k-0", "2"), ("k-1", "2"), ("single", "1"))],
        )
        assert written_items.items("T") == left
        assert checksum(written_items.items("T")) == checksum(left)
        assert (written_items.out_of_order, written_items.doubled) == (2, 2)
        assert simulator.items == 9


def test_a_table_is_described_with_its_keys() -> None:
    tables = {"T": Table(Key("pk"), Key("at", "N"))}
    with Simulator(Settings(tables=tables)) as simulator:
        described = client(simulator).describe_table(TableName="T")["Table"]
    assert [key["AttributeName"] for key in described["KeySchema"]] == ["pk", "at"]
    assert described["AttributeDefinitions"][1] == {"AttributeName": "at", "AttributeType": "N"}
    assert (described["TableStatus"], described["ProvisionedThroughput"]["WriteCapacityUnits"]) == ("ACTIVE", 0)


@pytest.mark.parametrize(
    "settings", [{"keeps_items": True}, {"sequence": "seq"}, {"tables": TABLES, "sequence": "seq"}]
)
def test_settings_that_cannot_work_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="need"):
        Settings(**settings)


def test_a_sink_can_be_closed_while_answers_are_due() -> None:
    with ThreadPoolExecutor(1) as threads:
        with Simulator(Settings(latency_s=30)) as simulator:
            waiting = threads.submit(client(simulator).batch_write_item, RequestItems={"T": puts(1)})
            while not simulator.statistics.requests:
                time.sleep(0.01)
        assert waiting.exception() is not None
    assert (simulator.items, simulator.statistics.in_flight, simulator.statistics.open_connections) == (1, 0, 0)


def test_a_port_that_is_taken_is_an_error_and_leaves_no_thread() -> None:
    with Simulator() as simulator:
        before = threading.active_count()
        port = int(simulator.url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"), Simulator(Settings(port=port, tls=True)):
            pass
        assert threading.active_count() == before
