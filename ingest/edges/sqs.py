"""The queue's two sides that Lambda does not do for us: hiding a failed message, and burying an unknown one."""

from typing import TYPE_CHECKING

from ingest.edges.aws_errors import aws_call

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Queue:
    """The buffer queue and its dead-letter queue."""

    def __init__(self, *, client: "SQSClient", url: str, dead_letter_url: str) -> None:
        self._client = client
        self._url = url
        self._dead_letter_url = dead_letter_url

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Let a message that was received come back after so many seconds, instead of after the visibility timeout."""
        with aws_call("hiding a message"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )

    def bury(self, body: str, *, code: str, reason: str) -> None:
        """Put a message in the dead-letter queue, with the reason as message attributes, in characters SQS takes."""
        printable = "".join(character if character.isprintable() else "?" for character in reason)
        with aws_call("putting a message in the dead-letter queue"):
            self._client.send_message(
                QueueUrl=self._dead_letter_url,
                MessageBody=body,
                MessageAttributes={
                    "code": {"DataType": "String", "StringValue": code},
                    "reason": {"DataType": "String", "StringValue": printable},
                },
            )
