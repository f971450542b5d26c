"""botocore's client with a ready-made body in place of what it would make of its parameters: a thread a connection."""

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any

import boto3
from botocore.config import Config

from loadtest.bench.writers.ready import Task, main


def send(task: Task) -> None:
    """Send all requests."""
    config = Config(max_pool_connections=task.connections, parameter_validation=False)
    client: Any = boto3.client("dynamodb", config=config)

    def replace_body(params: dict[str, Any], **_: object) -> None:
        params["body"] = task.body

    client.meta.events.register("before-call.dynamodb.BatchWriteItem", replace_body)

    def one(requests: dict[str, list[Any]]) -> None:
        if client.batch_write_item(RequestItems=requests)["UnprocessedItems"]:
            raise RuntimeError("the simulator did not take all")

    with ThreadPoolExecutor(task.connections) as pool:
        for _ in pool.map(one, repeat({task.table: []}, task.requests)):
            pass


if __name__ == "__main__":
    main(__doc__, send)
