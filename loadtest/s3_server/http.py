"""HTTP/1.1 for the object endpoint: one thread a connection, kept alive; a file's bytes go from disk to socket."""

from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, cast

from loadtest.s3_server.files import ByteRange, ReadRefused, ServedFile, check_version, extent, find

if TYPE_CHECKING:
    from loadtest.s3_server.server import Listener

_ERROR = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message></Error>'


class Handler(BaseHTTPRequestHandler):
    """Answers HEAD and GET."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        """Send an object's headers."""
        self._answer(with_body=False)

    def do_GET(self) -> None:
        """Send an object, or a range of it."""
        self._answer(with_body=True)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a test's output is its own."""

    @property
    def _listener(self) -> "Listener":
        return cast("Listener", self.server)

    def _answer(self, *, with_body: bool) -> None:
        self._listener.count_request()
        try:
            found = find(self._listener.folder, self.path)
            check_version(found, self.headers.get("If-Match"))
            asked = extent(found, self.headers.get("Range"))
        except ReadRefused as refused:
            self._refuse(refused, with_body=with_body)
            return
        self._send_head(found, asked)
        if with_body:
            self._send_body(found, asked or ByteRange(0, found.size))

    def _send_head(self, found: ServedFile, asked: ByteRange | None) -> None:
        first, end = asked or ByteRange(0, found.size)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{found.size}")
        self.send_header("Content-Length", str(end - first))
        self.send_header("Content-Type", "binary/octet-stream")
        self.send_header("ETag", found.etag)
        self.send_header("Last-Modified", formatdate(found.modified_s, usegmt=True))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def _send_body(self, found: ServedFile, sent: ByteRange) -> None:
        is_cut = self._listener.is_to_be_cut()
        count = (sent.end - sent.first) // (2 if is_cut else 1)
        if count:  # to sendfile, 0 means all
            with found.path.open("rb") as file:
                self._listener.count_bytes(self.connection.sendfile(file, sent.first, count))
        self.close_connection |= is_cut

    def _refuse(self, refused: ReadRefused, *, with_body: bool) -> None:
        body = _ERROR.format(refused.code).encode()
        self.send_response(refused.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)
