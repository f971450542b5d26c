"""Closes files whose last segment has ended: whoever finds that so may do it. Knows the edges by Protocol only."""

from collections.abc import Callable

from ingest.core.notification import FileVersion
from ingest.ports import IntakeClock, Ledger
from ingest.teller import Teller


class SplitCloser:
    """Closes files that are split. `rejects_url` tells where a file's rejects are, if it has any."""

    def __init__(
        self, *, ledger: Ledger, teller: Teller, clock: IntakeClock, rejects_url: Callable[[FileVersion], str]
    ) -> None:
        self._ledger = ledger
        self._teller = teller
        self._clock = clock
        self._rejects_url = rejects_url

    def close_split(self, file: FileVersion, feed: str) -> None:
        """Close a file that is split if all its segments have ended, and tell."""
        closing = self._ledger.end_split(file, rejects=self._rejects_url(file), now_s=self._clock.now_s())
        if closing:
            self._teller.file_ended(file, feed, closing)
