"""`ingest retry`: what it says, and that the ledger, the queue and the rejects bucket are as the next worker needs."""

import json
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from ingest.aws.clock import Clock
from ingest.contract import Status
from ingest.errors import TooManyRejects
from ingest.feeds.dialect import Csv
from ingest.file import FileVersion
from ingest.ledger.claims import Claimed, LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import Checkpoint, WorkItem
from ingest.reading.blocks import Position
from ingest.rejects.reject import Reject
from ingest.rejects.reject_writer import RejectParts
from tests.support.clients import client, ledger_table, mock_aws, session
from tests.support.command import Ran
from tests.support.memory_ledger import at

KEY = "orders/a.csv"
CHECKPOINT = Checkpoint(Position(500, 21), Position(0, 1), RowCounts(20, 18, 2, 0, 500))


class Story:
    """A stack without its function, and one object in its bucket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = TableLedger(table=ledger_table(), clock=Clock())
        self.url = client("sqs").create_queue(QueueName="files")["QueueUrl"]
        for bucket in ("landing", "rejects"):
            place: Any = {"LocationConstraint": "eu-central-1"}
            client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        etag = client("s3").put_object(Bucket="landing", Key=KEY, Body=b"id,n\n")["ETag"].strip('"')
        self.file = FileVersion("landing", KEY, etag=etag, sequencer="0A", size_bytes=1000)
        variables = {"QUEUE_URL": self.url, "LEDGER_TABLE": "Ledger", "LANDING_BUCKET": "landing"}
        for name, value in (variables | {"REJECTS_BUCKET": "rejects"}).items():
            monkeypatch.setenv(f"INGEST_{name}", value)

    def begun(self, *, lease_s: float = -1.0) -> LeaseToken:
        """Let a worker begin the file, whose lease ends so many seconds from now."""
        token = LeaseToken("m", 1, time.time() + lease_s)
        at(self.ledger, 1.0).leases.note_newest(self.file)
        at(self.ledger, time.time() - 100).leases.claim(WorkItem(self.file), feed="orders", token=token)
        return token

    def failed(self) -> None:
        """Let the file fail behind its checkpoint, with rejects before and behind that."""
        token = self.begun()
        parts = RejectParts(client=client("s3"), bucket="rejects", file=self.file)
        parts.begin(b"id,n\n", Csv())
        for byte in (100, 700):
            parts.add([Reject(byte // 25, byte, "bad_number", "no", "n", "x", b"a,x\n")])
            parts.flush()
        error = TooManyRejects("Too many.")
        outcome = Outcome(Status.FAILED, RowCounts(30, 27, 3, 0, 750), 1.0, parts.url, error, CHECKPOINT)
        at(self.ledger, time.time()).transitions.end_file(self.file, token, outcome)
        at(self.ledger, time.time()).transitions.note_reported(self.file, "orders", Status.FAILED)

    def messages(self) -> list[dict[str, Any]]:
        found = client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in found.get("Messages", [])]


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    monkeypatch.setattr(boto3, "Session", lambda region_name=None: session())
    with mock_aws():
        yield Story(monkeypatch)


def test_a_failed_file_is_loaded_from_its_start(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    story.failed()
    again = f"0A{'0' * 30}+001"
    assert Ran(capsys, "retry", KEY).out.splitlines() == [
        f"s3://landing/{KEY} will be loaded again as version {again}: the whole file.",
        "Follow it with `ingest status orders/a.csv`.",
    ]
    assert [(message["ingest"], message["file"]["retry"]) for message in story.messages()] == [("file", 1)]
    reported = Ran(capsys, "status", KEY, "--json").json
    assert [(file["version"], file["status"]) for file in reported["versions"]] == [
        (story.file.version, "FAILED"),
        (again, "WAITING"),
    ]
    sentence = f"s3://landing/{KEY} continues as version {again}: 1 message(s) were sent."
    assert Ran(capsys, "retry", KEY).out.startswith(sentence)


def test_a_failed_file_goes_on_at_its_checkpoint_with_the_rejects_before_it(
    capsys: pytest.CaptureFixture[str], story: Story
) -> None:
    story.failed()
    reported = Ran(capsys, "retry", f"s3://landing/{KEY}", "--from", "checkpoint", "--json").json
    assert (reported["new_attempt"], reported["messages_sent"], reported["from"]) == (True, 1, "checkpoint")
    assert reported["kept"] == CHECKPOINT.row_counts.counts()
    file = FileVersion(**story.messages()[0]["file"])
    claimed = at(story.ledger, time.time()).leases.claim(WorkItem(file), feed="orders", token=LeaseToken("m2", 1, 1e12))
    assert isinstance(claimed, Claimed)
    assert claimed.checkpoint == CHECKPOINT
    assert [reject["byte_offset"] for reject in Ran(capsys, "rejects", KEY, "--json").json["rejects"]] == [100]


def test_a_stuck_file_gives_way(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    story.begun()
    out = Ran(capsys, "retry", KEY).out.splitlines()
    assert out[0] == f"The attempt {story.file.version}, which no worker held, is SUPERSEDED."
    assert [entry.status for entry in story.ledger.queries.versions("landing", KEY)] == ["SUPERSEDED", "WAITING"]
    assert story.ledger.queries.unreported(story.file) is None  # the event was sent


def test_a_file_that_is_being_loaded_is_refused(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    story.begun(lease_s=30)
    ran = Ran(capsys, "retry", KEY)
    assert ran.code == 3
    assert ran.sentence.startswith(f"s3://landing/{KEY} is being loaded: its worker showed life and holds it for")
    assert story.messages() == []


def test_an_object_that_was_overwritten_is_refused(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    story.failed()
    client("s3").put_object(Bucket="landing", Key=KEY, Body=b"another")
    ran = Ran(capsys, "retry", KEY)
    assert ran.code == 3
    assert "has been overwritten since it was loaded" in ran.sentence


@pytest.mark.parametrize(
    ("arguments", "code", "begin"),
    [
        (["orders/b.csv"], 3, "The ledger has no entry for s3://landing/orders/b.csv"),
        ([KEY, "--from", "middle"], 2, "--from 'middle' is not valid; accepted are start, checkpoint."),
        ([KEY, "--version", "nine"], 2, "--version 'nine' is not in the ledger; it has: 0A"),
    ],
)
def test_what_is_not_clear_is_refused(
    capsys: pytest.CaptureFixture[str], story: Story, arguments: list[str], code: int, begin: str
) -> None:
    story.failed()
    ran = Ran(capsys, "retry", *arguments)
    assert ran.code == code
    assert ran.sentence.startswith(begin)
