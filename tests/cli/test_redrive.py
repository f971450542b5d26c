"""`ingest redrive`: why there are dead letters, and back to the queue with them."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.errors import TableMissing
from ingest.file import FileVersion
from ingest.ledger.work_item import WorkItem
from ingest.queue import operating
from ingest.queue.messages import body_of
from ingest.queue.sqs import SqsQueue
from tests.support.clients import client
from tests.support.command import Ran
from tests.support.scenario import LedgerScenario, deployed

MISSING = "Table Orders does not exist."
FEEDS = "[feeds.orders]\nprefix = 'orders/'\ntable = 'Orders'\npartition_key = 'id'\n"


def died(stack: LedgerScenario, key: str, error: str = MISSING) -> str:
    """Let a file be tried without success, and its message be dead-lettered; return that."""
    work = WorkItem(FileVersion("landing", key, etag="e", sequencer="0A"))
    stack.ledger.leases.put_back(work, stack.begin(work, -1000), None, TableMissing(error))
    client("sqs").send_message(QueueUrl=stack.dead_letter_url, MessageBody=body_of(work))
    return body_of(work)


def dead_lettered(stack: LedgerScenario, body: str) -> None:
    """Let the function dead-letter a message."""
    queue = SqsQueue(client=client("sqs"), url=stack.queue_url, dead_letter_url=stack.dead_letter_url)
    queue.dead_letter(body, code="unknown_message", reason="It is of no known kind.")


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LedgerScenario]:
    monkeypatch.setattr(operating, "WAIT_S", 0)  # moto really waits
    with deployed(monkeypatch, tmp_path, feeds=FEEDS, columns=160) as made:
        yield made


def test_without_any_it_says_so(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    assert Ran(capsys, "redrive", "--dry-run").out == "The dead-letter queue is empty.\n"


def test_the_reasons_come_first_and_nothing_is_touched(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    body = died(stack, "orders/a.csv")
    dead_lettered(stack, "hello")
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
    assert stack.bodies(stack.dead_letter_url) == sorted([body, "hello"])
    assert stack.bodies(stack.queue_url) == []


def test_the_selected_messages_go_back_to_the_queue(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    bodies = [died(stack, f"orders/{n}.csv") for n in range(12)]
    died(stack, "elsewhere/a.csv")
    dead_lettered(stack, "hello")
    reported = Ran(capsys, "redrive", "--feed", "orders", "--yes", "--json").json
    assert [reported[f"messages_{what}"] for what in ("found", "chosen", "sent", "deleted")] == [14, 12, 12, 0]
    assert {letter["reason"] for letter in reported["dead_letters"]} == {"table_missing", "unknown_message"}
    first = next(letter for letter in reported["dead_letters"] if letter["file"] == "s3://landing/orders/3.csv")
    assert (first["chosen"], first["status"], first["why"]) == (True, "WAITING", MISSING)
    assert len(stack.bodies(stack.queue_url)) == 10 and set(stack.bodies(stack.queue_url)) <= set(bodies)
    assert len(stack.bodies(stack.dead_letter_url)) == 2


def test_unknown_messages_are_deleted_with_discard(capsys: pytest.CaptureFixture[str], stack: LedgerScenario) -> None:
    died(stack, "orders/a.csv")
    dead_lettered(stack, "hello")
    reported = Ran(capsys, "redrive", "--reason", "unknown_message", "--discard", "--yes", "--json").json
    assert (reported["messages_sent"], reported["messages_deleted"]) == (0, 1)
    assert "hello" not in stack.bodies(stack.dead_letter_url)
    assert stack.bodies(stack.queue_url) == []


def test_a_reason_with_several_sentences_shows_the_most_frequent(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    for n in range(6):
        died(stack, f"orders/{n}.csv", f"Table Orders{max(1, n)} does not exist.")
    lines = Ran(capsys, "redrive", "--dry-run").out.splitlines()
    assert lines[1] == "  table_missing: Table Orders1 does not exist."
    assert lines[4] == "  table_missing: and 2 more sentences; --json has all."


def test_deleted_messages_are_not_said_to_be_sent_back(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario
) -> None:
    dead_lettered(stack, "hello")
    out = Ran(capsys, "redrive", "--reason", "unknown_message", "--discard", "--yes").out
    assert "sent back" not in out
    assert out.endswith("1 dead letter(s) = 1 deleted + 0 left in the queue.\n")


def test_on_a_terminal_it_asks_first(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, stack: LedgerScenario
) -> None:
    body = died(stack, "orders/a.csv")
    for answer, sent in (("n\n", []), ("y\n", [body])):
        monkeypatch.setattr(sys, "stdin", Terminal(answer))
        ran = Ran(capsys, "redrive")
        assert "Send 1 message(s) back to the queue? [y/N]" in ran.out
        assert ran.out.endswith(f"= {len(sent)} sent + {1 - len(sent)} left in the queue.\n")
        assert stack.bodies(stack.queue_url) == sent


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
        (["--yes", "--feed", "nothing"], "feed 'nothing' does not exist"),
    ],
)
def test_what_is_not_clear_is_refused_before_anything_is_touched(
    capsys: pytest.CaptureFixture[str], stack: LedgerScenario, arguments: list[str], begin: str
) -> None:
    body = died(stack, "orders/a.csv")
    ran = Ran(capsys, "redrive", *arguments)
    assert ran.code == 2
    assert ran.sentence.lower().startswith(begin.lower())
    assert stack.bodies(stack.dead_letter_url) == [body]
