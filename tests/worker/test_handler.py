"""The function's answer to a batch: exactly the ids that must come back. Then the real parts, joined as deployed."""

import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingest.aws.clock import Clock
from ingest.contract import FINAL_STATUSES, Env, LedgerKeys, Metric, Status
from ingest.errors import IngestError, SettingsFault, Throttled, Unavailable
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.worker import handler
from ingest.worker.batch import BatchHandler, Reply, logger
from ingest.worker.lease import Timing
from loadtest.scenarios.figures import read_emf
from tests.support.clients import MotoExchange, client, mock_aws, session, table
from tests.support.fakes import FakeTable, ScriptedClock, SentMessage
from tests.support.world import EVENTS, KEY, World, event

ROOT = Path(__file__).parents[2]


def sqs_record(message_id: str, body: str, *, delivery: int = 1, handle: str | None = None) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((EVENTS / "sqs_record.json").read_text(encoding="utf-8"))
    record |= {"messageId": message_id, "receiptHandle": handle or f"handle of {message_id}", "body": body}
    record["attributes"]["ApproximateReceiveCount"] = str(delivery)
    return record


def returned(reply: Reply) -> list[str]:
    return [failure["itemIdentifier"] for failure in reply["batchItemFailures"]]


class ReceivedFrom:
    """What the function needs of the queue its messages come from."""

    def __init__(self, error: IngestError | None = None) -> None:
        self.hidden: list[tuple[str, int]] = []
        self.kept: list[tuple[set[str], int]] = []
        self.deleted: list[str] = []
        self._error = error

    def keep(self, receipt_handles: Iterable[str], seconds: int) -> None:
        if self._error:
            raise self._error
        self.kept.append((set(receipt_handles), seconds))

    def hide(self, receipt_handle: str, seconds: int) -> None:
        if self._error:
            raise self._error
        self.hidden.append((receipt_handle, seconds))

    def delete(self, receipt_handles: Iterable[str]) -> None:
        if self._error:
            raise self._error
        self.deleted += receipt_handles


def function(world: World, queue: ReceivedFrom) -> BatchHandler:
    parts: Any = {"dispatcher": world.dispatcher, "queue": queue, "clock": ScriptedClock(time_s=world.clock.time_s)}
    return BatchHandler(**parts, timing=Timing(lease_s=60), retry_base_s=30, retry_cap_s=900)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


# --- the answer ---


def test_only_the_messages_that_must_come_back_are_in_the_answer(log: io.StringIO) -> None:
    world, queue = World(), ReceivedFrom()
    world.objects.contents |= {
        "orders/bug.csv": b"id,n\na,1\n",
        "orders/slow.csv": b"id,n\na,1\n",
        "orders/bad.csv": b"",
    }
    world.objects.breaks["orders/bug.csv"] = (0, ZeroDivisionError("a bug"))
    world.objects.breaks["orders/slow.csv"] = (0, Unavailable("slow"))
    batch = [
        sqs_record("test event", (EVENTS / "s3_test_event.json").read_text(encoding="utf-8")),
        sqs_record("bug", event("orders/bug.csv"), delivery=3),
        sqs_record("good", event(KEY)),
        sqs_record("unknown", "poison"),
        sqs_record("slow", event("orders/slow.csv")),
        sqs_record("no feed", event("elsewhere/x.csv")),
        sqs_record("bad file", event("orders/bad.csv")),
        sqs_record("duplicate", event(KEY)),
        sqs_record("good too", event("orders/b.csv")),
    ]
    assert returned(function(world, queue).answer({"Records": batch}, 900)) == ["slow", "bug"]
    assert queue.hidden == [("handle of slow", 22), ("handle of bug", 90)]  # 3/4 of 30 * 2**(n-1): luck is 0.5
    assert {record.status for record in world.ledger.entries.values()} == {*FINAL_STATUSES[:2], Status.WAITING}
    assert world.entry(KEY).status == world.entry("orders/b.csv").status == Status.COMPLETE
    assert len(world.dead_letters.dead_lettered) == 1
    assert [(line["message_id"], line["code"]) for line in lines(log)] == [
        ("slow", "unavailable"),
        ("bug", "internal_fault"),
    ]


