"""The bytes of an HTTP/1.1 response, as they arrive -> status and body. Only the part of HTTP that AWS services use."""

import re
import zlib
from dataclasses import dataclass

MAX_HEAD_BYTES = 64 * 1024
# Matches a whole head as DynamoDB sends it: status, length and checksum, and no header that changes their meaning.
_USUAL_HEAD = re.compile(
    rb"HTTP/1\.1 ([2-5][0-9]{2}) [^\r\n]*\r\n"
    rb"(?:content-length: ?([0-9]{1,12})\r\n|x-amz-crc32: ?([0-9]{1,10})\r\n|connection: ?keep-alive\r\n"
    rb"|(?!content-length|x-amz-crc32|connection|content-encoding|transfer-encoding)[^\r\n]+\r\n)*\r\n",
    re.IGNORECASE,
)
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|$)")
# for a head in lower case
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,12})[ \t]*\r\n")
_CRC32 = re.compile(rb"\r\nx-amz-crc32:[ \t]*([0-9]{1,10})[ \t]*\r\n")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked")
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close")
# rare, and so first searched for without a pattern
_ENCODED, _CONNECTION, _TRANSFER = b"\r\ncontent-encoding:", b"\r\nconnection:", b"\r\ntransfer-encoding:"


class BadAnswerError(Exception):
    """The bytes received are not a valid HTTP response: the connection cannot be used any more."""


@dataclass(slots=True)
class Answer:
    """One complete response. `keeps_alive`: the connection may be used again."""

    status: int
    body: bytes
    keeps_alive: bool


# A parsed head: status, where the body begins, its length (None: it is chunked), its checksum, whether the connection
# may be used again. A tuple, because that is the cheapest and each response needs one.
_Head = tuple[int, int, int | None, int | None, bool]


class AnswerReader:
    """Assembles one response from its parts. Parses the head once, and does not copy earlier parts for each new one."""

    # class attributes: most responses arrive in one part, and never set them
    _data: bytes | bytearray = b""
    _head: _Head | None = None
    _chunks: list[bytes] | None = None
    _at = 0  # where the next chunk begins

    @property
    def has_begun(self) -> bool:
        """Whether part of a response has arrived, and more must follow."""
        return len(self._data) > 0

    @property
    def missing(self) -> int:
        """How many bytes are still missing, as far as that is known; else 0."""
        return self._head[1] + (self._head[2] or 0) - len(self._data) if self._head else 0

    def take(self, part: bytes) -> Answer | None:
        """Add the next part; return the response if it is complete now.

        Raises:
            BadAnswerError: it is not an HTTP response, or more than one, or does not match its checksum.
        """
        data = self._with(part) if self._data else part
        head = self._head or _read_head(data)
        if head is None:
            self._data = data
            return None
        status, start, length, checksum, keeps_alive = head
        body = bytes(data[start:]) if length == len(data) - start else self._part_of_body(data, start, length)
        if body is None:
            self._data, self._head = data, head
            return None
        if checksum is not None and checksum != zlib.crc32(body):
            raise BadAnswerError("the body is not what its checksum says")
        return Answer(status, body, keeps_alive)

    def _with(self, part: bytes) -> bytearray:
        if isinstance(self._data, bytes):
            return bytearray(self._data + part)
        self._data += part
        return self._data

    def _part_of_body(self, data: bytes | bytearray, start: int, length: int | None) -> bytes | None:
        """Return a body that is not simply the bytes after the head; None if it is incomplete."""
        if length is None:
            return self._from_chunks(data, start)
        if len(data) - start > length:
            raise BadAnswerError("more came than was asked for")
        return None

    def _from_chunks(self, data: bytes | bytearray, start: int) -> bytes | None:
        """Return a chunked body, as proxies send it, without trailers; None if it is incomplete."""
        chunks = self._chunks
        if chunks is None:
            chunks, self._at = [], start
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
    """Return the parsed head of a response; None if it is incomplete."""
    usual = _USUAL_HEAD.match(data)
    if usual and usual[2] and usual[1] not in (b"204", b"304"):
        return int(usual[1]), usual.end(), int(usual[2]), int(usual[3]) if usual[3] else None, True
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
        begin = end + 4  # 1xx: the final response follows
    text = bytes(data[begin : end + 2]).lower()
    given = _CRC32.search(text)
    checksum = int(given[1]) if given and _ENCODED not in text else None
    keeps_alive = text.startswith(b"http/1.1") and not (_CONNECTION in text and _CLOSE.search(text))
    length = _LENGTH.search(text)
    is_plain = length and _TRANSFER not in text and status not in (204, 304)
    return status, end + 4, int(length[1]) if length and is_plain else _length(text, status), checksum, keeps_alive


def _check_unfinished_head(data: bytes | bytearray, begin: int) -> None:
    if not b"HTTP/1.".startswith(data[begin : begin + 7]):
        raise BadAnswerError("it does not begin as HTTP/1.1 does")
    if len(data) - begin > MAX_HEAD_BYTES:
        raise BadAnswerError(f"its head does not end within {MAX_HEAD_BYTES} bytes")


def _length(head: bytes, status: int) -> int | None:
    """Return the length of a body that Content-Length alone does not give; None if it is chunked."""
    if status in (204, 304):
        return 0
    if _CHUNKED.search(head):
        return None
    length = _LENGTH.search(head)
    if not length:
        raise BadAnswerError("it does not say its length")
    return int(length[1])
