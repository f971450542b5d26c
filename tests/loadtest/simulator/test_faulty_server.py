"""Each fault as boto3 meets it, and what was taken all the same."""

import time
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ChecksumError, ClientError, ReadTimeoutError

from loadtest.simulator import Faults, Key, Settings, Simulator, Table
from tests.loadtest.simulator.clients import ONCE, client, puts

pytestmark = pytest.mark.enable_socket

TABLES = {"T": Table(Key("pk"))}
BATCH = {"T": puts(3)}
CHECKING = ONCE.merge(
    Config(retries={"mode": "legacy", "total_max_attempts": 1})
)  # checks the last attempt's crc32 too


def faulty(*, tls: bool = False, **faults: Any) -> Simulator:
    return Simulator(Settings(tables=TABLES, keeps_items=True, faults=Faults(**faults), tls=tls))


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("internal_error", 500, "InternalServerError"),
        ("expired_token", 400, "ExpiredTokenException"),
        ("unrecognized_client", 400, "UnrecognizedClientException"),
    ],
)
def test_a_request_refused_by_a_fault_takes_nothing(fault: str, status: int, code: str) -> None:
    with faulty(**{fault: 1}) as simulator:
        with pytest.raises(ClientError) as error:
            client(simulator).batch_write_item(RequestItems=BATCH)
        assert error.value.response["Error"]["Code"] == code
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
        assert (simulator.statistics.requests, simulator.items, simulator.statistics.faults) == (1, 0, {fault: 1})


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize(("fault", "items"), [("reset_before", 0), ("reset_after", 3)])
def test_a_broken_connection_may_have_taken_the_items(fault: str, items: int, tls: bool) -> None:
    with faulty(**{fault: 1}, tls=tls) as simulator:
        with pytest.raises(BotoCoreError):
            client(simulator).batch_write_item(RequestItems=BATCH)
        assert (simulator.statistics.requests, simulator.items, len(simulator.written_items.items("T"))) == (
            1,
            items,
            items,
        )


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_a_truncated_answer_lacks_its_end(tls: bool) -> None:
    with faulty(truncated=1, tls=tls) as simulator:
        # boto3 does not look: on its last attempt it makes an empty success of it
        assert "UnprocessedItems" not in client(simulator).batch_write_item(RequestItems=BATCH)
        with pytest.raises(ChecksumError):
            client(simulator, CHECKING).batch_write_item(RequestItems=BATCH)
        assert (simulator.statistics.requests, simulator.items, simulator.written_items.doubled) == (2, 6, 3)


def test_a_wrong_checksum_is_seen_by_boto3_and_tried_again() -> None:
    with faulty(wrong_crc32=0.5, seed=3) as simulator:
        dynamodb = client(simulator, Config(retries={"mode": "standard", "total_max_attempts": 10}))
        for number in range(5):
            dynamodb.batch_write_item(RequestItems={"T": puts(3, str(number))})
        wrong = simulator.statistics.faults["wrong_crc32"]
        assert wrong > 0
        assert (
            simulator.statistics.requests,
            len(simulator.written_items.items("T")),
            simulator.written_items.doubled,
        ) == (
            5 + wrong,
            15,
            3 * wrong,
        )


def test_a_slow_answer_comes_after_its_time() -> None:
    with faulty(slow=1, slow_s=0.3) as simulator:
        begun = time.monotonic()
        client(simulator).batch_write_item(RequestItems=BATCH)
        assert 0.3 <= time.monotonic() - begun < 2
    with faulty(slow=1, slow_s=30) as simulator:
        with pytest.raises(ReadTimeoutError):
            client(simulator, ONCE.merge(Config(read_timeout=0.2))).batch_write_item(RequestItems=BATCH)
        assert simulator.items == 3


def test_reading_a_tables_description_has_no_faults() -> None:
    with faulty(internal_error=1) as simulator:
        client(simulator).describe_table(TableName="T")
        assert not simulator.statistics.faults


def test_who_tries_again_through_all_faults_loses_nothing() -> None:
    shares = {"internal_error": 0.1, "reset_before": 0.1, "reset_after": 0.1, "truncated": 0.1, "wrong_crc32": 0.1}
    with faulty(**shares, seed=5) as simulator:
        dynamodb = client(simulator, CHECKING)
        for number in range(100):
            batch = {"T": puts(2, str(number))}
            while not succeeded(dynamodb, batch):
                pass
        written_items, faults = simulator.written_items, simulator.statistics.faults
        assert simulator.statistics.requests == 100 + faults.total()
        assert len(faults) == 5
        assert len(written_items.items("T")) == 200
        assert written_items.doubled == 2 * (faults["reset_after"] + faults["truncated"] + faults["wrong_crc32"])


def succeeded(dynamodb: Any, batch: dict[str, Any]) -> bool:
    try:
        dynamodb.batch_write_item(RequestItems=batch)
    except (BotoCoreError, ClientError):
        return False
    return True