def test_a_batch_that_goes_well_returns_nothing() -> None:
    reply = function(World(), ReceivedFrom()).answer({"Records": [sqs_record("m", event(KEY))]}, 900)
    assert reply == {"batchItemFailures": []}
    assert function(World(), ReceivedFrom()).answer({"Records": []}, 900) == {"batchItemFailures": []}


@pytest.mark.parametrize("error", [Unavailable("the queue is down"), SettingsFault("no region"), KeyError("a bug")])
def test_a_message_that_cannot_be_hidden_comes_back_late_and_harms_no_one(error: Any, log: io.StringIO) -> None:
    world = World()
    world.objects.breaks[KEY] = (0, Unavailable("slow"))
    batch = [sqs_record("slow", event(KEY)), sqs_record("good", event("orders/b.csv"))]
    assert returned(function(world, ReceivedFrom(error)).answer({"Records": batch}, 900)) == ["slow"]
    assert world.entry("orders/b.csv").status == Status.COMPLETE
    reported = ["visibility timeout not extended", "message will be retried", "message will be retried late"]
    assert [line["message"] for line in lines(log)] == reported


@pytest.mark.parametrize("error", [Unavailable("the ledger is down"), KeyError("a bug")])
def test_files_that_cannot_be_looked_up_together_are_begun_one_by_one(
    error: Any, log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, asked = World(), []

    def prefetch(files: list[FileVersion]) -> None:
        asked.append([file.key for file in files])
        raise error

    monkeypatch.setattr(world.ledger, "prefetch", prefetch)
    batch = [sqs_record("unknown", "poison"), *(sqs_record(key, event(key)) for key in (KEY, "orders/b.csv"))]
    assert returned(function(world, ReceivedFrom()).answer({"Records": batch}, 900)) == []
    assert asked == [[KEY, "orders/b.csv"]]
    assert world.entry(KEY).status == world.entry("orders/b.csv").status == Status.COMPLETE
    assert [line["message"] for line in lines(log)] == ["files not looked up together"]


def test_messages_that_find_no_time_left_are_handed_over_untouched() -> None:
    world, queue = World(), ReceivedFrom()
    batch = [sqs_record("a", event(KEY)), sqs_record("b", event("orders/b.csv"))]
    assert returned(function(world, queue).answer({"Records": batch}, 20)) == []
    assert (world.ledger.entries, queue.hidden) == ({}, [])
    assert [message.body for message in world.queue.sent] == [event(KEY), event("orders/b.csv")]


def test_a_batch_is_hidden_for_little_longer_than_a_lease_holds() -> None:
    world, queue = World(), ReceivedFrom()
    world.objects.breaks[KEY] = (0, Unavailable("slow"))
    batch = [sqs_record("slow", event(KEY)), sqs_record("good", event("orders/b.csv"))]
    function(world, queue).answer({"Records": batch}, 900)
    assert queue.kept == [({"handle of slow", "handle of good"}, 65)]


def test_a_message_whose_own_lease_still_holds_comes_back_when_it_has_run_out() -> None:
    world, queue = World(), ReceivedFrom()
    file = FileVersion("landing-example", KEY, sequencer="0066F2")
    token = LeaseToken("m", 1, world.clock.time_s + 40, "dead")
    world.ledger.leases.begin(file, feed="orders", token=token)
    batch = [sqs_record("m", event(KEY), delivery=2)]
    assert returned(function(world, queue).answer({"Records": batch}, 900)) == ["m"]
    assert queue.hidden == [("handle of m", 41)]


def test_hops_and_stalls_come_with_the_message() -> None:
    world = World(writer=FakeTable(fail_after=0, error=Throttled("full")))
    record = sqs_record("m", event(KEY))
    record["messageAttributes"] = {"hops": {"stringValue": "7", "dataType": "Number"}}
    assert returned(function(world, ReceivedFrom()).answer({"Records": [record]}, 900)) == []
    assert world.queue.sent == [SentMessage(event(KEY), hops=8, stalls=1, delay_s=20, feed="orders")]


def test_the_log_shows_where_a_bug_is_and_nothing_of_the_rows(log: io.StringIO) -> None:
    world = World()
    world.objects.breaks[KEY] = (1, ZeroDivisionError("4111-1111-1111-1111"))
    function(world, ReceivedFrom()).answer({"Records": [sqs_record("m", event(KEY))]}, 900)
    (line,) = lines(log)
    assert line["error"] == "ZeroDivisionError"
    assert any("fakes.py" in frame for frame in line["frames"])
    assert "4111" not in log.getvalue()


# --- the environment ---


@pytest.fixture(autouse=True)
def one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boto3, "Session", session)


