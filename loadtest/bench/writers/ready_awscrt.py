"""awscrt with a ready-made body: HTTP, TLS and signatures in C, with callbacks into Python. Need not be installed."""

import os
import threading
from io import BytesIO
from typing import Any

from loadtest.bench.writers.ready import CONTENT_TYPE, TARGET, TOOK_ALL, Server, Task, main, place


def send(task: Task) -> None:
    """Send all requests."""
    from awscrt import io

    where, group = place(), io.EventLoopGroup(1)
    bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
    connections = [_opened(where, bootstrap) for _ in range(task.connections)]
    sender = _Sender(task, where)
    for connection in connections:
        sender.begin(connection)
    if task.requests:
        sender.wait()
    for connection in connections:
        connection.close().result()


def _opened(where: Server, bootstrap: Any) -> Any:
    from awscrt import http, io

    options = None
    if where.is_tls:
        context = io.TlsContextOptions()
        context.override_default_trust_store_from_path(None, where.ca_file)
        options = io.ClientTlsContext(context).new_connection_options()
        options.set_server_name(where.host)
    return http.HttpClientConnection.new(where.host, where.port, bootstrap, io.SocketOptions(), options).result(10)


class _Sender:
    """Keeps each connection busy: signed, sent, answered, the next. All but the beginning runs in awscrt's thread."""

    def __init__(self, task: Task, where: Server) -> None:
        from awscrt import auth, http

        self._task, self._where, self._auth, self._http = task, where, auth, http
        self._credentials = auth.AwsCredentialsProvider.new_static(
            os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        )
        self._begun = self._done = 0
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._error: Exception | None = None

    def begin(self, connection: Any) -> None:
        """Begin the next request, if there is one."""
        with self._lock:
            if self._begun == self._task.requests:
                return
            self._begun += 1
        config = self._auth.AwsSigningConfig(
            algorithm=self._auth.AwsSigningAlgorithm.V4,
            signature_type=self._auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=self._credentials,
            region=os.environ["AWS_DEFAULT_REGION"],
            service="dynamodb",
        )
        signing = self._auth.aws_sign_request(self._request(), config)
        signing.add_done_callback(lambda signed: self._guarded(self._send, connection, signed))

    def wait(self) -> None:
        """Wait until all requests are answered; raise what went wrong."""
        self._ended.wait()
        if self._error:
            raise self._error

    def _request(self) -> Any:
        headers = [
            ("host", f"{self._where.host}:{self._where.port}"),
            ("content-type", CONTENT_TYPE),
            ("content-length", str(len(self._task.body))),
            ("x-amz-target", TARGET),
        ]
        return self._http.HttpRequest("POST", "/", self._http.HttpHeaders(headers), BytesIO(self._task.body))

    def _send(self, connection: Any, signed: Any) -> None:
        parts: list[bytes] = []
        stream = connection.request(signed.result(), on_body=lambda http_stream, chunk: parts.append(bytes(chunk)))
        stream.completion_future.add_done_callback(
            lambda completed: self._guarded(self._take, connection, completed, parts)
        )
        stream.activate()

    def _take(self, connection: Any, completed: Any, parts: list[bytes]) -> None:
        if completed.result() != 200 or b"".join(parts) != TOOK_ALL:
            raise RuntimeError(f"the simulator did not take all: {completed.result()} {parts}")
        with self._lock:
            self._done += 1
            is_last = self._done == self._task.requests
        if is_last:
            self._ended.set()
        self.begin(connection)

    def _guarded(self, step: Any, *arguments: Any) -> None:
        """Do a step; what it raises in awscrt's thread would be lost there."""
        try:
            step(*arguments)
        except Exception as error:
            self._error = error
            self._ended.set()


if __name__ == "__main__":
    main(__doc__, send)
