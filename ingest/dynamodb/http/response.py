"""The bytes of an HTTP/1.1 answer, as they arrive -> status and body. As much of the protocol as services speak."""

import re
import zlib
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|$)")
# of a head in lower case
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n")
_CRC32 = re.compile(rb"\r\nx-amz-crc32:[ \t]*([0-9]{1,10})[ \t]*\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked")
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close")
_ENCODED = re.compile(rb"\r\ncontent-encoding:")


class BadAnswerError(Exception):
    """What came is not an HTTP response: the connection cannot be used any more."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One whole answer. `keeps_alive`: the connection may be used again."""

    status: int
    body: bytes
    keeps_alive: bool


@dataclass(slots=True)
class _Head:
    """What the head of an answer says; the body begins at `start`, and has `length` bytes or comes in chunks."""

    status: int
    start: int
    length: int | None
    checksum: int | None
    keeps_alive: bool


class AnswerReader:
    """Reads one answer from the parts in which it comes. A head is parsed once, and no byte is copied for each part."""

    __slots__ = ("_at", "_chunks", "_data", "_head")

    def __init__(self) -> None:
        self._data: bytes | bytearray = b""
        self._head: _Head | None = None
        self._chunks: list[bytes] | None = None
        self._at = 0  # where the next chunk begins

    @property
    def has_begun(self) -> bool:
        """Whether a part has come."""
        return len(self._data) > 0

    @property
    def missing(self) -> int:
        """How many bytes must still come, as far as that is known."""
        return self._head.start + self._head.length - len(self._data) if self._head and self._head.length else 0

    def take(self, part: bytes) -> Answer | None:
        """Take the next part; return the answer if it is whole now.

        Raises:
            BadAnswerError: what came is not an HTTP response, more than one, or does not match its checksum.
        """
        if not self._data:
            self._data = part  # most answers are this one part
        elif isinstance(self._data, bytes):
            self._data = bytearray(self._data + part)
        else:
            self._data += part
        head = self._head = self._head or _read_head(self._data)
        body = self._body(head) if head else None
        if head is None or body is None:
            return None
        if head.checksum is not None and head.checksum != zlib.crc32(body):
            raise BadAnswerError("the body is not what its checksum says")
        return Answer(head.status, body, head.keeps_alive)

    def _body(self, head: _Head) -> bytes | None:
        if head.length is None:
            return self._from_chunks(head)
        extra = len(self._data) - head.start - head.length
        if extra > 0:
            raise BadAnswerError("more came than was asked for")
        return bytes(self._data[head.start :]) if not extra else None  # what is bytes already is copied once

    def _from_chunks(self, head: _Head) -> bytes | None:
        """Return the body of an answer in chunks, as proxies send; trailers are left out."""
        data, chunks = self._data, self._chunks
        if chunks is None:
            chunks, self._at = [], head.start
            self._chunks = chunks
        while (line_end := data.find(b"\r\n", self._at)) >= 0:
            size_text = bytes(data[self._at : line_end]).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size_text):
                raise BadAnswerError("a chunk does not say its size")
            size, start = int(size_text, 16), line_end + 2
            if size == 0:
                return b"".join(chunks) if data.find(b"\r\n\r\n", line_end) >= 0 else None
            if len(data) < start + size + 2:
                return None
            chunks.append(bytes(memoryview(data)[start : start + size]))
            self._at = start + size + 2
        return None


def _read_head(data: bytes | bytearray) -> _Head | None:
    """Return what the head of an answer says; None if more of it must come."""
    begin = 0
    while True:
        end = data.find(b"\r\n\r\n", begin)
        if end < 0:
            _check_unfinished_head(data, begin)
            return None
        match = _STATUS.match(data, begin)
        if not match:
            raise BadAnswerError("its first line is not a status line")
        status = int(match[1])
        if status >= 200:
            break
        begin = end + 4  # 1xx: the answer proper is still to come
    text = bytes(data[begin : end + 2]).lower()
    checksum = _CRC32.search(text)
    return _Head(
        status,
        end + 4,
        _length(text, status),
        int(checksum[1]) if checksum and not _ENCODED.search(text) else None,
        text.startswith(b"http/1.1") and not _CLOSE.search(text),
    )


def _check_unfinished_head(data: bytes | bytearray, begin: int) -> None:
    if not b"HTTP/1.".startswith(data[begin : begin + 7]):
        raise BadAnswerError("it does not begin as HTTP/1.1 does")
    if len(data) - begin > MAX_HEAD_BYTES:
        raise BadAnswerError(f"its head does not end within {MAX_HEAD_BYTES} bytes")


def _length(head: bytes, status: int) -> int | None:
    """Return how long the body is; None where it comes in chunks."""
    if status in (204, 304):
        return 0
    if _CHUNKED.search(head):
        return None
    length = _LENGTH.search(head)
    if not length:
        raise BadAnswerError("it does not say its length")
    return int(length[1])
