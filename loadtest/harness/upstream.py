"""The emulator, as the proxies of the harness ask it: one kept connection a thread, answers whole."""

import contextlib
import http.client
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What the emulator said."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Upstream:
    """Sends requests on. Use it from any thread."""

    def __init__(self, url: str) -> None:
        self._host = urlsplit(url).netloc
        self._local = threading.local()
        self._made: list[http.client.HTTPConnection] = []

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Return the answer; ask again once if a kept connection was closed meanwhile.

        Raises:
            OSError, HTTPException: there is none.
        """
        try:
            return self._ask(method, target, body, headers)
        except (ConnectionError, http.client.BadStatusLine):
            return self._ask(method, target, body, headers)

    def close(self) -> None:
        """Close all connections, once no one asks any more."""
        for connection in self._made:
            connection.close()

    def _ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        connection = self._connection()
        try:
            connection.request(method, target, body=body, headers=dict(headers))
            answer = connection.getresponse()
            return Answered(answer.status, answer.getheaders(), answer.read())
        except BaseException:
            with contextlib.suppress(OSError):
                connection.close()
            self._local.connection = None
            raise

    def _connection(self) -> http.client.HTTPConnection:
        if getattr(self._local, "connection", None) is None:
            self._local.connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_S)
            self._made.append(self._local.connection)
        connection: http.client.HTTPConnection = self._local.connection
        return connection
