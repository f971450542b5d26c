"""How full a queue is, and whether the function takes from it."""

from typing import Any

from ingest.edges.depths import Depth, mapping_state, queue_depth
from tests.clients import client, mock_aws


def test_messages_are_counted_by_what_becomes_of_them_next() -> None:
    with mock_aws():
        sqs = client("sqs")
        url = sqs.create_queue(QueueName="files")["QueueUrl"]
        for delay in (0, 0, 0, 60):
            sqs.send_message(QueueUrl=url, MessageBody="m", DelaySeconds=delay)
        sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
        found = queue_depth(sqs, url)
    assert (found, found.all) == (Depth(visible=2, in_flight=1, delayed=1), 4)


class FakeLambda:
    def __init__(self, *states: str) -> None:
        self._states = states

    def list_event_source_mappings(self, FunctionName: str) -> Any:
        return {"EventSourceMappings": [{"State": state} for state in self._states]}


def test_the_state_of_the_mapping_is_told() -> None:
    assert mapping_state(FakeLambda("Disabled"), "worker") == "Disabled"  # type: ignore[arg-type]
    assert mapping_state(FakeLambda(), "worker") == "-"  # type: ignore[arg-type]
