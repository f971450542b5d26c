"""An S3 endpoint on 127.0.0.1 in threads of its own."""

import contextlib
import random
import socket
import ssl
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.s3_server.http import Handler


class CuttingServer(ThreadingHTTPServer):
    """Accepts connections, and knows which are open. `cut` counts the answers that were to end in their middle."""

    request_queue_size = 128

    def __init__(
        self, handler: type[BaseHTTPRequestHandler], *, port: int = 0, cut_share: float = 0.0, seed: int = 1
    ) -> None:
        self.cut = 0
        self._cut_share, self._chance = cut_share, random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), handler)

    def is_to_be_cut(self) -> bool:
        """Return whether the next answer is to end in its middle."""
        with self._lock:
            is_cut = self._chance.random() < self._cut_share
            self.cut += is_cut
        return is_cut

    def accepted(self, connection: socket.socket) -> socket.socket:
        """Return a connection as it is to be used."""
        return connection

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection."""
        connection, address = super().get_request()
        connection = self.accepted(connection)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """End what is open, so that its threads end."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away, or are killed, are what tests are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What an object endpoint is to do.

    Attributes:
        cut_share: the share of answers with a body that end in their middle, with the connection. Which, `seed` says.
        tls: speak TLS, with a certificate made at the start. `ObjectServer.ca_file` is what clients are to trust.
    """

    cut_share: float = 0.0
    seed: int = 1
    tls: bool = False
    port: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.cut_share <= 1:
            raise ValueError("a share is from 0 to 1")


class Listener(CuttingServer):
    """Serves a folder, and counts what was asked for."""

    daemon_threads = False

    def __init__(self, folder: Path, settings: ServerSettings, tls: ssl.SSLContext | None) -> None:
        self.folder = folder
        self.requests = self.bytes = 0
        self._tls = tls
        super().__init__(Handler, port=settings.port, cut_share=settings.cut_share, seed=settings.seed)

    def count_request(self) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1

    def count_bytes(self, count: int) -> None:
        """Count bytes of objects that were sent."""
        with self._lock:
            self.bytes += count

    def accepted(self, connection: socket.socket) -> socket.socket:
        """Return a connection as it is to be used. Its handshake is made by its own thread, when it first reads."""
        if not self._tls:
            return connection
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)


class ObjectServer:
    """Serves a folder for the length of a `with` block. What it counted can be read afterwards too."""

    def __init__(self, folder: Path, settings: ServerSettings | None = None) -> None:
        self.settings = settings or ServerSettings()
        self._folder = folder
        self._certificates: tempfile.TemporaryDirectory[str] | None = None
        self._ca_file: Path | None = None

    def __enter__(self) -> Self:
        self._listener = Listener(self._folder, self.settings, self._make_certificate() if self.settings.tls else None)
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.end_connections()
        self._listener.server_close()
        if self._certificates:
            self._certificates.cleanup()

    @property
    def url(self) -> str:
        """Where the endpoint listens: what AWS_ENDPOINT_URL_S3 is to be."""
        return f"{'https' if self.settings.tls else 'http'}://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def ca_file(self) -> Path:
        """The file that clients of a TLS endpoint are to trust, by AWS_CA_BUNDLE or the like."""
        assert self._ca_file is not None, "only with tls=True"
        return self._ca_file

    def document(self) -> dict[str, int]:
        """Return the counts as JSON takes them."""
        listener = self._listener
        return {"requests": listener.requests, "bytes": listener.bytes, "cut": listener.cut}

    def _make_certificate(self) -> ssl.SSLContext:
        from loadtest.simulator import certificate  # cryptography is for those who want TLS

        self._certificates = tempfile.TemporaryDirectory()
        context, self._ca_file = certificate.make(Path(self._certificates.name))
        return context
