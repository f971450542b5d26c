"""S3 as the workers of a huge file see it: its bytes come from disk, all else is the emulator's."""

from pathlib import Path
from typing import cast

from loadtest.harness.s3_proxy import Proxy, Relay
from loadtest.s3_server.files import Refused, find
from loadtest.s3_server.http import Handler


class DiskProxy(Proxy):
    """Serves a folder that holds a folder for each bucket, and relays the rest."""

    def __init__(self, url: str, folder: Path, *, cut_share: float, seed: int) -> None:
        super().__init__(url, cut_share=cut_share, seed=seed)
        self.RequestHandlerClass = DiskRelay
        self.folder = folder
        self.reads = 0

    def count_request(self) -> None:
        """Count a request for a file."""
        self.reads += 1

    def count_bytes(self, count: int) -> None:
        """Nobody asks."""


class DiskRelay(Handler, Relay):
    """Answers one client."""

    def do_GET(self) -> None:
        """Send a file, or a range of it."""
        (Handler if self._is_here() else Relay).do_GET(self)

    def do_HEAD(self) -> None:
        """Tell what a file is."""
        (Handler if self._is_here() else Relay).do_HEAD(self)

    def _is_here(self) -> bool:
        try:
            find(cast(DiskProxy, self.server).folder, self.path)
        except Refused:
            return False
        return True
