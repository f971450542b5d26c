"""What is taken away is the run's, and all of it; what others left stays."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ingest.contract import Output
from loadtest.harness import queue
from loadtest.harness.queue import NotSentError, messages_about, send_all
from loadtest.harness.read_back import read_table
from loadtest.run.aws import cleaning
from loadtest.run.aws.cleaning import Cleaned, Cleaner, delete_items, delete_objects, empty_table
from loadtest.run.aws.clients import Clients, NotClean, RunRefused
from loadtest.run.aws.ledger import LedgerReader
from loadtest.run.aws.marker import Markers
from loadtest.run.aws.stack import DeployedTable, Identity, Stack
from loadtest.run.aws.uploads import Uploads
from tests.support.clients import client, ledger_table, mock_aws, table

MB = 1_000_000
WHO = Identity("123456789012", "me", "eu-central-1")
TABLES = {"LoadOrders": DeployedTable("LoadOrders", "arn", 4000, is_on_demand=True, indexes=0)}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(queue, "WAIT_S", 0)
    monkeypatch.setattr(cleaning, "_LOOK_EVERY_S", 0)
    with mock_aws():
        yield


@pytest.fixture
def bucket() -> str:
    client("s3").create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return "landing"


def keys(bucket: str) -> list[str]:
    return [it["Key"] for it in client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_objects_of_a_run_go_in_all_versions_with_its_uploads_and_those_of_others_stay(bucket: str) -> None:
    s3 = client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ("orders/run-1/a", "orders/run-1/a", "orders/run-1/b", "orders/run-10/a"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.delete_object(Bucket=bucket, Key="orders/run-1/b")
    s3.create_multipart_upload(Bucket=bucket, Key="orders/run-1/c")
    s3.create_multipart_upload(Bucket=bucket, Key="orders/run-10/c")
    assert delete_objects(s3, bucket, "orders/run-1/") == 5
    left = s3.list_object_versions(Bucket=bucket)
    assert [it["Key"] for it in left["Versions"]] == ["orders/run-10/a"]
    assert "DeleteMarkers" not in left
    assert [it["Key"] for it in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["orders/run-10/c"]


def test_a_table_is_emptied_whatever_its_keys_are_called() -> None:
    table("Words", "name", "at")
    dynamodb = client("dynamodb")
    for number in range(60):
        item = {"name": {"S": f"n{number % 7}"}, "at": {"S": str(number)}, "more": {"S": "x"}}
        dynamodb.put_item(TableName="Words", Item=item)
    assert read_table(dynamodb, "Words", segments=4).items == 60
    assert empty_table(dynamodb, "Words") == 60
    assert empty_table(dynamodb, "Words") == read_table(dynamodb, "Words").items == 0


class Reluctant:
    """Takes one delete of those that are asked for, each time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch_write_item(self, *, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:
        [(name, deletes)] = RequestItems.items()
        self.asked.append(len(deletes))
        return {"UnprocessedItems": {name: deletes[1:]} if deletes[1:] else {}}


def test_deletes_that_a_throttled_table_leaves_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    reluctant = Reluctant()
    assert delete_items(reluctant, "T", [{"a": {"S": str(number)}} for number in range(3)]) == 3
    assert reluctant.asked == [3, 2, 1]


def test_an_object_that_cannot_be_deleted_is_reported() -> None:
    class Denying:
        def get_paginator(self, name: str) -> "Denying":
            return self

        def paginate(self, **what: str) -> list[dict[str, Any]]:
            return [{"Versions": [{"Key": "k", "VersionId": "v"}]}]

        def delete_objects(self, **what: Any) -> dict[str, Any]:
            return {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "Access Denied"}]}

    with pytest.raises(NotClean, match="s3://landing/k cannot be deleted: Access Denied"):
        delete_objects(Denying(), "landing", "")


def deployed() -> tuple[Clients, Stack]:
    """Return a stack of which a run has left an object, rows, a reject and an entry, and somebody else some, too."""
    s3, sqs, dynamodb = client("s3"), client("sqs"), client("dynamodb")
    for name in ("landing", "rejects"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_object(Bucket="landing", Key="orders/run-1/0.csv", Body=b"x")
    s3.put_object(Bucket="rejects", Key="orders/run-1/0.csv/01/0.jsonl", Body=b"x")
    s3.put_object(Bucket="rejects", Key="orders/mine.csv/01/0.jsonl", Body=b"x")
    table("LoadOrders", "customer", "order_id")
    dynamodb.put_item(TableName="LoadOrders", Item={"customer": {"S": "c"}, "order_id": {"S": "o"}})
    ledger = ledger_table()
    for key in ("orders/run-1/0.csv", "orders/mine.csv"):
        ledger.put_item(Item={"pk": f"landing/{key}", "sk": "HEAD"})
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("files", "dead")}
    outputs = {Output.LANDING_BUCKET: "landing", Output.REJECTS_BUCKET: "rejects", Output.LEDGER_TABLE: "Ledger"}
    outputs |= {Output.QUEUE_URL: urls["files"], Output.DEAD_LETTER_URL: urls["dead"]}
    return cast(Clients, Get()), cast(Stack, SimpleNamespace(name="it", outputs=outputs, tables=TABLES, identity=WHO))


