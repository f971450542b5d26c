"""The S3 endpoint: one thread a connection, kept alive; a file's bytes go from disk to socket."""

import contextlib
import random
import re
import socket
import ssl
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self, cast
from urllib.parse import unquote, urlsplit

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, connection_from_url
from urllib3.exceptions import HTTPError as UpstreamError

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class ReadRefused(Exception):
    """What S3 answers instead of bytes."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class ServedFile:
    """One object as it is now."""

    path: Path
    size: int
    etag: str
    modified_s: float


class ByteRange(NamedTuple):
    """The bytes from `first` to before `end`."""

    first: int
    end: int


def find(folder: Path | None, target: str) -> ServedFile:
    """Return the object that a request's target, `/bucket/key`, names; raises ReadRefused: there is none."""
    if folder is None:
        raise ReadRefused(404, "NoSuchKey")
    path = (folder / unquote(urlsplit(target).path).lstrip("/")).resolve()
    if not (path.is_file() and path.is_relative_to(folder.resolve())):
        raise ReadRefused(404, "NoSuchKey")
    about = path.stat()
    version = f"{path}\n{about.st_size}\n{about.st_mtime_ns}\n{about.st_ino}"
    etag = f'"{md5(version.encode(), usedforsecurity=False).hexdigest()}"'
    return ServedFile(path, about.st_size, etag, about.st_mtime)


def check_version(found: ServedFile, if_match: str | None) -> None:
    """Check that an object is the one the client means; raises ReadRefused: it is another by now."""
    if if_match and if_match.strip('"') not in {"*", found.etag.strip('"')}:
        raise ReadRefused(412, "PreconditionFailed")


def extent(found: ServedFile, asked: str | None) -> ByteRange | None:
    """Return the bytes that a Range header asks for; None if all, as for a header that is not a range.

    Raises:
        ReadRefused: there are no such bytes.
    """
    match = _RANGE.fullmatch(asked or "")
    if not match or match[1] == match[2] == "":
        return None
    if match[1]:
        asked_for = ByteRange(int(match[1]), min(int(match[2]) + 1 if match[2] else found.size, found.size))
    else:
        asked_for = ByteRange(max(0, found.size - int(match[2])), found.size)
    if asked_for.first >= asked_for.end:
        raise ReadRefused(416, "InvalidRange")
    return asked_for


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
        """Return the answer; `data` is its body as it came; raises UpstreamError: there is none."""
        return self._pool.urlopen(
            method, target, body, headers=dict(headers), redirect=False, preload_content=True, decode_content=False
        )

    def close(self) -> None:
        """Close all connections, once no one asks any more."""
        self._pool.close()


_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message></Error>'
_OF_A_CONNECTION = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive", "date", "server"}
_SMALLEST_CUT = 2


