"""Hiding and burying messages."""

import string
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import AccessDenied, ServiceFault
from ingest.queue.sqs import SqsQueue, message_group
from tests.support.clients import client, mock_aws, session


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield client("sqs")


def queue(sqs: Any) -> SqsQueue:
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("buffer", "dead")]
    return SqsQueue(client=sqs, url=urls[0], dead_letter_url=urls[1])


def receive(sqs: Any, name: str) -> list[dict[str, Any]]:
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    messages: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get(
        "Messages", []
    )
    return messages


def test_a_dead_lettered_message_lies_in_the_dead_letter_queue_with_its_reason(sqs: Any) -> None:
    queue(sqs).dead_letter('{"ü": 1}', code="unknown_message", reason="The message has none of the known shapes.")
    (message,) = receive(sqs, "dead")
    assert message["Body"] == '{"ü": 1}'
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {"code": "unknown_message", "reason": "The message has none of the known shapes."}
    assert receive(sqs, "buffer") == []


def test_a_reason_is_made_of_characters_sqs_takes() -> None:
    """It may repeat field names of a message that came from anywhere."""
    own = session().client("sqs")
    with Stubber(own) as stub:
        reason = {"DataType": "String", "StringValue": "its fields are a?b, ?, ü😀"}
        attributes = {"code": {"DataType": "String", "StringValue": "c"}, "reason": reason}
        expected = {"QueueUrl": "d", "MessageBody": "b", "MessageAttributes": attributes}
        stub.add_response("send_message", {}, expected)
        SqsQueue(client=own, url="q", dead_letter_url="d").dead_letter(
            "b", code="c", reason="its fields are a\0b, \ud800, ü😀"
        )


@pytest.mark.parametrize(
    ("feed", "group"),
    [("orders", "orders"), ("Bücher 2026", "B%C3%BCcher%202026"), (None, None)],
)
def test_a_message_that_is_sent_carries_its_feed_as_message_group(sqs: Any, feed: str | None, group: str) -> None:
    """By which SQS delivers a busy feed's messages after those of the others."""
    queue(sqs).send([str(n) for n in range(12)], feed=feed, hops=3)
    url = sqs.get_queue_url(QueueName="buffer")["QueueUrl"]
    found = [
        message
        for _ in range(2)
        for message in sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
        )["Messages"]
    ]
    assert len(found) == 12
    assert {message["Attributes"].get("MessageGroupId") for message in found} == {group}
    assert {message["MessageAttributes"]["hops"]["StringValue"] for message in found} == {"3"}


TAKEN = set(string.ascii_letters + string.digits + string.punctuation)  # by SQS, in a message group


@given(st.text(min_size=1, max_size=300))
def test_every_name_of_a_feed_is_a_message_group_that_sqs_takes(feed: str) -> None:
    group = message_group(feed)
    assert 0 < len(group) <= 128
    assert set(group) <= TAKEN
    assert message_group(group) == group  # a dead letter that is sent back keeps its own


def test_two_long_names_that_differ_at_their_ends_are_two_message_groups() -> None:
    assert message_group("x" * 200 + "a") != message_group("x" * 200 + "b")


def test_a_hidden_message_comes_back_when_its_time_has_come(sqs: Any) -> None:
    own = queue(sqs)
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="buffer")["QueueUrl"], MessageBody="m")
    (message,) = receive(sqs, "buffer")
    own.hide(message["ReceiptHandle"], 900)
    assert receive(sqs, "buffer") == []
    own.hide(message["ReceiptHandle"], 0)
    assert [again["Body"] for again in receive(sqs, "buffer")] == ["m"]


def test_hiding_is_one_call_with_the_receipt_and_the_seconds() -> None:
    own = session().client("sqs")
    with Stubber(own) as stub:
        expected = {"QueueUrl": "q", "ReceiptHandle": "r", "VisibilityTimeout": 30}
        stub.add_response("change_message_visibility", {}, expected)
        SqsQueue(client=own, url="q", dead_letter_url="d").hide("r", 30)


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDenied", AccessDenied), ("AWS.SimpleQueueService.NonExistentQueue", ServiceFault)]
)
def test_a_queue_that_fails_is_a_service_fault_that_says_what_was_done(code: str, kind: type[ServiceFault]) -> None:
    own = session().client("sqs")
    with Stubber(own) as stub:
        stub.add_client_error("change_message_visibility", code)
        stub.add_client_error("send_message", code)
        failing = SqsQueue(client=own, url="q", dead_letter_url="d")
        with pytest.raises(kind, match="hiding a message"):
            failing.hide("r", 30)
        with pytest.raises(kind, match="putting a message in the dead-letter queue"):
            failing.dead_letter("b", code="c", reason="r")
