"""A threaded HTTP server on 127.0.0.1: it ends some answers in their middle, and what is open when it is closed."""

import contextlib
import random
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


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
