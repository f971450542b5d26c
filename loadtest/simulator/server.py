"""A DynamoDB endpoint on 127.0.0.1 in a thread of its own."""

import asyncio
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from loadtest.simulator.http import Connection, Elsewhere
from loadtest.simulator.service import Service
from loadtest.simulator.settings import Settings
from loadtest.simulator.statistics import Statistics
from loadtest.simulator.written_items import WrittenItems

_BACKLOG = 1024


class Simulator:
    """Runs the endpoint for the length of a `with` block, once. What it counted and kept can be read afterwards too."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        service: Service | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`elsewhere` answers all operations but BatchWriteItem, `service` that in place of the simulator's own."""
        self.settings = settings or Settings()
        self._service = service or Service(self.settings, clock)
        self._elsewhere = elsewhere
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._connections: set[Connection] = set()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._server: asyncio.Server | None = None
        self._ca_file: Path | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._server = self._in_loop(self._listen(self._make_certificate() if self.settings.tls else None))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._in_loop(self._close())
        self._stop()
        self._service.close()

    @property
    def url(self) -> str:
        """Where the endpoint listens."""
        assert self._server is not None
        scheme = "https" if self.settings.tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def ca_file(self) -> Path:
        """The file that clients of a TLS endpoint are to trust, by AWS_CA_BUNDLE or the like."""
        assert self._ca_file is not None, "only with tls=True"
        return self._ca_file

    @property
    def statistics(self) -> Statistics:
        """What was counted so far."""
        return self._service.statistics

    @property
    def written_items(self) -> WrittenItems:
        """What the tables hold, as far as `Settings.keep` says."""
        return self._service.written_items

    @property
    def requests(self) -> int:
        """How many requests came."""
        return self.statistics.requests

    @property
    def items(self) -> int:
        """How many items were put."""
        return self.statistics.items

    def _make_certificate(self) -> ssl.SSLContext:
        from loadtest.simulator import certificate  # cryptography is for those who want TLS

        self._folder = tempfile.TemporaryDirectory()
        context, self._ca_file = certificate.make(Path(self._folder.name))
        return context

    async def _listen(self, context: ssl.SSLContext | None) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            self._connection, "127.0.0.1", self.settings.port, ssl=context, backlog=_BACKLOG
        )

    def _connection(self) -> Connection:
        return Connection(self._service, self._connections, self._elsewhere)

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.sleep(0.02)  # what was accepted just now becomes a connection in the loop's next turns
        while self._connections:
            for connection in self._connections:
                connection.close()
            await asyncio.sleep(0.001)

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        if self._folder:
            self._folder.cleanup()

    def _in_loop(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()
