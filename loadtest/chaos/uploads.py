"""What is dropped and notified, with its known outcome: files with an oracle each, poison, and lost messages."""

import gzip
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ingest.contract import Status
from loadtest.chaos.rows import HEADER, Oracle, RowMaker
from loadtest.chaos.settings import MB, NO_FEED_PREFIX, PREFIX, ChaosSettings
from loadtest.harness.queue import s3_notification

MOST_GZIP_BYTES = 12 * MB
FILE_KINDS = {"plain": 60, "gzip": 15, "overwritten": 10, "deleted": 3, "poison file": 8, "poison message": 4}
NEWS = {"once": 50, "twice": 20, "late": 20, "never": 5, "found first": 5}
ALWAYS, PERHAPS = frozenset({Status.COMPLETE}), frozenset({Status.COMPLETE, Status.SUPERSEDED, ""})


class UploadTarget(Protocol):
    """Takes objects and messages."""

    bucket: str

    def drop(self, key: str, data: bytes) -> str:
        """Put an object; return its eTag."""

    def delete(self, key: str) -> None:
        """Delete an object."""

    def send(self, *bodies: str) -> None:
        """Put messages in the queue."""


@dataclass(slots=True)
class Version:
    """One version of one object: how it may end ("" is: no one looks at it), and the known outcome of its rows."""

    key: str
    etag: str
    size: int
    may_end: frozenset[str]
    is_gzip: bool = False
    oracle: Oracle = field(default_factory=Oracle)


class Dropper:
    """Drops one thing after another, as a seed says, and remembers all of it."""

    def __init__(self, stack_client: UploadTarget, settings: ChaosSettings, now_s: Callable[[], float]) -> None:
        self.versions: list[Version] = []
        self.poison: set[str] = set()
        self.counts = dict.fromkeys([*FILE_KINDS, *(f"notified {news}" for news in NEWS)], 0)
        self._stack_client, self._settings, self._now_s = stack_client, settings, now_s
        self._chance = random.Random(settings.seed)
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._order, self._numbers, self._sequence = itertools.count(), itertools.count(1), itertools.count(1)

    @property
    def has_more(self) -> bool:
        """Whether something is still to be done later."""
        return bool(self._later)

    def do_what_is_due(self) -> None:
        """Do what was put off until now."""
        while self._later and self._later[0][0] <= self._now_s():
            heapq.heappop(self._later)[2]()

    def drop(self) -> None:
        """Drop one more thing."""
        kind = self._chance.choices(list(FILE_KINDS), FILE_KINDS.values())[0]  # type: ignore[arg-type]
        self.counts[kind] += 1
        if kind == "poison message":
            self._send_poison(next(self._numbers))
        elif kind == "poison file":
            self._drop_poison(next(self._numbers))
        else:
            self.drop_rows(kind)

    def drop_rows(self, kind: str, *, news: str | None = None) -> None:
        """Drop a file with rows: plain, gzip, overwritten or deleted. `news`: how S3 notifies of it; else by chance."""
        number = next(self._numbers)
        key = f"{PREFIX}{number:04d} file+{kind}.csv"
        size = self._chance.choice(self._settings.sizes)
        if kind == "gzip":
            size = min(size, MOST_GZIP_BYTES)
        is_whole = kind in ("plain", "gzip")
        self._put_rows(key, f"f{number}v1", size, ALWAYS if is_whole else PERHAPS, news, is_gzip=kind == "gzip")
        if not is_whole:
            self._do_later(self._chance.uniform(0.5, 15), lambda: self._replace(key, number, kind))

    def _replace(self, key: str, number: int, kind: str) -> None:
        if kind == "deleted":
            self._stack_client.delete(key)
        else:
            size = self._chance.choice(self._settings.sizes)
            self._put_rows(key, f"f{number}v2", size, ALWAYS, None, is_gzip=False)

    def _put_rows(
        self, key: str, name: str, size: int, may_end: frozenset[str], news: str | None, *, is_gzip: bool
    ) -> None:
        maker = RowMaker(name, self._chance.randrange(1 << 32))
        data = b"".join(maker.until(size))
        data = gzip.compress(data, 1, mtime=0) if is_gzip else data
        etag = self._stack_client.drop(key, data)
        self.versions.append(Version(key, etag, len(data), may_end, is_gzip, maker.oracle))
        self._report(key, etag, len(data), news)

    def _drop_poison(self, number: int) -> None:
        """Drop a file that can never be loaded. A notification is sent, and its size is small."""
        content, prefix = self._chance.choice(
            [
                (b"\x00\x01\x02" * 500, PREFIX),
                (b"", PREFIX),
                (b"quite,another,header\n1,2,3\n", PREFIX),
                (HEADER.encode() + b"1,2,3,4,5,true,x\n", NO_FEED_PREFIX),
            ]
        )
        key = f"{prefix}{number:04d}-poison.csv"
        etag = self._stack_client.drop(key, content)
        self.versions.append(Version(key, etag, len(content), frozenset({Status.FAILED})))
        self._report(key, etag, len(content), news="twice")

    def _send_poison(self, number: int) -> None:
        body = self._chance.choice(['{"ingest": "dance", "number": %d}', "no JSON %d", '{"Records": [{"number": %d}]}'])
        self.poison.add(body % number)
        self._stack_client.send(body % number)

    def _report(self, key: str, etag: str, size: int, news: str | None = None) -> None:
        """Send notifications of an object as S3 does on a bad day: twice, late, or never."""
        news = news or self._chance.choices(list(NEWS), NEWS.values())[0]  # type: ignore[arg-type]
        self.counts[f"notified {news}"] += 1
        body = s3_notification(
            self._stack_client.bucket, key, sequencer=f"{next(self._sequence):016X}", etag=etag, size=size
        )
        delays = {
            "once": [0.0],
            "twice": [0.0, self._chance.uniform(0, 10)],
            "late": [self._chance.uniform(1, 15)],
            "never": [],
            "found first": [self._settings.stuck_s + 2 * self._settings.reconcile_every_s],
        }[news]
        for delay in delays:
            self._do_later(delay, lambda: self._stack_client.send(body))

    def _do_later(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._later, (self._now_s() + seconds, next(self._order), action))
