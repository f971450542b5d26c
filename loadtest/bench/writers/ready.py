"""What the clients with a ready-made body share: their arguments and what they print. Standard library only."""

import argparse
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

TARGET = "DynamoDB_20120810.BatchWriteItem"
CONTENT_TYPE = "application/x-amz-json-1.0"
TOOK_ALL = b'{"UnprocessedItems":{}}'


@dataclass(frozen=True, slots=True)
class Task:
    """Send this body in a number of requests, over a number of connections at a time."""

    body: bytes
    table: str
    requests: int
    connections: int


@dataclass(frozen=True, slots=True)
class Server:
    """Where DynamoDB is, and the certificates to trust."""

    host: str
    port: int
    is_tls: bool
    ca_file: str | None


def place() -> Server:
    """Return where the environment says DynamoDB is."""
    url = urlsplit(os.environ["AWS_ENDPOINT_URL_DYNAMODB"])
    assert url.hostname and url.port, "the benchmark's endpoints have both"
    return Server(url.hostname, url.port, url.scheme == "https", os.environ.get("AWS_CA_BUNDLE"))


def main(description: str | None, send: Callable[[Task], None]) -> None:
    """Do what the command line asks, and print how many requests were answered: all of them, or there was an error."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("body", type=Path)
    parser.add_argument("--table", required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--connections", type=int, default=32)
    asked = parser.parse_args()
    try:
        send(Task(asked.body.read_bytes(), asked.table, asked.requests, asked.connections))
    except ModuleNotFoundError as error:
        print(json.dumps({"not_measured": str(error)}))
    else:
        print(json.dumps({"requests": asked.requests}))
