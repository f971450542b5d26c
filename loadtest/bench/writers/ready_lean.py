"""The product's own HTTP client with a ready-made body: signed, many requests under way, one thread."""

import boto3

from ingest.dynamodb.http.client import batch_write_exchange
from ingest.dynamodb.http.response import Answer
from loadtest.bench.writers.ready import TOOK_ALL, Task, main


def send(task: Task) -> None:
    """Send all requests."""
    session = boto3.Session()
    exchange = batch_write_exchange(session, session.client("dynamodb"), task.table)
    begun = done = 0
    while done < task.requests:
        while begun < task.requests and exchange.in_flight < task.connections:
            exchange.start(begun, task.body)
            begun += 1
        for _, outcome in exchange.poll(1.0):
            if not isinstance(outcome, Answer) or outcome.body != TOOK_ALL:
                raise RuntimeError(f"the simulator did not take all: {outcome}")
            done += 1
    exchange.close()


if __name__ == "__main__":
    main(__doc__, send)
