"""A DynamoDB endpoint on 127.0.0.1 in its own thread. HTTP/1.1, keep-alive; one request at a time per connection."""

import asyncio
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import cast

from loadtest.simulator.endpoint import Endpoint
from loadtest.simulator.service import ALL_TAKEN, Answer, Service
from loadtest.simulator.settings import Fault, Settings

_BACKLOG = 1024
_PHRASES = {200: b"200 OK", 400: b"400 Bad Request", 500: b"500 Internal Server Error"}
_HEAD_END, _LENGTH, _TARGET = b"\r\n\r\n", b"\r\ncontent-length:", b"\r\nx-amz-target:"
_HEAD = (
    b"HTTP/1.1 %s\r\nContent-Type: application/x-amz-json-1.0\r\n"
    b"x-amz-crc32: %d\r\nContent-Length: %d\r\nx-amzn-RequestId: %%052d\r\n\r\n"
)
_NO_LINGER = struct.pack("ii", 1, 0)  # closing the socket sends a reset
_RESETS = (Fault.RESET_BEFORE, Fault.RESET_AFTER)

Elsewhere = Callable[[str, bytes], Answer]  # responds to a target and body not about rows, in a pool thread
_THREADS = 64  # limit for `Elsewhere`


class Connection(asyncio.Protocol):
    """Serves one client. While a response is delayed, further requests of this client wait; other clients do not."""

    def __init__(self, service: Service, connections: set[asyncio.Transport], elsewhere: Elsewhere | None) -> None:
        self._service, self._statistics, self._connections = service, service.statistics, connections
        self._held = bytearray()
        self._needed = 0  # bytes needed before the request can be complete
        self._elsewhere = elsewhere
        self._delayed: asyncio.TimerHandle | asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Register the connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self._transport)
        self._statistics.connections += 1
        self._statistics.open_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the delayed response of an abandoned request."""
        self._statistics.open_connections -= 1
        self._connections.discard(self._transport)
        if self._delayed:
            self._delayed.cancel()
            self._delayed = None
            self._statistics.in_flight -= 1

    def data_received(self, data: bytes) -> None:
        """Respond to each complete request."""
        self._held += data
        self._serve()

    def _serve(self) -> None:
        while self._delayed is None and len(self._held) > self._needed and not self._transport.is_closing():
            head_end = self._held.find(_HEAD_END)
            if head_end < 0:
                return
            own = bytes(self._held[: head_end + 2])
            head = own.lower()
            begin = head_end + len(_HEAD_END)
            end = begin + int(_header(head, _LENGTH) or 0)
            if len(self._held) < end:
                self._needed = end - 1
                return
            body = bytes(memoryview(self._held)[begin:end])
            del self._held[:end]
            self._needed = 0
            self._statistics.received()
            operation = _header(head, _TARGET).rpartition(b".")[2]
            if self._elsewhere and not self._service.is_of_rows(operation, body):
                at = head.find(_TARGET) + len(_TARGET)
                self._forward(self._elsewhere, own[at:].partition(b"\r\n")[0].strip().decode(), body)
            else:
                self._answer(self._service.answer(operation, body))

    def _forward(self, elsewhere: Elsewhere, target: str, body: bytes) -> None:
        asked = asyncio.get_running_loop().run_in_executor(None, elsewhere, target, body)
        self._delayed = asked
        asked.add_done_callback(lambda asked: None if asked.cancelled() else self._send_delayed(asked.result()))

    def _answer(self, answer: Answer) -> None:
        if answer.delay_s:
            self._delayed = asyncio.get_running_loop().call_later(answer.delay_s, self._send_delayed, answer)
        else:
            self._send(answer)

    def _send_delayed(self, answer: Answer) -> None:
        self._delayed = None
        self._send(answer)
        self._serve()

    def _send(self, answer: Answer) -> None:
        self._statistics.in_flight -= 1
        if answer.fault in _RESETS:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self._transport.abort()
            return
        data = _framed(answer, self._statistics.requests)
        if answer.fault is Fault.TRUNCATED:
            self._transport.write(data[: len(data) - len(answer.body) // 2])
            self._transport.close()
        else:
            self._transport.write(data)


def _header(head: bytes, name: bytes) -> bytes:
    """Return a header's value; `head` and `name` are in lower case."""
    return head.partition(name)[2].partition(b"\r\n")[0].strip()


def _framed(answer: Answer, number: int) -> bytes:
    if answer is ALL_TAKEN:
        return _ALL_TAKEN_FRAMED % number
    return _head(answer) % number + answer.body


def _head(answer: Answer) -> bytes:
    crc = zlib.crc32(answer.body) ^ (answer.fault is Fault.WRONG_CRC32)
    return _HEAD % (_PHRASES[answer.status], crc, len(answer.body))


_ALL_TAKEN_FRAMED = _head(ALL_TAKEN) + ALL_TAKEN.body


class Simulator(Endpoint):
    """Runs the endpoint during one `with` block. Its counts and items can also be read afterwards."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """`elsewhere` returns the responses to requests that are not about rows."""
        self.settings = settings or Settings()
        super().__init__(tls=self.settings.tls)
        self._service = Service(self.settings, clock)
        self.statistics, self.written_items = self._service.statistics, self._service.written_items
        self._connections: set[asyncio.Transport] = set()
        self._connect = partial(Connection, self._service, self._connections, elsewhere)

    @property
    def items(self) -> int:
        """The number of writes made."""
        return self.statistics.items

    @contextmanager
    def _listening(self, context: ssl.SSLContext | None) -> Iterator[int]:
        with closing(self._service), _loop() as loop:
            port = self.settings.port
            listening = loop.create_server(self._connect, "127.0.0.1", port, ssl=context, backlog=_BACKLOG)
            server = asyncio.run_coroutine_threadsafe(listening, loop).result()
            yield server.sockets[0].getsockname()[1]
            asyncio.run_coroutine_threadsafe(self._close(server), loop).result()

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        await asyncio.sleep(0.02)  # sockets accepted just now become connections in the loop's next iterations
        while self._connections:
            for connection in self._connections:
                connection.abort()
            await asyncio.sleep(0.001)


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Run an event loop in a thread of its own."""
    loop = asyncio.new_event_loop()
    loop.set_default_executor(ThreadPoolExecutor(_THREADS))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
