"""An answer is read from whatever portions it comes in; anything else is reported."""

import contextlib
import time
import zlib
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.dynamodb.http.response import Answer, AnswerReader, BadAnswerError


def read_answer(data: bytes) -> Answer | None:
    """Return the answer that some bytes make, in one part."""
    return AnswerReader().take(data)


def plain(body: bytes, *, status: str = "200 OK", more: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


def chunked(body: bytes, size: int, trailer: bytes = b"") -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = b"".join(b"%x;ext=1\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n" + trailer + b"\r\n"


@given(body=st.binary(max_size=80), size=st.integers(1, 20), trailer=st.sampled_from([b"", b"X-Sum: 1\r\n"]))
def test_an_answer_is_whole_at_its_last_byte_and_not_before(body: bytes, size: int, trailer: bytes) -> None:
    for data in (plain(body), b"HTTP/1.1 100 Continue\r\n\r\n" + plain(body), chunked(body, size, trailer)):
        assert read_answer(data) == Answer(200, body, True)
        assert all(read_answer(data[:end]) is None for end in range(len(data)))


@given(body=st.binary(max_size=80), size=st.integers(1, 20), cuts=st.lists(st.integers(1, 200), max_size=5))
def test_an_answer_is_the_same_whatever_the_parts_it_comes_in(body: bytes, size: int, cuts: list[int]) -> None:
    for data in (plain(body), b"HTTP/1.1 100 Continue\r\n\r\n" + plain(body), chunked(body, size)):
        reader, ends = AnswerReader(), sorted({*(cut for cut in cuts if cut < len(data)), len(data)})
        *before, last = [reader.take(data[start:end]) for start, end in pairwise([0, *ends])]
        assert (before, last) == ([None] * len(before), Answer(200, body, True))


@pytest.mark.parametrize("frame", [plain, partial(chunked, size=1 << 20)])
def test_a_large_answer_is_not_copied_for_each_of_its_parts(frame: Callable[[bytes], bytes]) -> None:
    def cost_s(take: Callable[[bytes], object]) -> float:
        begun_s = time.process_time()
        assert [bool(take(part)) for part in parts] == [False] * (len(parts) - 1) + [True]
        return time.process_time() - begun_s

    def copying(part: bytes) -> bool:
        nonlocal copied
        copied = copied + part
        return len(copied) == len(data)

    data, copied = frame(bytes(2 << 20)), b""
    parts = [data[at : at + 2048] for at in range(0, len(data), 2048)]
    assert 5 * min(cost_s(AnswerReader().take) for _ in range(5)) < cost_s(copying)


def test_how_much_is_missing_is_known_behind_the_head() -> None:
    reader, data = AnswerReader(), plain(bytes(100))
    seen = [reader.missing for part in (data[:10], data[10:-60], data[-60:-1]) if not reader.take(part)]
    assert seen == [0, 60, 1]


@pytest.mark.parametrize(
    ("data", "keeps_alive"),
    [
        (plain(b"{}", more="Connection: keep-alive\r\n"), True),
        (plain(b"{}", more="connection: Close\r\n"), False),
        (plain(b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"), False),
    ],
)
def test_it_says_whether_the_connection_may_be_used_again(data: bytes, keeps_alive: bool) -> None:
    answer = read_answer(data)
    assert answer and answer.keeps_alive is keeps_alive


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/2 200\r\n\r\n", "status"),
        (b"SSH-2.0", "begin"),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "status"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "length"),
        (plain(b"{}") + b"more", "more came"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "size"),
        (plain(b"{}", more="x-amz-crc32: 1\r\n"), "checksum"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 20_000, "does not end"),
    ],
)
def test_bytes_that_are_not_a_response_are_reported(data: bytes, why: str) -> None:
    with pytest.raises(BadAnswerError, match=why):
        read_answer(data)


def test_a_right_checksum_is_accepted_and_one_of_compressed_bytes_not_looked_at() -> None:
    body = b'{"UnprocessedItems":{}}'
    assert read_answer(plain(body, more=f"X-Amz-Crc32: {zlib.crc32(body)}\r\n"))
    assert read_answer(plain(body, more="X-Amz-Crc32: 1\r\nContent-Encoding: gzip\r\n"))


@given(st.binary(max_size=60), st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", plain(b"{}")[:30]]))
def test_any_bytes_are_an_answer_unfinished_or_none(data: bytes, begin: bytes) -> None:
    with contextlib.suppress(BadAnswerError):
        read_answer(begin + data)


FIELDS = st.lists(
    st.sampled_from(
        [
            *("Content-Length: 2", "content-length:2", "X-Amz-Crc32: 2745614147", "x-amz-crc32: 7", "Date: now"),
            *("Connection: keep-alive", "Connection: close", "Content-Encoding: gzip", "Transfer-Encoding: chunked"),
            *("X-Content-Length: 9", "Server: Content-Length: 9", "X-Empty:"),
        ]
    ),
    unique_by=lambda field: field.partition(":")[0].lower(),
)


@given(FIELDS, st.sampled_from(["200 OK", "204 No Content", "304 Not Modified", "400 Bad Request", "500 "]))
def test_a_usual_head_says_what_it_says_behind_another_which_is_read_field_by_field(
    fields: list[str], status: str
) -> None:
    answer = "\r\n".join([f"HTTP/1.1 {status}", *fields, "", "{}"]).encode()
    assert outcome(answer) == outcome(b"HTTP/1.1 100 Continue\r\n\r\n" + answer)


def outcome(data: bytes) -> Answer | str | None:
    try:
        return read_answer(data)
    except BadAnswerError as error:
        return str(error)
