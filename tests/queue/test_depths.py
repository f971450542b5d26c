"""How full a queue is."""

from ingest.queue.sqs import Depth, queue_depth
from tests.support.clients import client, mock_aws


def test_messages_are_counted_by_what_becomes_of_them_next() -> None:
    with mock_aws():
        sqs = client("sqs")
        url = sqs.create_queue(QueueName="files")["QueueUrl"]
        for delay in (0, 0, 0, 60):
            sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=delay)
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
        found = queue_depth(sqs, url)
    assert (found, found.all) == (Depth(visible=2, in_flight=1, delayed=1), 4)
