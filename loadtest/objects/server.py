"""An S3 endpoint on 127.0.0.1 in threads of its own."""

import contextlib
import random
import socket
import ssl
import tempfile
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.objects.http import Handler
from loadtest.objects.settings import Settings


class Listener(ThreadingHTTPServer):
    """Accepts connections, and knows what all of them share."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, folder: Path, settings: Settings, tls: ssl.SSLContext | None) -> None:
        self.folder = folder
        self.requests = self.cut = self.bytes = 0
        self._cut_share, self._chance = settings.cut_share, random.Random(settings.seed)
        self._tls = tls
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", settings.port), Handler)

    def count_request(self) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1

    def count_bytes(self, count: int) -> None:
        """Count bytes of objects that were sent."""
        with self._lock:
            self.bytes += count

    def is_to_be_cut(self) -> bool:
        """Return whether the next answer is to end in its middle."""
        with self._lock:
            is_cut = self._chance.random() < self._cut_share
            self.cut += is_cut
        return is_cut

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection. Its handshake is made by its own thread, when it first reads."""
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        """Close a connection."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away are what tests are about."""

    def end_connections(self) -> None:
        """End what is open, so that its threads end."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class ObjectServer:
    """Serves a folder for the length of a `with` block. What it counted can be read afterwards too."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
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
        from loadtest.sink import certificate  # cryptography is for those who want TLS

        self._certificates = tempfile.TemporaryDirectory()
        context, self._ca_file = certificate.make(Path(self._certificates.name))
        return context
