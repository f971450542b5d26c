"""`ingest reconcile`: the function's own code, and its findings as sentences."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from ingest.aws.clock import Clock
from ingest.cli.reconcile import sentences
from ingest.contract import Status
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken, Outcome
from ingest.ledger.row_counts import RowCounts
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import WorkItem
from ingest.worker.reconcile import Findings
from tests.support.clients import client, ledger_table, mock_aws, session
from tests.support.command import Ran
from tests.support.memory_ledger import at

FEEDS = "[feeds.orders]\nprefix = 'orders/'\ntable = 'Orders'\npartition_key = 'id'\n"
ALL_WELL = "Nothing is stuck, and every object is in the ledger."


class Stack:
    """A stack without its function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = TableLedger(table=ledger_table(), clock=Clock())
        self.queue_url = client("sqs").create_queue(QueueName="files")["QueueUrl"]
        client("s3").create_bucket(Bucket="landing", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        variables = {"QUEUE_URL": self.queue_url, "LEDGER_TABLE": "Ledger", "LANDING_BUCKET": "landing"}
        for name, value in (variables | {"REJECTS_BUCKET": "rejects"}).items():
            monkeypatch.setenv(f"INGEST_{name}", value)

    def begin(self, key: str, age_s: float) -> tuple[WorkItem, LeaseToken]:
        """Let a worker begin a file `age_s` ago, and then stop."""
        work, now_s = WorkItem(FileVersion("landing", key, etag="e", sequencer="0A")), time.time() - age_s
        token = LeaseToken("m1", 1, now_s + 1)
        at(self.ledger, now_s).leases.claim(work, feed="orders", token=token)
        return work, token

    def waiting(self) -> list[str]:
        """The keys of the files that messages in the queue are about."""
        found = client("sqs").receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return sorted(json.loads(message["Body"])["file"]["key"] for message in found)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Stack]:
    monkeypatch.setattr(boto3, "Session", lambda region_name=None: session())
    monkeypatch.chdir(tmp_path)
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    with mock_aws():
        yield Stack(monkeypatch)


def test_when_all_is_well_it_says_so(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    stack.begin("orders/now.csv", 10)
    ran = Ran(capsys, "reconcile")
    assert (ran.code, ran.err, stack.waiting()) == (0, "", [])
    assert ran.out == f"{ALL_WELL}\n"


def test_stuck_files_and_objects_without_an_entry_are_queued_and_named(
    capsys: pytest.CaptureFixture[str], stack: Stack
) -> None:
    stack.begin("orders/stuck.csv", 100)
    client("s3").put_object(Bucket="landing", Key="orders/withheld.csv", Body=b"id\n1\n")
    ran = Ran(capsys, "reconcile", "--stuck-after", "0")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "1 file(s) were stuck: requeued.",
        "1 object(s) had no ledger entry: queued.",
        "  requeued: s3://landing/orders/stuck.csv",
        "  queued: s3://landing/orders/withheld.csv",
    ]
    assert stack.waiting() == ["orders/stuck.csv", "orders/withheld.csv"]


def test_work_younger_than_stuck_after_is_left_alone(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    stack.begin("orders/young.csv", 100)
    assert Ran(capsys, "reconcile", "--stuck-after", "200").out == f"{ALL_WELL}\n"
    assert stack.waiting() == []


def test_an_unreported_outcome_is_reported_by_an_event(capsys: pytest.CaptureFixture[str], stack: Stack) -> None:
    work, token = stack.begin("orders/unreported.csv", 100)
    outcome = Outcome(Status.COMPLETE, RowCounts(1, 1, 0, 0, 5), 1.0)
    at(stack.ledger, time.time() - 90).transitions.end_file(work.file, token, outcome)
    ran = Ran(capsys, "reconcile", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.json["found"]["outcomes_reported"] == 1
    (did,) = ran.json["did"]
    assert (did["what"], did["file"], did["status"]) == ("file closed", work.file.url, "COMPLETE")
    assert list(stack.ledger.queries.open_files("orders")) == []


@pytest.mark.parametrize(
    "name", ["outcomes_reported", "files_closed", "files_given_up", "segments_sent_again", "is_late"]
)
def test_each_finding_is_one_sentence(name: str) -> None:
    (sentence,) = sentences(Findings(**{name: 1}))
    assert sentence.endswith(".") and sentence != ALL_WELL