class ObjectServer(ThreadingHTTPServer):
    """Serves a folder, if any, for the length of a `with` block.

    `counts` can be read afterwards too: `requests` for files, `bytes` of them that were sent, answers `cut`, and
    `writes` that were handed on. `ca_file`: what clients of a TLS endpoint are to trust, by AWS_CA_BUNDLE or the like.
    """

    request_queue_size = 128
    daemon_threads = False

    def __init__(
        self,
        folder: Path | None,
        *,
        upstream: str | None = None,
        cut_share: float = 0.0,
        seed: int = 1,
        tls: bool = False,
        port: int = 0,
    ) -> None:
        """`upstream`: the URL of the S3 that answers what is not a file of the folder. None: that does not exist.

        `cut_share`: the share of answers with a body that end in their middle, with the connection; which, `seed` says.
        `tls`: speak TLS, with a certificate made at the start.
        """
        if not 0 <= cut_share <= 1:
            raise ValueError("a share is from 0 to 1")
        self.folder, self.upstream = folder, Upstream(upstream) if upstream else None
        self.counts = Counter(dict.fromkeys(("requests", "bytes", "cut", "writes"), 0))
        self.ca_file: Path | None = None
        self._tls: ssl.SSLContext | None = None
        self._is_tls, self._cut_share, self._chance = tls, cut_share, random.Random(seed)
        self._ends, self._lock, self._open = contextlib.ExitStack(), threading.Lock(), set[socket.socket]()
        super().__init__(("127.0.0.1", port), Handler)

    def __enter__(self) -> Self:
        if self._is_tls:
            from loadtest.simulator import certificate  # cryptography is for those who want TLS

            self._tls, self.ca_file = certificate.make(Path(self._ends.enter_context(tempfile.TemporaryDirectory())))
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *how: object) -> None:
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # so that its thread ends
        self.server_close()
        if self.upstream:
            self.upstream.close()
        self._ends.close()

    @property
    def url(self) -> str:
        """Where the endpoint listens: what AWS_ENDPOINT_URL_S3 is to be."""
        return f"{'https' if self._is_tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def count(self, what: str, more: int = 1) -> None:
        """Count something."""
        with self._lock:
            self.counts[what] += more

    def is_to_be_cut(self) -> bool:
        """Return whether the next answer is to end in its middle."""
        with self._lock:
            is_cut = self._chance.random() < self._cut_share
            self.counts["cut"] += is_cut
        return is_cut

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. A TLS handshake is made by its own thread, when it first reads."""
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away, or are killed, are what tests are about."""


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Send an object, a range of it, or, for HEAD, its headers."""
        try:
            found = find(self._endpoint.folder, self.path)
        except ReadRefused as refused:
            self._relay(refused)
            return
        self._endpoint.count("requests")
        try:
            check_version(found, self.headers.get("If-Match"))
            asked = extent(found, self.headers.get("Range"))
        except ReadRefused as refused:
            self._refuse(refused)
            return
        self._send(found, asked)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        """Hand on what changes something, and count it."""
        self._endpoint.count("writes")
        self._relay(ReadRefused(405, "MethodNotAllowed"))

    do_POST = do_DELETE = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is its own."""

    @property
    def _endpoint(self) -> ObjectServer:
        return cast(ObjectServer, self.server)

    def _send(self, found: ServedFile, asked: ByteRange | None) -> None:
        first, end = asked or ByteRange(0, found.size)
        headers = {"Content-Range": f"bytes {first}-{end - 1}/{found.size}"} if asked else {}
        headers |= {"Content-Length": str(end - first), "Content-Type": "binary/octet-stream", "ETag": found.etag}
        headers |= {"Last-Modified": formatdate(found.modified_s, usegmt=True), "Accept-Ranges": "bytes"}
        self._begin(206 if asked else 200, headers)
        count = self._count_to_send(end - first)
        if count:  # to sendfile, 0 means all
            with found.path.open("rb") as file:
                self._endpoint.count("bytes", self.connection.sendfile(file, first, count))

    def _relay(self, refused: ReadRefused) -> None:
        """Answer as the S3 behind this one does; without one, refuse."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._endpoint.upstream is None:
            self._refuse(refused)
            return
        answer = self._endpoint.upstream.ask(self.command, self.path, body, _passed_on(self.headers.items()))
        length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer.data))
        self._begin(answer.status, {**_passed_on(answer.headers.items()), "Content-Length": length})
        self.wfile.write(answer.data[: self._count_to_send(len(answer.data))])

    def _count_to_send(self, size: int) -> int:
        """Return how many bytes of a body are sent; where an answer to GET is to be cut, half, and no more follows."""
        if self.command == "HEAD":
            return 0
        is_cut = self.command == "GET" and size >= _SMALLEST_CUT and self._endpoint.is_to_be_cut()
        self.close_connection |= is_cut
        return size // 2 if is_cut else size

    def _refuse(self, refused: ReadRefused) -> None:
        body = _ERROR.format(refused.code).encode()
        self._begin(refused.status, {"Content-Type": "application/xml", "Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _OF_A_CONNECTION}
