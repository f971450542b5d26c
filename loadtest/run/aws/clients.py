"""boto3 clients by the standard AWS settings (profile, region, `AWS_ENDPOINT_URL*`), and why a run is refused."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config


class RunRefused(Exception):
    """The guard does not let it happen; nothing was done."""


class NotClean(Exception):
    """Something of a run is left; says what, and what to do."""


THREADS = 16
_CONFIG = Config(retries={"mode": "standard", "max_attempts": 10}, max_pool_connections=2 * THREADS)


class Clients:
    """Makes each client once. They may be used from several threads."""

    def __init__(self) -> None:
        self._session = boto3.Session()
        self.get = cache(self._made)
        self._open: list[Any] = []

    @property
    def region(self) -> str:
        """The region that is set."""
        return str(self._session.region_name)

    def close(self) -> None:
        """Close all connections."""
        for client in self._open:
            client.close()

    def _made(self, service: str) -> Any:
        client = self._session.client(service, config=_CONFIG)  # type: ignore[call-overload]
        self._open.append(client)
        return client
