"""Bare sockets with a ready-made request, not signed and not checked: what nothing in Python can be faster than."""

import selectors
import socket
import ssl

from loadtest.bench.writers.ready import CONTENT_TYPE, TARGET, TOOK_ALL, Server, Task, main, place

READ_BYTES = 64 * 1024
_FINE = b"HTTP/1.1 200 "


def send(task: Task) -> None:
    """Send all requests."""
    where = place()
    tls = ssl.create_default_context(cafile=where.ca_file) if where.is_tls else None
    sockets = [_opened(where, tls) for _ in range(task.connections)]
    request = _request(task.body, where)
    with selectors.DefaultSelector() as selector:
        begun = min(len(sockets), task.requests)
        for opened in sockets:
            selector.register(opened, selectors.EVENT_READ)
        for opened in sockets[:begun]:
            opened.sendall(request)
        done = 0
        while done < task.requests:
            for key, _ in selector.select():
                _read_answer(key.fileobj)  # type: ignore[arg-type]
                done += 1
                if begun < task.requests:
                    key.fileobj.sendall(request)  # type: ignore[union-attr]
                    begun += 1
    for opened in sockets:
        opened.close()


def _opened(where: Server, tls: ssl.SSLContext | None) -> socket.socket:
    opened = socket.create_connection((where.host, where.port))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(opened, server_hostname=where.host) if tls else opened


def _request(body: bytes, where: Server) -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: {where.host}:{where.port}\r\nX-Amz-Target: {TARGET}\r\n"
    head += f"Content-Type: {CONTENT_TYPE}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _read_answer(opened: socket.socket) -> None:
    answer = b""
    while not answer.endswith(TOOK_ALL):
        part = opened.recv(READ_BYTES)
        answer += part
        if not part or not answer.startswith(_FINE[: len(answer)]):
            raise RuntimeError(f"the simulator did not take all: {answer[:200]!r}")


if __name__ == "__main__":
    main(__doc__, send)
