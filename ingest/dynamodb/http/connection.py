"""DynamoDB's endpoint, and one kept-alive connection to it.

The endpoint is resolved as botocore would: settings, endpoint rules, certificates, proxies. A connection carries one
request and its response at a time, and blocks only while it is opened.
"""

import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from ingest.contract import BATCH_WRITE_ITEM
from ingest.dynamodb.http.response import Answer, AnswerReader, BadAnswerError


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What is needed to connect to a service and to sign requests for it."""

    scheme: str
    host: str
    port: int
    path: str
    region: str
    signing_name: str
    user_agent: str
    proxy: str | None = None
    authorities: str | None = None  # path of the certificates that TLS trusts

    @property
    def host_header(self) -> str:
        """The Host header, with the port unless that is the scheme's default."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """Return the TLS context; None for plain HTTP."""
        if self.scheme != "https":
            return None
        context = ssl.create_default_context(cafile=self.authorities)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


API = "DynamoDB_20120810"
_PORTS = {"http": 80, "https": 443}


def find_endpoint(client: Any, table: str, *, ca_bundle: str | None = None) -> Endpoint:
    """Return the endpoint to which botocore's client would send writes to a table.

    botocore prepares and signs a request, which is then not sent; so all its settings apply (AWS_ENDPOINT_URL, FIPS,
    dual stack, account-based endpoints). `ca_bundle` is its setting of that name.

    Raises:
        BotoCoreError: no region, no credentials, or a wrong setting.
    """
    request = _prepared(client, table)
    url = urlsplit(str(request.url))
    _, _, region, service, _ = _scope(request)
    proxies = client.meta.config.proxies or get_environ_proxies(request.url)
    return Endpoint(
        scheme=url.scheme,
        host=url.hostname or "",
        port=url.port or _PORTS[url.scheme],
        path=url.path or "/",
        region=region,
        signing_name=service,
        user_agent=client.meta.config.user_agent,
        proxy=proxies.get(url.scheme),
        authorities=ca_bundle or str(get_cert_path(True)),
    )


def _prepared(client: Any, table: str) -> AWSPreparedRequest:
    """Return a request as it would be sent, caught by the documented event whose handler may answer it."""
    seen: list[AWSPreparedRequest] = []

    def instead_of_sending(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        seen.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), _Nothing())

    event = f"before-send.dynamodb.{BATCH_WRITE_ITEM}"
    client.meta.events.register_first(event, instead_of_sending)
    try:
        client.batch_write_item(RequestItems={table: [{}]})  # not sent: what it would write does not matter
    finally:
        client.meta.events.unregister(event, instead_of_sending)
    return seen[0]


class _Nothing:
    """The body of an answer that was never sent."""

    def stream(self, *_: object, **__: object) -> Iterator[bytes]:
        yield b"{}"


def _scope(request: AWSPreparedRequest) -> list[str]:
    """Return key id, date, region, service and the word aws4_request."""
    authorization = request.headers["Authorization"]
    text = authorization.decode() if isinstance(authorization, bytes) else str(authorization)
    return text.partition("Credential=")[2].partition(",")[0].split("/")


READ_BYTES = 16 * 1024  # most responses are far shorter, and each read allocates a buffer of this size
MOST_READ_BYTES = 256 * 1024  # for a response that is known to be long
MAX_TUNNEL_BYTES = 256 * 1024


class ConnectionLostError(Exception):
    """The connection failed; whether the request was carried out is not known."""


class Connection:
    """A socket to an endpoint. TCP_NODELAY is set: head and body are sent in one write, without delay."""

    def __init__(self, endpoint: Endpoint, tls: ssl.SSLContext | None, *, timeout_s: float) -> None:
        """Open it, within the time-out.

        Raises:
            ConnectionLostError: the endpoint or its proxy could not be reached, or its certificate is not valid.
        """
        try:
            self._socket = _opened(endpoint, tls, timeout_s)
        except OSError as error:
            raise ConnectionLostError(f"{endpoint.host} cannot be reached: {error}") from error
        self._socket.setblocking(False)
        self._unsent: bytes | memoryview = b""
        self._reader, self._read_bytes = AnswerReader(), READ_BYTES
        self.answers = 0

    def fileno(self) -> int:
        """Return the file descriptor, for selectors."""
        return self._socket.fileno()

    @property
    def wants_to_write(self) -> bool:
        """Whether a part of the request is still to be sent."""
        return len(self._unsent) > 0

    @property
    def has_received(self) -> bool:
        """Whether part of a response has arrived."""
        return self._reader.has_begun

    def send(self, request: bytes) -> None:
        """Start a request; no other may be in flight.

        Raises:
            ConnectionLostError: the other side has closed it.
        """
        self._unsent = request
        self.push()

    def push(self) -> None:
        """Send as much of the request as the socket takes now."""
        try:
            while self._unsent:
                sent = self._socket.send(self._unsent)
                self._unsent = b"" if sent == len(self._unsent) else memoryview(self._unsent)[sent:]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError as error:
            raise ConnectionLostError(f"sending failed: {error}") from error

    def pull(self) -> Answer | None:
        """Return the response if all of it has arrived.

        Raises:
            ConnectionLostError: the connection failed, was closed, or received something other than a response.
        """
        try:
            while True:
                part = self._socket.recv(self._read_bytes)
                if not part:
                    raise ConnectionLostError("the connection was closed before the answer came")
                answer = self._take(part)
                if answer:
                    return answer
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except OSError as error:
            raise ConnectionLostError(f"receiving failed: {error}") from error

    def _take(self, part: bytes) -> Answer | None:
        try:
            answer = self._reader.take(part)
        except BadAnswerError as error:
            raise ConnectionLostError(f"what came back is not an HTTP response: {error}") from error
        if answer:
            self.answers += 1
            if self._reader.has_begun:
                self._reader, self._read_bytes = AnswerReader(), READ_BYTES
        else:
            self._read_bytes = min(max(READ_BYTES, self._reader.missing), MOST_READ_BYTES)
        return answer

    def close(self) -> None:
        """Close it, even with a request in flight."""
        self._socket.close()


def _opened(endpoint: Endpoint, tls: ssl.SSLContext | None, timeout_s: float) -> socket.socket:
    proxy = urlsplit(endpoint.proxy) if endpoint.proxy else None
    address = (proxy.hostname, proxy.port or 80) if proxy else (endpoint.host, endpoint.port)
    opened = socket.create_connection(address, timeout_s)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if endpoint.proxy:
            _tunnel(opened, endpoint, endpoint.proxy)
        return tls.wrap_socket(opened, server_hostname=endpoint.host) if tls else opened
    except BaseException:
        opened.close()
        raise


def _tunnel(opened: socket.socket, endpoint: Endpoint, proxy: str) -> None:
    """Open a tunnel through an HTTP proxy (CONNECT), for plain HTTP, too."""
    url, place = urlsplit(proxy), f"{endpoint.host}:{endpoint.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if url.username:
        login = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines.append(f"Proxy-Authorization: Basic {b64encode(login.encode()).decode()}")
    opened.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = opened.recv(4096)
        if not part or len(answer) > MAX_TUNNEL_BYTES:
            raise OSError("the proxy gave no answer")
        answer += part
    if not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
        raise OSError(f"the proxy refused: {answer[:80].splitlines()[0].decode('latin-1')}")
