"""Signature Version 4 for requests sent many times a second: all but the body is prepared once a second.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.credentials import ReadOnlyCredentials

from ingest.dynamodb.http.endpoint import API, Endpoint

CONTENT_TYPE = "application/x-amz-json-1.0"
_INNER, _OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))  # of HMAC (RFC 2104)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the requests of one operation and second share: hashes of what stands before the body's, and the head up to
    the signature.

    Copies of a hash are half the price of new ones. `inner` and `outer` are those of HMAC: two copies of them are half
    the price of one of `hmac`'s objects.
    """

    canonical: "hashlib._Hash"
    inner: "hashlib._Hash"
    outer: "hashlib._Hash"
    head: bytes


class Signer:
    """Signs POST requests to an endpoint. `credentials` is asked once a second, so that they may be refreshed."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        credentials: Callable[[], ReadOnlyCredentials],
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint = endpoint
        self._credentials = credentials
        self._now_s = now_s
        self._second = -1
        self._prepared: dict[str, _Prepared] = {}  # by operation

    def request(self, body: bytes, operation: str) -> bytes:
        """Return the whole HTTP request for an operation's body, head and body in one piece."""
        second = int(self._now_s())
        if second != self._second:
            self._prepared, self._second = {}, second
        ready = self._prepared.get(operation) or self._prepare(operation)
        canonical, inner, outer = ready.canonical.copy(), ready.inner.copy(), ready.outer.copy()
        canonical.update(hashlib.sha256(body).hexdigest().encode())
        inner.update(canonical.hexdigest().encode())
        outer.update(inner.digest())
        return b"%s%s\r\nContent-Length: %d\r\n\r\n%s" % (ready.head, outer.hexdigest().encode(), len(body), body)

    def _prepare(self, operation: str) -> _Prepared:
        credentials = self._credentials()
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self._second))
        scope = f"{date[:8]}/{self._endpoint.region}/{self._endpoint.signing_name}/aws4_request"
        headers = {
            "content-type": CONTENT_TYPE,
            "host": self._endpoint.host_header,
            "x-amz-date": date,
            **({"x-amz-security-token": credentials.token} if credentials.token else {}),
            "x-amz-target": f"{API}.{operation}",
        }
        signed = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, Signature="
        )
        head = [f"POST {self._endpoint.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        head += [f"user-agent: {self._endpoint.user_agent}", f"authorization: {authorization}"]
        key = _signing_key(credentials.secret_key or "", scope).ljust(64, b"\0")  # 32 bytes to a block
        prepared = self._prepared[operation] = _Prepared(
            canonical=hashlib.sha256(f"POST\n{self._endpoint.path}\n\n{lines}\n{signed}\n".encode()),
            inner=hashlib.sha256(key.translate(_INNER) + f"AWS4-HMAC-SHA256\n{date}\n{scope}\n".encode()),
            outer=hashlib.sha256(key.translate(_OUTER)),
            head="\r\n".join(head).encode(),
        )
        return prepared


def _signing_key(secret: str, scope: str) -> bytes:
    key = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
