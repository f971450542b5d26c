"""The service behind an endpoint of ours: asked over kept connections, from any thread, and answers whole."""

from collections.abc import Mapping

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, connection_from_url
from urllib3.exceptions import HTTPError as UpstreamError

__all__ = ["Upstream", "UpstreamError"]
_CONNECTIONS, _TIMEOUT_S = 64, 60.0
# Once more if a kept connection was closed meanwhile; an answer that is an error is handed on as it is.
_ONCE_MORE = Retry(1, allowed_methods=None, redirect=0, status=0, respect_retry_after_header=False)


class Upstream:
    """Sends requests on."""

    def __init__(self, url: str) -> None:
        self._pool: HTTPConnectionPool = connection_from_url(
            url, maxsize=_CONNECTIONS, timeout=_TIMEOUT_S, retries=_ONCE_MORE
        )

    def ask(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> BaseHTTPResponse:
        """Return the answer; `data` is its body as it came.

        Raises:
            UpstreamError: there is none.
        """
        return self._pool.urlopen(
            method, target, body, headers=dict(headers), redirect=False, preload_content=True, decode_content=False
        )

    def close(self) -> None:
        """Close all connections, once no one asks any more."""
        self._pool.close()
