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


def read_answer(data: bytes) -> Answer | None:
    """Return the answer that the bytes received so far make; None if more must come.

    Raises:
        BadAnswerError: they are not an HTTP response, more than one, or the body does not match its checksum.
    """
    while True:
        end = data.find(b"\r\n\r\n")
        if end < 0:
            _check_unfinished_head(data)
            return None
        status = _status(data)
        if status >= 200:
            break
        data = data[end + 4 :]  # 1xx: the answer proper is still to come
    head, rest = data[: end + 2].lower(), data[end + 4 :]
    body = _body(head, rest, status)
    if body is None:
        return None
    checksum = _CRC32.search(head)
    if checksum and not _ENCODED.search(head) and int(checksum[1]) != zlib.crc32(body):
        raise BadAnswerError("the body is not what its checksum says")
    return Answer(status, body, head.startswith(b"http/1.1") and not _CLOSE.search(head))


def _check_unfinished_head(data: bytes) -> None:
    if not b"HTTP/1.".startswith(data[:7]):
        raise BadAnswerError("it does not begin as HTTP/1.1 does")
    if len(data) > MAX_HEAD_BYTES:
        raise BadAnswerError(f"its head does not end within {MAX_HEAD_BYTES} bytes")


def _status(data: bytes) -> int:
    match = _STATUS.match(data)
    if not match:
        raise BadAnswerError("its first line is not a status line")
    return int(match[1])


def _body(head: bytes, rest: bytes, status: int) -> bytes | None:
    if status in (204, 304):
        return b""
    if _CHUNKED.search(head):
        return _from_chunks(rest)
    length = _LENGTH.search(head)
    if not length:
        raise BadAnswerError("it does not say its length")
    wanted = int(length[1])
    if len(rest) > wanted:
        raise BadAnswerError("more came than was asked for")
    return rest if len(rest) == wanted else None


def _from_chunks(rest: bytes) -> bytes | None:
    """Return the body of an answer in chunks, as proxies send; trailers are left out."""
    body: list[bytes] = []
    at = 0
    while (line_end := rest.find(b"\r\n", at)) >= 0:
        size_text = rest[at:line_end].partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size_text):
            raise BadAnswerError("a chunk does not say its size")
        size, start = int(size_text, 16), line_end + 2
        if size == 0:
            return b"".join(body) if rest.find(b"\r\n\r\n", line_end) >= 0 else None
        if len(rest) < start + size + 2:
            return None
        body.append(rest[start : start + size])
        at = start + size + 2
    return None
