"""AWS for the command line: settings come from botocore's own chain; what is wrong with them is one sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.config import Config

from ingest.aws.errors import aws_call
from ingest.errors import SettingsFault


def session() -> boto3.Session:
    """Return a session. botocore looks at AWS_DEFAULT_REGION only; every other AWS tool knows AWS_REGION too."""
    return boto3.Session(region_name=os.environ.get("AWS_REGION"))


def config() -> Config:
    """Return how patient clients are."""
    return Config(retries={"mode": "standard", "total_max_attempts": 5}, connect_timeout=5, read_timeout=30)


def client(service: Any, what: str) -> Any:
    """Return a client; `what` says what it is for, as "looking at the queue"."""
    with preparing(what):
        return session().client(service, config=config())


@contextmanager
def preparing(what: str) -> Iterator[None]:
    """Make sessions and clients, and raise what is wrong with the settings as ours."""
    try:
        with aws_call(what):
            yield
    except ValueError as error:  # what botocore has for an endpoint URL that is none
        raise SettingsFault(f"AWS refused the settings while {what}: {error}.") from error
