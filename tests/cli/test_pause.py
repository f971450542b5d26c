"""`ingest pause` and `ingest resume`: what they say."""

from collections.abc import Iterator
from typing import Any

import pytest

from ingest.cli import aws
from ingest.cli.stack import DeployedStack
from tests.support.clients import client, mock_aws, session
from tests.support.command import Ran


class Switch:
    """A mapping that is on or off."""

    def __init__(self) -> None:
        self.is_on = True

    def switch(self, *, on: bool) -> bool:
        before, self.is_on = self.is_on, on
        return before != on


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(aws, "session", session)
    monkeypatch.setattr(DeployedStack, "event_source", Switch())
    with mock_aws():
        made: Any = client("sqs").create_queue(QueueName="files")
        monkeypatch.setenv("INGEST_QUEUE_URL", made["QueueUrl"])
        yield made["QueueUrl"]


def test_they_say_what_has_changed_and_how_many_messages_wait(capsys: pytest.CaptureFixture[str], url: str) -> None:
    for _ in range(3):
        client("sqs").send_message(QueueUrl=url, MessageBody="x")
    client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    in_flight = " 1 in flight: they finish, or return to the queue."
    waiting = "2 message(s) in the queue"
    kept = "; they are kept for up to 7 days, until `ingest resume`."
    assert Ran(capsys, "pause").out == f"The stack ingest is paused. {waiting}{kept}{in_flight}\n"
    assert Ran(capsys, "pause").out == f"The stack ingest was already paused. {waiting}{kept}{in_flight}\n"
    assert Ran(capsys, "resume").out == f"The stack ingest is running. {waiting}.{in_flight}\n"
    assert Ran(capsys, "resume", "--json").json == {
        "state": "running",
        "changed": False,
        "messages_waiting": 2,
        "messages_in_flight": 1,
    }