ENVIRONMENT = {
    Env.QUEUE_URL: "https://sqs.eu-central-1.amazonaws.com/111122223333/buffer",
    Env.DEAD_LETTER_URL: "https://sqs.eu-central-1.amazonaws.com/111122223333/dead",
    Env.LEDGER_TABLE: "Ledger",
    Env.REJECTS_BUCKET: "rejects",
    Env.RETRY_BASE_S: "30",
    Env.RETRY_CAP_S: "900",
    Env.LEASE_S: "60",
    Env.CHECKPOINT_S: "5",
    Env.STOP_BEFORE_END_S: "45",
    Env.SEGMENT_BYTES: "67108864",
    Env.STUCK_S: "3600",
    Env.MAX_RECEIVE_COUNT: "5",
    Env.LEDGER_DAYS: "400",
    Env.LANDING_BUCKET: "landing",
    Env.STACK: "test",
}


def test_the_function_is_built_from_its_environment_without_a_call() -> None:
    assert handler.build(ENVIRONMENT, ROOT)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_each_missing_variable_is_named(name: str) -> None:
    environment = {other: value for other, value in ENVIRONMENT.items() if other != name}
    with pytest.raises(SettingsFault, match=f"environment variable {name} is not set; the stack sets it"):
        handler.build(environment, ROOT)


@pytest.mark.parametrize("name", [Env.RETRY_BASE_S, Env.LEASE_S, Env.SEGMENT_BYTES])
@pytest.mark.parametrize("value", ["", "soon", "30s", "nan", "inf", "-1", "1e400"])
def test_a_variable_that_is_not_a_number_is_named_with_its_value(name: str, value: str) -> None:
    sentence = f"{name} = '{value}' is wrong: accepted is a number" if value else f"{name} is not set"
    with pytest.raises(SettingsFault, match=sentence):
        handler.build({**ENVIRONMENT, name: value}, ROOT)


def test_a_missing_feeds_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsFault, match="does not exist"):
        handler.build(ENVIRONMENT, tmp_path)


# --- all real parts, against moto (which does not show what DynamoDB refuses) ---

FEEDS = """
[feeds.orders]
prefix = "orders/"
table = "Orders"
writer = "boto3"
partition_key = "customer_id"
sort_key = "order_id"
[feeds.orders.columns]
quantity = "N"
unit_price = "N"
gift = "BOOL"
[feeds.bare]
prefix = "bare/"
table = "Orders"
writer = "boto3"
partition_key = "customer_id"
sort_key = "order_id"
csv = { header = "none" }
[feeds.nowhere]
prefix = "nowhere/"
table = "NoSuchTable"
writer = "boto3"
partition_key = "id"
"""


