"""A run on a stack: files that no one sees before they are dropped, outcomes that the ledger reports."""

from typing import Any

import pytest

from ingest.contract import Output
from loadtest.harness.read_back import send_all, taken
from loadtest.harness.targets import Uploads
from loadtest.scenarios.catalog import SCENARIOS
from loadtest.scenarios.deployed import StackDeployment
from tests.support.clients import client, ledger_table, mock_aws

MB = 1_000_000
ENDED = {"sk": "FILE#01", "status": "COMPLETE", "reported": 1}


@pytest.fixture(autouse=True)
def bucket() -> Any:
    with mock_aws():
        client("s3").create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        yield "landing"


def keys(bucket: str) -> list[str]:
    return [it["Key"] for it in client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_no_one_sees_a_file_before_it_is_dropped(bucket: str) -> None:
    s3 = client("s3")
    uploads = Uploads(s3, bucket)
    uploads.add("small", iter([b"a", b"b"]), most_bytes=2)
    uploads.add("large", iter([b"x" * MB] * 20), most_bytes=20 * MB)
    uploads.wait()
    assert keys(bucket) == []
    etags = uploads.finish(["small", "large"])
    uploads.close()
    assert {key: len(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys(bucket)} == {
        "large": 20 * MB,
        "small": 2,
    }
    assert etags["large"].endswith("-3")


def test_an_upload_that_fails_is_reported_when_it_is_waited_for() -> None:
    uploads = Uploads(client("s3"), "no-such-bucket")
    uploads.add("small", iter([b"a"]), most_bytes=1)
    with pytest.raises(client("s3").exceptions.NoSuchBucket):
        uploads.wait()
    uploads.close()


def test_a_file_has_ended_once_the_ledger_says_that_it_was_reported(bucket: str) -> None:
    ledger, url = ledger_table(), client("sqs").create_queue(QueueName="files")["QueueUrl"]
    outputs = {Output.LANDING_BUCKET: bucket, Output.QUEUE_URL: url, Output.LEDGER_TABLE: "Ledger"}
    deployment = StackDeployment(client, outputs | {Output.LOG_GROUP: "log"}, SCENARIOS["smoke"], "run-1")
    ledger.put_item(Item={"pk": "landing/orders/run-1/0.csv", "file": {"key": "orders/run-1/0.csv"}, **ENDED})
    ledger.put_item(Item={"pk": "landing/orders/run-1/1.csv", "sk": "FILE#01", "status": "LOADING"})
    assert [event["key"] for event in deployment.ended()] == ["orders/run-1/0.csv"]
    assert deployment.ended() == []
    deployment.close()


def test_all_messages_of_a_queue_are_taken_however_many() -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    send_all(sqs, url, [f"of run-{number % 2}/" for number in range(24)])
    assert sorted(taken(sqs, url)) == sorted(f"of run-{number % 2}/" for number in range(24))
    assert list(taken(sqs, url)) == []


def test_messages_that_the_queue_does_not_take_are_reported() -> None:
    class Full:
        def send_message_batch(self, **what: Any) -> dict[str, Any]:
            return {"Failed": [{"Id": "0", "Code": "Throttled"}]}

    with pytest.raises(RuntimeError, match="did not take 1 messages, the first because:"):
        send_all(Full(), "url", ["body"])
