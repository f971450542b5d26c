"""A DynamoDB endpoint that takes every item and counts it. Speaks HTTP/1.1 on 127.0.0.1; knows BatchWriteItem only."""

import asyncio
import json
import threading
import zlib
from types import TracebackType
from typing import Self

_TOOK_ALL = b'{"UnprocessedItems":{}}'


class Sink:
    """Runs the endpoint in a thread of its own, for the length of a `with` block."""

    def __init__(self) -> None:
        self.requests = 0
        self.items = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the endpoint listens."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                writer.write(_answer(self._count(head, await reader.readexactly(length))))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is gone
        finally:
            writer.close()

    def _count(self, head: bytes, body: bytes) -> bytes:
        if b"batchwriteitem" not in head:
            return b""
        self.requests += 1
        self.items += sum(len(puts) for puts in json.loads(body)["RequestItems"].values())
        return _TOOK_ALL


def _answer(body: bytes) -> bytes:
    status = b"200 OK" if body else b"400 Bad Request"
    body = body or b'{"__type":"UnknownOperationException","message":"the sink takes BatchWriteItem only"}'
    return (
        b"HTTP/1.1 %s\r\nContent-Type: application/x-amz-json-1.0\r\nx-amz-crc32: %d\r\nContent-Length: %d\r\n\r\n%s"
        % (status, zlib.crc32(body), len(body), body)
    )