class Cloud:
    """The resources of the stack, in moto."""

    def __init__(self, root: Path) -> None:
        (root / "feeds.toml").write_text(FEEDS, encoding="utf-8")
        self.s3 = client("s3")
        self.sqs = client("sqs")
        for bucket in ("landing", "rejects"):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        self.queue = self.sqs.create_queue(QueueName="buffer")["QueueUrl"]
        self.dead = self.sqs.create_queue(QueueName="dead")["QueueUrl"]
        self.orders = table("Orders", "customer_id", "order_id")
        self.ledger = table("Ledger", LedgerKeys.PARTITION_KEY, LedgerKeys.SORT_KEY)
        self.events = client("events")
        urls = {Env.QUEUE_URL: self.queue, Env.DEAD_LETTER_URL: self.dead}
        self.environment = {**ENVIRONMENT, **urls, Env.RETRY_BASE_S: "600"}
        self.function = handler.build(self.environment, root)

    def drop(self, key: str, data: bytes, sequencer: str = "0A") -> str:
        """Put an object; return the notification S3 would send."""
        etag = self.s3.put_object(Bucket="landing", Key=key, Body=data)["ETag"].strip('"')
        body = json.loads(event(key.replace(" ", "+"), sequencer=sequencer))
        body["Records"][0]["s3"]["bucket"]["name"] = "landing"
        body["Records"][0]["s3"]["object"] |= {"eTag": etag, "size": len(data)}
        return json.dumps(body)

    def deliver(self, *bodies: str) -> list[str]:
        """Send messages through the queue to the function; return the bodies of those that come back."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.queue, MessageBody=body)
        received = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=10, AttributeNames=["ApproximateReceiveCount"]
        )["Messages"]
        records = [sqs_record(m["MessageId"], m["Body"], handle=m["ReceiptHandle"]) for m in received]
        back = returned(self.function.answer({"Records": records}, 900))
        return [record["body"] for record in records if record["messageId"] in back]

    def file(self, key: str) -> dict[str, Any]:
        """The ledger's record of an object."""
        record: dict[str, Any]
        (record,) = [
            item
            for item in self.ledger.scan()["Items"]
            if item["pk"] == f"landing/{key}" and item["sk"] != LedgerKeys.HEAD
        ]
        return record


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    monkeypatch.setattr(handler, "table_exchange", lambda session, client, table: MotoExchange())
    with mock_aws():
        yield Cloud(tmp_path)


