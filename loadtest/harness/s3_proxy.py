"""S3 as the workers see it: the emulator's, or files on disk, and some answers end in their middle."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from loadtest.harness.upstream import Upstream
from loadtest.s3_server.files import ReadRefused, find
from loadtest.s3_server.http import Handler
from loadtest.s3_server.server import CuttingServer

_LEFT_OUT = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive", "date", "server"}
SMALLEST_CUT = 2


class Proxy(CuttingServer):
    """Relays to the emulator. Knows what all connections share."""

    daemon_threads = True

    def __init__(self, url: str, *, cut_share: float, seed: int) -> None:
        self.upstream = Upstream(url)
        self.writes = 0
        super().__init__(Relay, cut_share=cut_share, seed=seed)


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
        """Relay, and count."""
        cast(Proxy, self.server).writes += 1
        self._relay()

    do_POST = do_DELETE = do_PUT

    def _relay(self, *, is_cuttable: bool = False) -> None:
        proxy = cast(Proxy, self.server)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _LEFT_OUT}
        answer = proxy.upstream.ask(self.command, self.path, body, headers)
        length = next((value for name, value in answer.headers if name.lower() == "content-length"), "0")
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _LEFT_OUT:
                self.send_header(name, value)
        self.send_header("Content-Length", length if self.command == "HEAD" else str(len(answer.body)))
        self.end_headers()
        is_cut = is_cuttable and len(answer.body) >= SMALLEST_CUT and proxy.is_to_be_cut()
        self.wfile.write(answer.body[: len(answer.body) // 2] if is_cut else answer.body)
        self.close_connection |= is_cut


class S3Proxy:
    """Runs a proxy for the length of a `with` block."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.proxy.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.proxy.shutdown()
        self._thread.join()
        with contextlib.suppress(OSError):
            self.proxy.socket.shutdown(socket.SHUT_RDWR)
        self.proxy.server_close()
        self.proxy.end_connections()
        self.proxy.upstream.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.proxy.server_address[1]}"


class DiskProxy(Proxy):
    """Serves a folder that holds a folder for each bucket, and relays the rest."""

    def __init__(self, url: str, folder: Path, *, cut_share: float, seed: int) -> None:
        super().__init__(url, cut_share=cut_share, seed=seed)
        self.RequestHandlerClass = DiskRelay
        self.folder = folder
        self.reads = 0

    def count_request(self) -> None:
        """Count a request for a file."""
        self.reads += 1

    def count_bytes(self, count: int) -> None:
        """Do nothing: no one asks."""


class DiskRelay(Handler, Relay):
    """Answers one client."""

    def do_GET(self) -> None:
        """Send a file, or a range of it."""
        (Handler if self._is_here() else Relay).do_GET(self)

    def do_HEAD(self) -> None:
        """Send a file's headers."""
        (Handler if self._is_here() else Relay).do_HEAD(self)

    def _is_here(self) -> bool:
        try:
            find(cast(DiskProxy, self.server).folder, self.path)
        except ReadRefused:
            return False
        return True
