"""Hiding and burying messages."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from ingest.errors import AccessDenied, ServiceFault
from ingest.queue.sqs import SqsQueue
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
