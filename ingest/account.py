"""What of some work was told: its sums over time are the books in the ledger. Knows the edges by Protocol only."""

from ingest.core.books import NOTHING, Books
from ingest.core.counts import NOTHING_WRITTEN, WriteCounts
from ingest.hold import Hold
from ingest.ports import CountingWriter, IntakeClock
from ingest.teller import Teller

TELL_EVERY_S = 5.0  # while a block is written, which takes a slow table minutes


class Account:
    """Tells what one attempt adds to the books of some work, and what its writer met.

    `books` is what others have counted, and told, before. Rows are told right after the ledger has them, so none is
    told twice: a worker that is killed, or has lost its lease, has told those up to its last checkpoint. What writing
    met has happened whether the rows count or not.
    """

    def __init__(self, feed: str, books: Books, hold: Hold, *, teller: Teller, clock: IntakeClock) -> None:
        self._feed = feed
        self._books = books
        self._hold = hold
        self._teller = teller
        self._clock = clock
        self._writer: CountingWriter | None = None
        self._written = NOTHING_WRITTEN
        self._counted_s = self._told_s = clock.monotonic_s()

    def begin(self, writer: CountingWriter) -> CountingWriter:
        """Take the writer that is used from now on; what it met before is not ours."""
        self._writer, self._written = writer, writer.counts
        return writer

    def beat(self) -> None:
        """Beat the hold, and now and then tell what writing has met.

        Raises:
            LeaseLost, OutOfTime: as `Hold.beat`.
        """
        self._hold.beat()
        if self._clock.monotonic_s() - self._told_s >= TELL_EVERY_S:
            self.wrote()

    def counted(self, books: Books) -> None:
        """Tell what the ledger has counted since it was told last; `books` are its own of this work, absolute."""
        now_s = self._clock.monotonic_s()
        self._teller.progressed(self._feed, books.since(self._books), self._since(), now_s - self._counted_s)
        self._books, self._counted_s = books, now_s

    def wrote(self) -> None:
        """Tell what writing has met since it was told last."""
        self._teller.progressed(self._feed, NOTHING, self._since(), 0.0)

    def _since(self) -> WriteCounts:
        self._told_s = self._clock.monotonic_s()
        before, self._written = self._written, self._writer.counts if self._writer else NOTHING_WRITTEN
        return self._written.since(before)
