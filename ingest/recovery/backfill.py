"""Backfill: sends messages for objects that the ledger does not know, as those older than the stack or the feed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ingest.errors import NoFeed
from ingest.feeds.feed import Feeds
from ingest.file import FileVersion
from ingest.ledger.work_item import WorkItem
from ingest.queue.messages import body_of
from ingest.worker.ports import ObjectListing, Queue

REFUSED_SHOWN = 5


class KnownFiles(Protocol):
    """The part of the ledger that a backfill uses."""

    def knows(self, file: FileVersion) -> bool:
        """Return whether there is an entry of an object in its present version."""


class PaceClock(Protocol):
    """The time functions that sending at a steady rate uses."""

    def monotonic_s(self) -> float:
        """Return seconds of a monotonic clock."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(slots=True)
class Tally:
    """The counts of a backfill. `ignored` objects are excluded by the feeds; `first_refused` are the first few keys
    that no feed takes."""

    seen: int = 0
    sent: int = 0
    known: int = 0
    ignored: int = 0
    refused: int = 0
    first_refused: list[str] = field(default_factory=list)


class Backfill:
    """Goes through the objects once. Safe to run again: a file whose message is sent twice is loaded once."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        ledger: KnownFiles,
        objects: ObjectListing,
        queue: Queue,
        clock: PaceClock,
        per_second: float,
        is_dry: bool = False,
        again: Callable[[FileVersion], bool] | None = None,
        begin: Callable[[FileVersion, str], bool] = lambda file, feed: True,
    ) -> None:
        """`again` loads a known object again, and returns whether it did; without it, known objects are only counted.

        `begin` is called before the message of an object is sent; if it returns False, the object counts as known.
        """
        self.tally = Tally()
        self._feeds = feeds
        self._ledger = ledger
        self._objects = objects
        self._queue = queue
        self._clock = clock
        self._per_second = per_second
        self._due_s = 0.0
        self._is_dry = is_dry
        self._again = again
        self._begin = begin

    def run(self, bucket: str, prefix: str) -> Iterator[Tally]:
        """Look at each object under a prefix and send messages as needed; yield the tally after each object.

        Raises:
            ServiceFault: not all objects were looked at; the tally has what was sent.
        """
        for file, _ in self._objects.under(bucket, prefix):
            self._take(file)
            yield self.tally

    def _take(self, file: FileVersion) -> None:
        self.tally.seen += 1
        feed = self._feed_of(file.key)
        if self._feeds.ignores(file.key, file.size_bytes):
            self.tally.ignored += 1
        elif feed is None:
            self._refuse(file.key)
        elif not self._ledger.knows(file):
            self._load(file, feed)
        elif self._again is None:
            self.tally.known += 1
        else:
            self._load_again(file, self._again)

    def _load(self, file: FileVersion, feed: str) -> None:
        if not self._is_dry:
            self._wait()
            if not self._begin(file, feed):
                self.tally.known += 1
                return
            self._queue.send([body_of(WorkItem(file))], feed=feed)
        self.tally.sent += 1

    def _load_again(self, file: FileVersion, again: Callable[[FileVersion], bool]) -> None:
        if not self._is_dry:
            self._wait()
        if self._is_dry or again(file):
            self.tally.sent += 1
        else:
            self.tally.known += 1

    def _wait(self) -> None:
        """Wait until the next message is due. A delay is not made up for by sending faster."""
        pause_s = self._due_s - self._clock.monotonic_s()
        if pause_s > 0:
            self._clock.sleep(pause_s)
        self._due_s = self._clock.monotonic_s() + 1 / self._per_second

    def _feed_of(self, key: str) -> str | None:
        try:
            return self._feeds.for_key(key)[0]
        except NoFeed:
            return None

    def _refuse(self, key: str) -> None:
        self.tally.refused += 1
        if len(self.tally.first_refused) < REFUSED_SHOWN:
            self.tally.first_refused.append(key)
