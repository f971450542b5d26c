"""The S3 endpoint: one thread per kept-alive connection; file bytes go from disk to socket by sendfile.

`python -m loadtest s3-server FOLDER` runs one in its own process, so that its CPU is not counted.
"""

import argparse
import contextlib
import random
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from email.utils import formatdate
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from urllib3 import HTTPConnectionPool, Retry, connection_from_url
from urllib3.exceptions import HTTPError

from loadtest.simulator.endpoint import Endpoint, serve

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")

UpstreamError = HTTPError  # the upstream service did not respond


class ReadRefused(Exception):
    """An S3 error response to a read."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass(frozen=True, slots=True)
class ServedFile:
    """The current state of one object."""

    path: Path
    size: int
    etag: str
    modified_s: float


def find(folder: Path | None, target: str) -> ServedFile:
    """Return the object that a request's target, `/bucket/key`, names. Raises ReadRefused: it does not exist."""
    path = folder and (folder / unquote(urlsplit(target).path).lstrip("/")).resolve()
    if not (folder and path and path.is_file() and path.is_relative_to(folder.resolve())):
        raise ReadRefused(404, "NoSuchKey")
    about = path.stat()
    version = f"{path}\n{about.st_size}\n{about.st_mtime_ns}\n{about.st_ino}"
    etag = f'"{md5(version.encode(), usedforsecurity=False).hexdigest()}"'
    return ServedFile(path, about.st_size, etag, about.st_mtime)


def asked_bytes(found: ServedFile, headers: Message) -> range | None:
    """Return the requested byte range; None: all, which includes a Range header that is not valid.

    Raises ReadRefused: the range is outside the object, or If-Match names another eTag.
    """
    if headers.get("If-Match", "*").strip('"') not in {"*", found.etag.strip('"')}:
        raise ReadRefused(412, "PreconditionFailed")
    match = _RANGE.fullmatch(headers.get("Range", ""))
    if not match or match[1] == match[2] == "":
        return None
    first = int(match[1] or max(0, found.size - int(match[2])))
    asked = range(first, min(int(match[2]) + 1, found.size) if match[1] and match[2] else found.size)
    if not asked:
        raise ReadRefused(416, "InvalidRange")
    return asked


def upstream_pool(url: str) -> HTTPConnectionPool:
    """Return a thread-safe pool of connections to the upstream service."""
    # One retry, in case a kept-alive connection was closed meanwhile; error responses are passed on unchanged.
    once_more = Retry(1, allowed_methods=None, redirect=0, status=0, respect_retry_after_header=False)
    pool: HTTPConnectionPool = connection_from_url(url, maxsize=64, timeout=60.0, retries=once_more)
    return pool


_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message></Error>'
_OF_A_CONNECTION = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive", "date", "server"}
_SMALLEST_CUT = 2


class ObjectServer(Endpoint, ThreadingHTTPServer):
    """Serves a folder, if given, during a `with` block.

    `counts` can also be read afterwards: `requests` for files, their `bytes` sent, responses `cut` (truncated), and
    `writes` forwarded.
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
    ) -> None:
        """`upstream`: URL of the S3 that serves all that is not a file of the folder. None: such objects do not exist.

        `cut_share`: the share of responses with a body, chosen by `seed`, that are truncated and close the connection.
        """
        if not 0 <= cut_share <= 1:
            raise ValueError("a share is from 0 to 1")
        self.folder, self.upstream = folder, upstream_pool(upstream) if upstream else None
        self.counts = Counter(dict.fromkeys(("requests", "bytes", "cut", "writes"), 0))
        self._tls: ssl.SSLContext | None = None
        self._cut_share, self._chance = cut_share, random.Random(seed)
        self._lock, self._open = threading.Lock(), set[socket.socket]()
        Endpoint.__init__(self, tls=tls)
        ThreadingHTTPServer.__init__(self, ("127.0.0.1", 0), Handler)

    @contextlib.contextmanager
    def _listening(self, context: ssl.SSLContext | None) -> Iterator[int]:
        self._tls = context
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield self.server_address[1]
        self.shutdown()
        thread.join()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)  # so that its thread ends
        self.server_close()
        if self.upstream:
            self.upstream.close()

    def count(self, what: str, more: int = 1) -> None:
        """Add to one of the counts."""
        with self._lock:
            self.counts[what] += more

    def is_to_be_cut(self) -> bool:
        """Return whether the next response is truncated, and count it."""
        with self._lock:
            is_cut = self._chance.random() < self._cut_share
            self.counts["cut"] += is_cut
        return is_cut

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection. Its own thread makes the TLS handshake, at the first read."""
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
        """Log nothing: tests disconnect and kill clients on purpose."""


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Send an object or a range of it; for HEAD only the headers."""
        try:
            found = find(self._endpoint.folder, self.path)
            self._endpoint.count("requests")
            self._send(found, asked_bytes(found, self.headers))
        except ReadRefused as refused:
            self._relay(refused) if refused.status == 404 else self._refuse(refused)

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        """Forward a write upstream and count it."""
        self._endpoint.count("writes")
        self._relay(ReadRefused(405, "MethodNotAllowed"))

    do_POST = do_DELETE = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the output belongs to the test."""

    @property
    def _endpoint(self) -> ObjectServer:
        return cast(ObjectServer, self.server)

    def _send(self, found: ServedFile, asked: range | None) -> None:
        sent = range(found.size) if asked is None else asked
        headers = {"Content-Range": f"bytes {sent.start}-{sent.stop - 1}/{found.size}"} if asked else {}
        headers |= {"Content-Length": str(len(sent)), "Content-Type": "binary/octet-stream", "ETag": found.etag}
        headers |= {"Last-Modified": formatdate(found.modified_s, usegmt=True), "Accept-Ranges": "bytes"}
        self._begin(206 if asked else 200, headers)
        if count := self._count_to_send(len(sent)):  # to sendfile, 0 means all
            with found.path.open("rb") as file:
                self._endpoint.count("bytes", self.connection.sendfile(file, sent.start, count))

    def _relay(self, refused: ReadRefused) -> None:
        """Forward the request upstream and return its response; without an upstream, send the error."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self._endpoint.upstream is None:
            return self._refuse(refused)
        headers = _passed_on(self.headers.items())
        answer = self._endpoint.upstream.urlopen(
            self.command, self.path, body, headers, redirect=False, decode_content=False
        )
        length = answer.headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(answer.data))
        self._begin(answer.status, {**_passed_on(answer.headers.items()), "Content-Length": length})
        self.wfile.write(answer.data[: self._count_to_send(len(answer.data))])
        return None

    def _count_to_send(self, size: int) -> int:
        """Return the number of body bytes to send. A truncated GET gets half, and its connection is closed."""
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the settings of an object endpoint."""
    parser.add_argument("folder", type=Path, help="holds a folder for each bucket")
    parser.add_argument("--tls", action="store_true", help="the second line printed is the file clients are to trust")


def run(arguments: argparse.Namespace) -> int:
    """Run an endpoint until Ctrl-C or SIGTERM; print its counts."""
    server = ObjectServer(arguments.folder, tls=arguments.tls)
    return serve(server, lambda: server.counts)
