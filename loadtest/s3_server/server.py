"""The S3 endpoint in threads of its own: what it serves, how often it fails, and what it counts."""

import contextlib
import random
import socket
import ssl
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from loadtest.s3_server.handler import Handler
from loadtest.s3_server.upstream import Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What an S3 endpoint is to do.

    Attributes:
        upstream: the URL of the S3 that answers what is not a file of the folder. None: that does not exist.
        cut_share: the share of answers with a body that end in their middle, with the connection. Which, `seed` says.
        tls: speak TLS, with a certificate made at the start. `ObjectServer.ca_file` is what clients are to trust.
    """

    upstream: str | None = None
    cut_share: float = 0.0
    seed: int = 1
    tls: bool = False
    port: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.cut_share <= 1:
            raise ValueError("a share is from 0 to 1")


class Listener(ThreadingHTTPServer):
    """Accepts connections, knows which are open, and what all of them share."""

    request_queue_size = 128
    daemon_threads = False

    def __init__(self, folder: Path | None, settings: ServerSettings, tls: ssl.SSLContext | None) -> None:
        self.folder = folder
        self.upstream = Upstream(settings.upstream) if settings.upstream else None
        self.counts = Counter(dict.fromkeys(("requests", "bytes", "cut", "writes"), 0))
        self._cut_share, self._chance = settings.cut_share, random.Random(settings.seed)
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", settings.port), Handler)

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

    def get_request(self) -> tuple[socket.socket, object]:
        """Accept a connection. A TLS handshake is made by its own thread, when it first reads."""
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

    def end(self) -> None:
        """End what is open, so that its threads end; then all else."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        if self.upstream:
            self.upstream.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that go away, or are killed, are what tests are about."""


class ObjectServer:
    """Serves a folder, if any, for the length of a `with` block. What it counted can be read afterwards too."""

    def __init__(self, folder: Path | None, settings: ServerSettings | None = None) -> None:
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
        self._listener.end()
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

    @property
    def counts(self) -> dict[str, int]:
        """What was counted: `requests` for files, `bytes` of them, answers `cut`, and `writes` that were handed on."""
        return dict(self._listener.counts)

    def _make_certificate(self) -> ssl.SSLContext:
        from loadtest.simulator import certificate  # cryptography is for those who want TLS

        self._certificates = tempfile.TemporaryDirectory()
        context, self._ca_file = certificate.make(Path(self._certificates.name))
        return context
