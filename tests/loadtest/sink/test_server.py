import boto3
import pytest
from botocore.exceptions import ClientError

from loadtest.sink import Sink

pytestmark = pytest.mark.enable_socket


def test_the_sink_takes_every_item_of_boto3s_batch_writer_and_counts_it() -> None:
    with Sink() as sink:
        table = boto3.resource("dynamodb", endpoint_url=sink.url).Table("Anything")
        with table.batch_writer() as batch:
            for number in range(60):
                batch.put_item(Item={"pk": str(number), "text": 'a "PutRequest" in the data'})
        assert (sink.requests, sink.items) == (3, 60)


def test_the_sink_refuses_what_it_does_not_know() -> None:
    with Sink() as sink, pytest.raises(ClientError, match="takes BatchWriteItem only"):
        boto3.client("dynamodb", endpoint_url=sink.url).list_tables()
