"""The local stack with the emulated function in the place of its own, and what a run has to report at its end."""

import contextlib

from infra.arm64.sandbox import EmulatedFunction
from loadtest.harness.read_back import MOST_MESSAGES
from loadtest.harness.worker import record_of
from tests.e2e.stack_under_test import StackUnderTest

LEFT_S = 600.0
FOUND: list[str] = []


class Arm64Stack(StackUnderTest):
    """The local stack, whose messages go to the emulated function as Lambda would hand them over."""

    function: EmulatedFunction

    def hand_over_all(self) -> None:
        """Receive messages and have them answered until the queue is empty; none may fail."""
        asked = {"QueueUrl": self.queue_url, "MaxNumberOfMessages": MOST_MESSAGES, "WaitTimeSeconds": 1}
        while self.depth():
            answer = self._sqs.receive_message(**asked, AttributeNames=["All"], MessageAttributeNames=["All"])
            messages = answer.get("Messages", [])
            if messages:
                reply = self.function.answer({"Records": [record_of(message) for message in messages]}, LEFT_S)
                assert reply == {"batchItemFailures": []}
            for message in messages:
                with contextlib.suppress(self._sqs.exceptions.ReceiptHandleIsInvalid):  # the function has deleted it
                    self._sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
