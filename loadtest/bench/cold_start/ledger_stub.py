"""An endpoint of DynamoDB, SQS and EventBridge that agrees at once: batches are taken, the ledger's conditions hold.

What a cold start takes is to be the function's, not that of an emulator that reads expressions.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self, cast

_ANSWERS = {
    "BatchWriteItem": b'{"UnprocessedItems":{}}',
    "UpdateItem": b'{"Attributes":{"first_seen":{"N":"1"}}}',
    "ChangeMessageVisibilityBatch": b'{"Successful":[],"Failed":[]}',
    "PutEvents": b'{"FailedEntryCount":0,"Entries":[]}',
}
_PUT = b'"PutRequest":'


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # the writer opens many connections at once; one turned away comes again after a second
    items = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: the function's process ends without closing its connections."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        if operation == "BatchWriteItem":
            cast(_Listener, self.server).items += body.count(_PUT)
        answer = _ANSWERS.get(operation, b"{}")
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class AgreeableTables:
    """Runs the endpoint for the length of a `with` block."""

    def __enter__(self) -> Self:
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()

    @property
    def url(self) -> str:
        """Where the endpoint listens."""
        return f"http://127.0.0.1:{self._listener.server_address[1]}"

    @property
    def items(self) -> int:
        """How many items were put."""
        return self._listener.items
