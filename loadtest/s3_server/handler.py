"""HTTP/1.1 for the S3 endpoint: one thread a connection, kept alive; a file's bytes go from disk to socket."""

from collections.abc import Iterable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast

from loadtest.s3_server.files import ByteRange, ReadRefused, ServedFile, check_version, extent, find

if TYPE_CHECKING:
    from loadtest.s3_server.server import Listener

_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message></Error>'
_OF_A_CONNECTION = {"connection", "transfer-encoding", "content-length", "expect", "keep-alive", "date", "server"}
_SMALLEST_CUT = 2


class Handler(BaseHTTPRequestHandler):
    """Answers one client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        """Send an object's headers."""
        self._answer(with_body=False)

    def do_GET(self) -> None:
        """Send an object, or a range of it."""
        self._answer(with_body=True)

    def do_PUT(self) -> None:
        """Hand on what changes something, and count it."""
        self._listener.count("writes")
        self._relay()

    do_POST = do_DELETE = do_PUT

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is its own."""

    @property
    def _listener(self) -> "Listener":
        return cast("Listener", self.server)

    def _answer(self, *, with_body: bool) -> None:
        try:
            found = find(self._listener.folder, self.path)
        except ReadRefused as refused:
            self._relay(refused)
            return
        self._listener.count("requests")
        try:
            check_version(found, self.headers.get("If-Match"))
            asked = extent(found, self.headers.get("Range"))
        except ReadRefused as refused:
            self._refuse(refused)
            return
        self._send_head(found, asked)
        if with_body:
            self._send_file(found, asked or ByteRange(0, found.size))

    def _send_head(self, found: ServedFile, asked: ByteRange | None) -> None:
        first, end = asked or ByteRange(0, found.size)
        headers = {"Content-Range": f"bytes {first}-{end - 1}/{found.size}"} if asked else {}
        headers |= {"Content-Length": str(end - first), "Content-Type": "binary/octet-stream", "ETag": found.etag}
        headers |= {"Last-Modified": formatdate(found.modified_s, usegmt=True), "Accept-Ranges": "bytes"}
        self._begin(206 if asked else 200, headers)

    def _send_file(self, found: ServedFile, sent: ByteRange) -> None:
        count = self._count_to_send(sent.end - sent.first)
        if count:  # to sendfile, 0 means all
            with found.path.open("rb") as file:
                self._listener.count("bytes", self.connection.sendfile(file, sent.first, count))

    def _relay(self, refused: ReadRefused | None = None) -> None:
        """Answer as the S3 behind this one does; without one, that the object does not exist."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream = self._listener.upstream
        if upstream is None:
            self._refuse(refused or ReadRefused(405, "MethodNotAllowed"))
            return
        answer = upstream.ask(self.command, self.path, body, _passed_on(self.headers.items()))
        is_head = self.command == "HEAD"
        length = answer.headers.get("Content-Length", "0") if is_head else str(len(answer.data))
        self._begin(answer.status, {**_passed_on(answer.headers.items()), "Content-Length": length})
        is_whole = self.command != "GET" or len(answer.data) < _SMALLEST_CUT
        self.wfile.write(answer.data if is_whole else answer.data[: self._count_to_send(len(answer.data))])

    def _count_to_send(self, size: int) -> int:
        """Return how many bytes of an answer are sent: half of them, and the connection ends, where it is to be cut."""
        is_cut = self._listener.is_to_be_cut()
        self.close_connection |= is_cut
        return size // 2 if is_cut else size

    def _refuse(self, refused: ReadRefused) -> None:
        body = _ERROR.format(refused.code).encode()
        self._begin(refused.status, {"Content-Type": "application/xml", "Content-Length": str(len(body))})
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _passed_on(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _OF_A_CONNECTION}
