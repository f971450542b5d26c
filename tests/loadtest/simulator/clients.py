"""boto3 clients for a simulator: one attempt, so that a test sees the answer and not what came of trying again."""

from typing import Any

import boto3
from botocore.config import Config

from loadtest.simulator import Simulator

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, max_pool_connections=32, read_timeout=10)


def client(simulator: Simulator, config: Config = ONCE) -> Any:
    verify = str(simulator.ca_file) if simulator.settings.tls else None
    return boto3.client("dynamodb", endpoint_url=simulator.url, config=config, verify=verify)


def put(key: str, **attributes: dict[str, Any]) -> dict[str, Any]:
    return {"PutRequest": {"Item": {"pk": {"S": key}, **attributes}}}


def puts(count: int, prefix: str = "k", **attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [put(f"{prefix}-{number}", **attributes) for number in range(count)]