class Get:
    """`Clients` of the fake AWS."""

    def get(self, service: str) -> Any:
        return client(service)


def left(name: str) -> list[str]:
    return [item["pk"]["S"] for item in client("dynamodb").scan(TableName=name)["Items"]]


def test_a_run_is_taken_away_and_nothing_else() -> None:
    clients, stack = deployed()
    Markers(clients, stack).put("run-1", ["orders"], ["orders/run-1/0.csv"])
    cleaned = Cleaner(clients, stack, print).clean("run-1")
    assert cleaned == Cleaned(objects=1, rows=1, rejects=1, entries=1, dead_letters=0)
    assert (keys("landing"), keys("rejects")) == ([], ["orders/mine.csv/01/0.jsonl"])
    assert left("Ledger") == ["landing/orders/mine.csv"]
    with pytest.raises(RunRefused, match="knows of no run run-1"):
        Cleaner(clients, stack, print).clean("run-1")


def test_a_run_of_another_name_is_left_alone() -> None:
    clients, stack = deployed()
    Markers(clients, stack).put("run-1", ["orders"], ["orders/run-1/0.csv"])
    with pytest.raises(RunRefused, match="knows of no run run-2"):
        Cleaner(clients, stack, print).clean("run-2")
    assert "orders/run-1/0.csv" in keys("landing")


def test_while_functions_may_still_write_a_run_keeps_its_marker() -> None:
    clients, stack = deployed()
    Markers(clients, stack).put("run-1", ["orders"], ["orders/run-1/0.csv"])
    send_all(client("sqs"), stack.outputs[Output.QUEUE_URL], ["news"])
    with pytest.raises(NotClean, match="loadtest clean --target aws --stack it --run run-1"):
        Cleaner(clients, stack, print, drained_within_s=0).clean("run-1")
    assert keys("landing") == ["_loadtest/run.json"]


def test_a_second_run_cannot_begin_beside_the_first() -> None:
    clients, stack = deployed()
    markers = Markers(clients, stack)
    markers.put("run-1", ["orders"], [])
    with pytest.raises(RunRefused, match="Another run has begun"):
        markers.put("run-2", ["orders"], [])
    found = markers.find()
    assert found is not None and found.run == "run-1"


def test_dead_letters_of_others_stay_and_can_be_received_at_once() -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName="dead")["QueueUrl"]
    send_all(sqs, url, [f"of run-{number % 2}/" for number in range(24)])
    found = messages_about(sqs, url, "run-1/")
    assert [body for body, _ in found] == ["of run-1/"] * 12
    assert len(messages_about(sqs, url, "run-0/")) == 12, "they are visible again"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0][1])


def test_messages_that_the_queue_does_not_take_are_reported() -> None:
    class Full:
        def send_message_batch(self, **what: Any) -> dict[str, Any]:
            return {"Failed": [{"Id": "0", "Code": "Throttled"}]}

    with pytest.raises(NotSentError, match="did not take 1 messages, the first because:"):
        send_all(Full(), "url", ["body"])


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


def test_an_upload_that_fails_is_reported_when_it_is_waited_for(bucket: str) -> None:
    uploads = Uploads(client("s3"), "no-such-bucket")
    uploads.add("small", iter([b"a"]), most_bytes=1)
    with pytest.raises(client("s3").exceptions.NoSuchBucket):
        uploads.wait()
    uploads.close()


def test_the_ledger_reports_which_files_have_ended_and_gives_up_all_items_of_an_object() -> None:
    ledger, item = LedgerReader(client("dynamodb"), "Ledger", "landing"), ledger_table().put_item
    ended = {"listing": "orders#COMPLETE#2026-11-22", "listed_at": "2026-11-22T10:00:00Z"}
    item(Item={"pk": "landing/orders/run/0.csv", "sk": "FILE#01", **ended, "rows_read": 7})
    item(Item={"pk": "landing/orders/run/0.csv", "sk": "HEAD", "sequencer": "01"})
    item(Item={"pk": "landing/orders/run/1.csv", "sk": "FILE#02", "listing": "orders#OPEN", "listed_at": "2026-11-22"})
    item(Item={"pk": "another/orders/run/0.csv", "sk": "FILE#03", **ended})
    since_s = 1795341600.0  # 2026-11-22T10:00:00Z
    assert list(ledger.ended(["orders", "visits"], since_s)) == [("orders/run/0.csv", "01", "COMPLETE")]
    assert list(ledger.ended(["orders"], since_s + 86_400)) == []
    assert [entry["sk"] for entry in ledger.entries(["orders/run/0.csv", "orders/run/9.csv"])] == [
        "FILE#01",
        "HEAD",
    ]
    assert (ledger.newest("orders/run/0.csv"), ledger.newest("orders/run/1.csv")) == ("01", None)