def test_the_sample_file_goes_from_the_bucket_to_the_table(
    cloud: Cloud, log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = (ROOT / "sample_data.csv").read_bytes()
    assert cloud.deliver(cloud.drop("orders/sample data.csv", sample)) == []
    record = cloud.file("orders/sample data.csv")
    assert (record["status"], record["rows_read"], record["rows_written"]) == (Status.COMPLETE, 500, 495)
    assert (record["rows_rejected"], record["rows_superseded"], record["bytes_read"]) == (4, 1, len(sample))
    assert cloud.orders.scan(Select="COUNT")["Count"] == 495
    item = cloud.orders.get_item(Key={"customer_id": "C1133", "order_id": "O-700002"})["Item"]
    assert (item["quantity"], str(item["unit_price"]), item["product"]) == (12, "5.85", "Notebook A5, dotted")
    assert "gift" not in item
    parts = {
        part["Key"].rpartition(".")[2]: part["Key"] for part in cloud.s3.list_objects_v2(Bucket="rejects")["Contents"]
    }
    assert sorted(parts) == ["csv", "duplicates", "jsonl"]
    assert all(f"s3://rejects/{key}".startswith(record["rejects"]) for key in parts.values())
    body = cloud.s3.get_object(Bucket="rejects", Key=parts["jsonl"])["Body"].read()
    assert [json.loads(line)["line"] for line in body.splitlines()] == [100, 234, 355, 477]
    (duplicate,) = cloud.s3.get_object(Bucket="rejects", Key=parts["duplicates"])["Body"].read().splitlines()
    document, text = json.loads(duplicate), sample.decode().splitlines()
    rows = [text[document[name] - 1].split(",") for name in ("replaced_line", "line")]
    assert all(set(document["key"].values()) <= set(row) for row in rows)
    assert not any(value in log.getvalue() for value in document["key"].values())
    *early, progress, ending = [read_emf(line) for line in capsys.readouterr().out.splitlines()]
    assert progress and ending
    assert (progress.stack, progress.feed) == (ending.stack, ending.feed) == ("test", "orders")
    units = sum(line.values.get(Metric.WRITE_UNITS, 0) for line in (*early, progress) if line)  # more where it is slow
    assert (progress.values[Metric.ROWS_WRITTEN], units) == (495, 495)
    assert ending.values[Metric.FILES_COMPLETED] == 1
    assert [line["message"] for line in lines(log)] == ["file closed"]


def test_a_mixed_batch_ends_where_each_message_belongs(cloud: Cloud, log: io.StringIO) -> None:
    good = cloud.drop("orders/good.csv", b"customer_id,order_id,quantity,unit_price,gift\nc,o,1,2,yes\n")
    homeless = cloud.drop("elsewhere.csv", b"a\n1\n")
    empty = cloud.drop("orders/empty.csv", b"")
    no_rows = cloud.drop("bare/empty.csv", b"")
    tableless = cloud.drop("nowhere/x.csv", b"id\n1\n")
    gone = cloud.drop("orders/gone.csv", b"x\n1\n")
    cloud.s3.delete_object(Bucket="landing", Key="orders/gone.csv")
    overwritten = cloud.drop("orders/over.csv", b"x\n1\n")
    cloud.s3.put_object(Bucket="landing", Key="orders/over.csv", Body=b"y\n2\n")
    assert cloud.deliver(good, homeless, empty, no_rows, tableless, gone, overwritten, "poison", good) == [tableless]
    statuses = {
        key: cloud.file(key)["status"]
        for key in ("orders/good.csv", "elsewhere.csv", "orders/empty.csv", "nowhere/x.csv", "orders/gone.csv")
    }
    assert statuses == {
        "orders/good.csv": Status.COMPLETE,
        "elsewhere.csv": Status.FAILED,
        "orders/empty.csv": Status.FAILED,
        "nowhere/x.csv": Status.WAITING,
        "orders/gone.csv": Status.SUPERSEDED,
    }
    assert cloud.file("orders/over.csv")["status"] == Status.SUPERSEDED
    assert cloud.file("bare/empty.csv")["status"] == Status.COMPLETE
    assert cloud.file("nowhere/x.csv")["error"]["code"] == "table_missing"
    assert cloud.file("elsewhere.csv")["error"]["code"] == "no_feed"
    dead = cloud.sqs.receive_message(QueueUrl=cloud.dead, MessageAttributeNames=["All"])["Messages"]
    assert [message["Body"] for message in dead] == ["poison"]
    assert dead[0]["MessageAttributes"]["code"]["StringValue"] == "unknown_message"
    assert "not JSON" in dead[0]["MessageAttributes"]["reason"]["StringValue"]


def test_the_entry_point_builds_its_parts_once(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 900_000

    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    handler._batch_handler.cache_clear()
    try:
        record = sqs_record("m", cloud.drop("orders/a.csv", b"customer_id,order_id\nc,o\n"))
        assert returned(handler.handle({"Records": [record]}, Context())) == []
        assert cloud.file("orders/a.csv")["error"]["code"] == "bad_header"  # this feeds.toml is the repository's
        assert handler._batch_handler() is handler._batch_handler()
    finally:
        handler._batch_handler.cache_clear()


def test_the_machines_clock_goes_on() -> None:
    clock = Clock()
    begun_s = clock.monotonic_s()
    clock.sleep(0.001)
    assert clock.monotonic_s() - begun_s >= 0.001
    assert clock.now_s() > 1_700_000_000
    assert 0 <= clock.chance() < 1
