"""`ingest redrive`: why there are dead letters, and back to the queue with them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from ingest.aws.clock import Clock
from ingest.errors import TableMissing
from ingest.file import FileVersion
from ingest.ledger.claims import LeaseToken
from ingest.ledger.store import TableLedger
from ingest.ledger.work_item import WorkItem
from ingest.queue import dead_letters
from ingest.queue.messages import body_of
from ingest.queue.sqs import SqsQueue
from tests.support.clients import client, ledger_table, mock_aws, session
from tests.support.command import Ran
from tests.support.memory_ledger import at

MISSING = "Table Orders does not exist."
FEEDS = "[feeds.orders]\nprefix = 'orders/'\ntable = 'Orders'\npartition_key = 'id'\n"


class Story:
    """A ledger, a queue, and dead letters."""

    def __init__(self) -> None:
        self.ledger = TableLedger(table=ledger_table(), clock=Clock())
        self.url = client("sqs").create_queue(QueueName="files")["QueueUrl"]
        self.dead_url = client("sqs").create_queue(QueueName="dead")["QueueUrl"]

    def died(self, key: str, error: str = "There is no table Orders.") -> str:
        """Let a file be tried in vain, and its message be buried."""
        work = WorkItem(FileVersion("landing", key, etag="e", sequencer="0A"))
        token = LeaseToken("m", 3, 160.0)
        at(self.ledger, 100.0).leases.claim(work, feed="orders", token=token)
        self.ledger.leases.put_back(work, token, None, TableMissing(error))
        client("sqs").send_message(QueueUrl=self.dead_url, MessageBody=body_of(work))
        return body_of(work)

    def dead_lettered(self, body: str) -> None:
        """Let the function bury a message."""
        queue = SqsQueue(client=client("sqs"), url=self.url, dead_letter_url=self.dead_url)
        queue.dead_letter(body, code="unknown_message", reason="It is of no known kind.")

    def bodies(self, url: str) -> list[str]:
        """What a queue holds and shows, left as it is."""
        found = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return sorted(message["Body"] for message in found.get("Messages", []))


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Story]:
    monkeypatch.setattr(boto3, "Session", lambda region_name=None: session())
    monkeypatch.setattr(dead_letters, "WAIT_S", 0)  # moto really waits
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    Path("feeds.toml").write_text(FEEDS, encoding="utf-8")
    with mock_aws():
        story = Story()
        monkeypatch.setenv("INGEST_LEDGER_TABLE", "Ledger")
        monkeypatch.setenv("INGEST_QUEUE_URL", story.url)
        monkeypatch.setenv("INGEST_DEAD_LETTER_URL", story.dead_url)
        yield story


def test_without_any_it_says_so(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    assert Ran(capsys, "redrive", "--dry-run").out == "The dead-letter queue is empty.\n"


def test_the_reasons_come_first_and_nothing_is_touched(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    body = story.died("orders/a.csv", MISSING)
    story.dead_lettered("hello")
    out = Ran(capsys, "redrive", "--dry-run").out
    lines = [line.rstrip() for line in out.splitlines()]
    assert lines[0] in (
        "2 dead letter(s): 1 table_missing, 1 unknown_message",
        "2 dead letter(s): 1 unknown_message, 1 table_missing",
    )
    assert sorted(lines[1:3]) == [
        f"  table_missing: {MISSING}",
        "  unknown_message: It is of no known kind.",
    ]
    (row,) = [line for line in lines if "orders/a.csv" in line]
    assert row.startswith("→") and row.split()[2] == "table_missing" and row.endswith("WAITING")
    (row,) = [line for line in lines if line.lstrip().startswith("message ")]
    assert row.split()[2] == "unknown_message"
    assert "1 unknown message(s) are left" in out
    assert lines[-1] == "2 dead letter(s) = 1 would be sent + 1 left in the queue."
    assert story.bodies(story.dead_url) == sorted([body, "hello"])
    assert story.bodies(story.url) == []


def test_the_selected_messages_go_back_to_the_queue(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    bodies = [story.died(f"orders/{n}.csv", MISSING) for n in range(12)]
    story.died("elsewhere/a.csv")
    story.dead_lettered("hello")
    reported = Ran(capsys, "redrive", "--feed", "orders", "--yes", "--json").json
    assert (reported["found"], reported["chosen"], reported["sent"], reported["deleted"]) == (14, 12, 12, 0)
    assert {letter["reason"] for letter in reported["letters"]} == {"table_missing", "unknown_message"}
    first = next(letter for letter in reported["letters"] if letter["file"] == "s3://landing/orders/3.csv")
    assert (first["chosen"], first["status"], first["why"]) == (True, "WAITING", MISSING)
    assert len(story.bodies(story.url)) == 10 and set(story.bodies(story.url)) <= set(bodies)
    assert len(story.bodies(story.dead_url)) == 2


def test_unknown_messages_are_deleted_with_discard(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    story.died("orders/a.csv")
    story.dead_lettered("hello")
    reported = Ran(capsys, "redrive", "--reason", "unknown_message", "--discard", "--yes", "--json").json
    assert (reported["sent"], reported["deleted"]) == (0, 1)
    assert "hello" not in story.bodies(story.dead_url)
    assert story.bodies(story.url) == []


def test_a_reason_with_several_sentences_shows_the_most_frequent(
    capsys: pytest.CaptureFixture[str], story: Story
) -> None:
    for n in range(6):
        story.died(f"orders/{n}.csv", f"Table Orders{max(1, n)} does not exist.")
    lines = Ran(capsys, "redrive", "--dry-run").out.splitlines()
    assert lines[1] == "  table_missing: Table Orders1 does not exist."
    assert lines[4] == "  table_missing: and 2 more sentences; --json has all."


def test_deleted_messages_are_not_said_to_be_sent_back(capsys: pytest.CaptureFixture[str], story: Story) -> None:
    story.dead_lettered("hello")
    out = Ran(capsys, "redrive", "--reason", "unknown_message", "--discard", "--yes").out
    assert "sent back" not in out
    assert out.endswith("1 dead letter(s) = 1 deleted + 0 left in the queue.\n")


def test_on_a_terminal_it_asks_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, story: Story
) -> None:
    body = story.died("orders/a.csv")
    for answer, sent in (("n\n", []), ("y\n", [body])):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        ran = Ran(capsys, "redrive")
        assert "Send 1 message(s) back to the queue? [y/N]" in ran.out
        assert ran.out.endswith(f"= {len(sent)} sent + {1 - len(sent)} left in the queue.\n")
        assert story.bodies(story.url) == sent


class Terminal:
    """A terminal with a user who answers."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self, *_: Any) -> str:
        return self._answer


@pytest.mark.parametrize(
    ("arguments", "begin"),
    [
        ([], "Confirmation needs a terminal: add --yes"),
        (["--yes", "--discard"], "--discard deletes permanently: select messages"),
        (["--yes", "--older-than", "soon"], "--older-than 'soon' is not a duration; write a number with s, m, h or d"),
        (["--yes", "--feed", "nothing"], "there is no feed"),
    ],
)
def test_what_is_not_clear_is_refused_before_anything_is_touched(
    capsys: pytest.CaptureFixture[str], story: Story, arguments: list[str], begin: str
) -> None:
    body = story.died("orders/a.csv")
    ran = Ran(capsys, "redrive", *arguments)
    assert ran.code == 2
    assert ran.sentence.lower().startswith(begin.lower())
    assert story.bodies(story.dead_url) == [body]
