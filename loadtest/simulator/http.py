"""HTTP/1.1 for one connection: requests come out of bytes, answers become bytes. Keep-alive, one answer at a time."""

import asyncio
import socket
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import cast

from loadtest.simulator.service import TOOK_ALL, Answer, Ending, Service

_PHRASES = {200: b"200 OK", 400: b"400 Bad Request", 500: b"500 Internal Server Error"}
_HEAD_END, _LENGTH, _TARGET = b"\r\n\r\n", b"\r\ncontent-length:", b"\r\nx-amz-target:"
_HEAD = (
    b"HTTP/1.1 %s\r\nContent-Type: application/x-amz-json-1.0\r\n"
    b"x-amz-crc32: %d\r\nContent-Length: %d\r\nx-amzn-RequestId: %%052d\r\n\r\n"
)
_NO_LINGER = struct.pack("ii", 1, 0)  # makes closing a socket a reset


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who answers all operations but BatchWriteItem: `answer(target, body)`, called in a thread of `threads`."""

    answer: Callable[[str, bytes], Answer]
    threads: Executor


class Connection(asyncio.Protocol):
    """Serves one client. While an answer is delayed, the client's further requests wait; other clients do not."""

    def __init__(self, service: Service, connections: "set[Connection]", elsewhere: Elsewhere | None = None) -> None:
        self._service, self._statistics, self._connections = service, service.statistics, connections
        self._held = bytearray()
        self._needed = 0  # bytes before it is worth while to look
        self._elsewhere = elsewhere
        self._delayed: asyncio.TimerHandle | asyncio.Future[Answer] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        self._statistics.opened()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget an answer that no one waits for."""
        self._statistics.closed()
        self._connections.discard(self)
        if self._delayed:
            self._delayed.cancel()
            self._delayed = None
            self._statistics.answered()

    def data_received(self, data: bytes) -> None:
        """Answer each request that is complete."""
        self._held += data
        self._serve()

    def close(self) -> None:
        """End the connection now."""
        self._transport.abort()

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
            operation = _header(head, _TARGET).rpartition(b".")[2]
            if self._elsewhere and operation != b"batchwriteitem":
                at = head.find(_TARGET) + len(_TARGET)
                self._forward(self._elsewhere, own[at:].partition(b"\r\n")[0].strip().decode(), body)
            else:
                self._answer(operation, body)

    def _forward(self, elsewhere: Elsewhere, target: str, body: bytes) -> None:
        self._statistics.received(len(body))
        asked = asyncio.get_running_loop().run_in_executor(elsewhere.threads, elsewhere.answer, target, body)
        self._delayed = asked
        asked.add_done_callback(self._send_forwarded)

    def _send_forwarded(self, asked: "asyncio.Future[Answer]") -> None:
        if not asked.cancelled():
            self._send_delayed(asked.result())

    def _answer(self, operation: bytes, body: bytes) -> None:
        self._statistics.received(len(body))
        answer = self._service.answer(operation, body)
        if not answer.delay_s:
            self._send(answer)
            return
        loop = asyncio.get_running_loop()
        self._delayed = loop.call_later(answer.delay_s, self._send_delayed, answer)

    def _send_delayed(self, answer: Answer) -> None:
        self._delayed = None
        self._send(answer)
        self._serve()

    def _send(self, answer: Answer) -> None:
        self._statistics.answered()
        if answer.ending is Ending.RESET:
            self._reset()
            return
        data = _framed(answer, self._statistics.requests)
        if answer.ending is Ending.KEPT:
            self._transport.write(data)
        else:
            self._transport.write(data[: len(data) - len(answer.body) // 2])
            self._transport.close()

    def _reset(self) -> None:
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()


def _header(head: bytes, name: bytes) -> bytes:
    """Return a header's value; `head` and `name` are in lower case."""
    return head.partition(name)[2].partition(b"\r\n")[0].strip()


def _framed(answer: Answer, number: int) -> bytes:
    if answer.body is TOOK_ALL and answer.is_crc32_right:
        return _TOOK_ALL_FRAMED % number
    return _head(answer) % number + answer.body


def _head(answer: Answer) -> bytes:
    crc = zlib.crc32(answer.body) ^ (not answer.is_crc32_right)
    return _HEAD % (_PHRASES[answer.status], crc, len(answer.body))


_TOOK_ALL_FRAMED = _head(Answer(TOOK_ALL)) + TOOK_ALL
