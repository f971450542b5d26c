"""What stands between workers and the emulator, in front of a service of ten lines."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtest.harness.dynamodb_proxy import LedgerProxy
from loadtest.s3_server import ObjectServer
from loadtest.simulator import Faults, Settings, Simulator

pytestmark = pytest.mark.enable_socket
TARGET = "DynamoDB_20120810."


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = f"{self.command} {self.path} {self.headers.get('X-Amz-Target')} ".encode() + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("ETag", '"e"')
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def ask(url: str, method: str, path: str, body: bytes = b"", target: str = "") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request(method, path, body=body, headers={"X-Amz-Target": TARGET + target})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_the_ledger_is_asked_elsewhere_and_rows_stay_here(url: str) -> None:
    with LedgerProxy(url, None) as ledger, Simulator(Settings(), elsewhere=ledger.answer) as simulator:
        assert ask(simulator.url, "POST", "/", b"{}", "GetItem") == (200, f"POST / {TARGET}GetItem {{}}".encode())
        assert ask(simulator.url, "POST", "/", b'"PutRequest":', "BatchWriteItem")[1] == b'{"UnprocessedItems":{}}'
    assert simulator.items == 1


def test_the_ledger_fails_as_often_as_asked(url: str) -> None:
    with (
        LedgerProxy(url, Faults(internal_error=0.5, reset_after=0.5)) as ledger,
        Simulator(Settings(), elsewhere=ledger.answer) as simulator,
    ):
        statuses = []
        for _ in range(20):
            try:
                statuses.append(ask(simulator.url, "POST", "/", b"{}", "GetItem")[0])
            except ConnectionError:
                statuses.append(0)
    assert set(statuses) == {0, 500}
    assert ledger.faults.total() == 20


def test_what_is_got_from_s3_may_end_in_its_middle_and_what_is_put_does_not(url: str) -> None:
    with ObjectServer(None, upstream=url, cut_share=1) as s3:
        with pytest.raises(http.client.IncompleteRead):
            ask(s3.url, "GET", "/b/k")
        assert ask(s3.url, "PUT", "/b/k", b"data")[1].endswith(b"data")
    assert (s3.counts["cut"], s3.counts["writes"]) == (1, 1)
