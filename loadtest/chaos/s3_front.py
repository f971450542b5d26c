"""S3 as the workers see it: the emulator's, or files on disk, and some answers end in their middle."""

import contextlib
import random
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast

from loadtest.chaos.upstream import Upstream

_LEFT_OUT = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive", "date", "server"}
SMALLEST_CUT = 2


class Front(ThreadingHTTPServer):
    """Relays to the emulator. Knows what all connections share."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, url: str, *, cut_share: float, seed: int) -> None:
        self.upstream = Upstream(url)
        self.cut = 0
        self._cut_share, self._chance = cut_share, random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), Relay)

    def is_to_be_cut(self) -> bool:
        """Return whether the next answer is to end in its middle."""
        with self._lock:
            is_cut = self._chance.random() < self._cut_share
            self.cut += is_cut
        return is_cut

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection."""
        connection, address = super().get_request()
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """Close what is open still."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that are killed are what this is about."""


class Relay(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Relay, and cut some answers."""
        self._relay(is_cuttable=True)

    def do_HEAD(self) -> None:
        """Relay."""
        self._relay()

    def do_PUT(self) -> None:
        """Relay."""
        self._relay()

    do_POST = do_DELETE = do_PUT

    def _relay(self, *, is_cuttable: bool = False) -> None:
        front = cast(Front, self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _LEFT_OUT}
        told = front.upstream.ask(self.command, self.path, body, headers)
        length = next((value for name, value in told.headers if name.lower() == "content-length"), "0")
        self.send_response(told.status)
        for name, value in told.headers:
            if name.lower() not in _LEFT_OUT:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(told.body)))
        self.end_headers()
        is_cut = is_cuttable and len(told.body) >= SMALLEST_CUT and front.is_to_be_cut()
        self.wfile.write(told.body[: len(told.body) // 2] if is_cut else told.body)
        self.close_connection |= is_cut


class S3Front:
    """Runs a front for the length of a `with` block."""

    def __init__(self, front: Front) -> None:
        self.front = front

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.front.shutdown()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.front.socket.shutdown(socket.SHUT_RDWR)
        self.front.server_close()
        self.front.end_connections()
        self.front.upstream.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.front.server_address[1]}"
