"""Many requests are under way at once; each ticket gets its answer or a failure, whatever the other side does."""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingest.dynamodb.http.client import Exchange
from ingest.dynamodb.http.connection import ConnectionLostError, Endpoint
from ingest.dynamodb.http.response import Answer

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

PATIENCE_S = 60.0
Talk = Callable[[socket.socket, int], None]


def answer(body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), more, body)


def body_of(connection: socket.socket) -> bytes:
    """Read one request of a fixed form: 4 digits of length, then the body. Empty when the client is gone."""
    head = b""
    while len(head) < 4:
        part = connection.recv(4 - len(head))
        if not part:
            return b""
        head += part
    body = b""
    while len(body) < int(head):
        body += connection.recv(int(head) - len(body))
    return body


def echo(connection: socket.socket, number: int) -> None:
    while body := body_of(connection):
        connection.sendall(answer(b"echo " + body))


@contextlib.contextmanager
def serving(*talks: Talk) -> Iterator[int]:
    """Let each connection meet the next talk; the last one goes on for all others. Yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            for number in range(1000):
                connection, _ = listener.accept()
                threading.Thread(target=talk, args=(connection, number), daemon=True).start()

    def talk(connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), connection:
            talks[min(number, len(talks) - 1)](connection, number)

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


@contextlib.contextmanager
def exchange(*talks: Talk, **settings: Any) -> Iterator[Exchange[int]]:
    with serving(*talks) as port:
        endpoint = Endpoint("http", "127.0.0.1", port, "/", "r", "s", "tests", **settings.pop("endpoint", {}))
        made: Exchange[int] = Exchange(endpoint, lambda body, _: b"%04d%s" % (len(body), body), **settings)
        try:
            yield made
        finally:
            made.close()


def outcomes(of: Exchange[int], count: int) -> dict[int, Answer | ConnectionLostError]:
    found: dict[int, Answer | ConnectionLostError] = {}
    until = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < until:
        found |= dict(of.poll(0.1))
    assert of.in_flight == 0
    return found


def test_answers_come_by_ticket_over_as_many_connections_as_are_under_way() -> None:
    with exchange(echo) as exchanged:
        for round_ in range(3):
            for ticket in range(20):
                exchanged.start(ticket, b"%d-%d" % (round_, ticket))
            assert exchanged.in_flight == 20
            found = outcomes(exchanged, 20)
            assert found == {n: Answer(200, b"echo %d-%d" % (round_, n), True) for n in range(20)}
        assert len(exchanged._idle) == 20


def test_a_large_request_is_sent_in_parts_while_answers_come() -> None:
    is_stuck = threading.Event()

    def slow_reader(connection: socket.socket, number: int) -> None:
        is_stuck.wait(PATIENCE_S)
        total = 0
        while total < 5_000_000:
            total += len(connection.recv(100_000))
        connection.sendall(answer(b"all"))

    with serving(slow_reader) as port:
        endpoint = Endpoint("http", "127.0.0.1", port, "/", "r", "s", "tests")
        exchanged: Exchange[int] = Exchange(endpoint, lambda body, _: body)
        exchanged.start(1, b"x" * 5_000_000)
        assert exchanged.poll(0.1) == []  # what fits into the buffers between them is sent
        is_stuck.set()
        assert outcomes(exchanged, 1) == {1: Answer(200, b"all", True)}
        exchanged.close()


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced_without_a_word() -> None:
    def one_answer(connection: socket.socket, number: int) -> None:
        body_of(connection)
        connection.sendall(answer(b"first"))

    with exchange(one_answer, echo) as exchanged:
        exchanged.start(1, b"a")
        assert outcomes(exchanged, 1)[1] == Answer(200, b"first", True)
        assert select.select([exchanged._idle[0][0]], [], [], PATIENCE_S)[0]  # the other side has closed it
        exchanged.start(2, b"b")
        assert outcomes(exchanged, 1)[2] == Answer(200, b"echo b", True)


@pytest.mark.parametrize(("operation", "bodies"), [("PutItem", [b"a", b"b"]), ("BatchWriteItem", [b"a", b"b", b"b"])])
def test_a_request_that_may_have_been_carried_out_is_not_sent_again_without_a_word(
    operation: str, bodies: list[bytes]
) -> None:
    seen: list[bytes] = []

    def carries_out_and_dies(connection: socket.socket, number: int) -> None:
        seen.append(body_of(connection))
        connection.sendall(answer(b"first"))
        seen.append(body_of(connection))

    with exchange(carries_out_and_dies) as exchanged:
        for ticket, body in enumerate((b"a", b"b")):
            exchanged.start(ticket, body, operation)
            found = outcomes(exchanged, 1)[ticket]
    assert [body for body in seen if body] == bodies
    assert isinstance(found, ConnectionLostError) == (operation == "PutItem")


def test_a_connection_that_was_idle_for_long_is_not_trusted() -> None:
    times, first = [0.0], None
    with exchange(echo, now_s=lambda: times[0]) as exchanged:
        for now_s in (0.0, 1.0, 100.0):
            times[0] = now_s
            exchanged.start(1, b"a")
            assert outcomes(exchanged, 1)[1] == Answer(200, b"echo a", True)
            used = exchanged._idle[0][0]
            first = used if now_s == 0.0 else first
            assert (used is first) == (now_s < 100)


def reset(connection: socket.socket, number: int) -> None:
    body_of(connection)


def half(connection: socket.socket, number: int) -> None:
    body_of(connection)
    connection.sendall(answer(b"truncated")[:-3])


def nonsense(connection: socket.socket, number: int) -> None:
    body_of(connection)
    connection.sendall(b"SSH-2.0-hello\r\n")


def wrong_sum(connection: socket.socket, number: int) -> None:
    body_of(connection)
    connection.sendall(answer(b"{}", b"x-amz-crc32: 7\r\n"))


@pytest.mark.parametrize("talk", [reset, half, nonsense, wrong_sum])
def test_what_goes_wrong_on_one_connection_is_reported_for_its_ticket_only(talk: Talk) -> None:
    with exchange(talk, echo) as exchanged:
        exchanged.start(1, b"a")
        exchanged.start(2, b"b")
        found = outcomes(exchanged, 2)
        assert isinstance(found[1], ConnectionLostError)
        assert found[2] == Answer(200, b"echo b", True)


def test_an_answer_that_does_not_come_in_time_is_a_failure() -> None:
    def silent(connection: socket.socket, number: int) -> None:
        while connection.recv(1000):  # until the client gives up
            pass

    with exchange(silent, answer_timeout_s=0.1) as exchanged:
        exchanged.start(1, b"a")
        assert "no answer came within" in str(outcomes(exchanged, 1)[1])


def test_an_endpoint_that_cannot_be_reached_is_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exchanged: Exchange[int] = Exchange(Endpoint("http", "127.0.0.1", port, "/", "r", "s", "t"), lambda body, _: body)
    exchanged.start(1, b"a")
    assert "cannot be reached" in str(outcomes(exchanged, 1)[1])
    exchanged.close()


def test_a_proxy_is_asked_for_the_way_with_its_login() -> None:
    seen: list[bytes] = []

    def proxy(connection: socket.socket, number: int) -> None:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += connection.recv(1000)
        seen.append(asked)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        echo(connection, number)

    with serving(proxy) as port:
        endpoint = Endpoint("http", "far.away", 80, "/", "r", "s", "t", proxy=f"http://me:p%40ss@127.0.0.1:{port}")
        exchanged: Exchange[int] = Exchange(endpoint, lambda body, _: b"%04d%s" % (len(body), body))
        exchanged.start(1, b"a")
        assert outcomes(exchanged, 1)[1] == Answer(200, b"echo a", True)
        exchanged.close()
    assert seen[0].startswith(b"CONNECT far.away:80 HTTP/1.1\r\nHost: far.away:80\r\n")
    assert b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in seen[0]


def test_a_proxy_that_refuses_is_reported() -> None:
    def proxy(connection: socket.socket, number: int) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with serving(proxy) as port:
        endpoint = Endpoint("http", "far.away", 80, "/", "r", "s", "t", proxy=f"http://127.0.0.1:{port}")
        exchanged: Exchange[int] = Exchange(endpoint, lambda body, _: body)
        exchanged.start(1, b"a")
        assert "the proxy refused: HTTP/1.1 403" in str(outcomes(exchanged, 1)[1])
        exchanged.close()
