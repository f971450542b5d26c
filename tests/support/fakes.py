"""Stand-ins for the world outside the pipeline: they remember what they were given and fail as scripted."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from ingest.aws.clock import digits, iso
from ingest.contract import DUPLICATE, Skipped
from ingest.dynamodb.item_writer import Heartbeat, Taken, WriteResult, not_noted
from ingest.dynamodb.write_stats import WriteStats
from ingest.errors import IngestError, ServiceFault
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.file import FileVersion
from ingest.items.items import Items, Refusal
from ingest.ledger.claims import Outcome
from ingest.metrics.emf import Value, emf_line
from ingest.reading.compression import RangeReader
from ingest.reading.reader import Reader, open_file
from ingest.rejects.reject import DuplicateRow, Reject
from tests.support.items import python_items

Item = dict[str, Any]


class FakeTable:
    """A table as an `ItemWriter`: the last item put under a key stays.

    `refuse` says which items it never takes; `fail_after` is how many calls succeed before an `error`. With a `version`
    an item is only put where that attribute is not greater: it is text, up to its last "#" the file's.
    """

    def __init__(
        self,
        *,
        refuse: Callable[[Item], bool] = lambda item: False,
        fail_after: int | None = None,
        error: IngestError | None = None,
        requests_a_call: int = 0,
        version: str | None = None,
    ) -> None:
        self.version = version
        self.requests_a_call = requests_a_call
        self.items: dict[tuple[Any, ...], Item] = {}
        self.stats = WriteStats()
        self.calls: list[int] = []
        self._refuse = refuse
        self._fail_after = fail_after
        self._error = error or ServiceFault("The table fails, as scripted.")

    def write(self, items: Items, heartbeat: Heartbeat, taken: Taken = not_noted) -> WriteResult:
        if self._fail_after is not None and len(self.calls) >= self._fail_after:
            raise self._error
        self.calls.append(len(items))
        self.stats = self.stats.plus(WriteStats(requests=self.requests_a_call))
        refusals = []
        seen = set()
        skipped: dict[str, list[int]] = {}
        for row, item in enumerate(python_items(items)):
            key = tuple(item[attribute.name] for attribute in items.keys)
            assert key not in seen, f"the same key twice in one call: {key}"
            seen.add(key)
            if self._refuse(item):
                refusals.append(Refusal(row, "refused, as scripted"))
            elif why := self._newer(key, item):
                skipped.setdefault(why, []).append(row)
            else:
                self.items[key] = item
        return WriteResult(refusals, skipped)

    def undo(self, items: Items, attribute: str) -> WriteResult:
        """Delete the items that name the same file by an attribute; skip the others."""
        skipped: dict[str, list[int]] = {}
        for row, item in enumerate(python_items(items)):
            key = tuple(item[attribute.name] for attribute in items.keys)
            stored = self.items.get(key)
            if stored and self._names_same_file(stored.get(attribute), item[attribute]):
                del self.items[key]
            else:
                skipped.setdefault(Skipped.REPLACED if stored else Skipped.ABSENT, []).append(row)
        return WriteResult(skipped=skipped)

    def _names_same_file(self, theirs: Any, ours: Any) -> bool:
        return str(theirs).rpartition("#")[0] == str(ours).rpartition("#")[0]

    def _newer(self, key: tuple[Any, ...], item: Item) -> str:
        """Return why an item is not put, as the table has a newer one; nothing if it has not."""
        theirs, ours = (str(one.get(self.version or "", "")) for one in (self.items.get(key, {}), item))
        if self.version is None or theirs <= ours:
            return ""
        return DUPLICATE if theirs.rpartition("#")[0] == ours.rpartition("#")[0] else Skipped.OLDER


class RecordingRejects:
    """A `FileRejects` in memory."""

    def __init__(self, url: str = "s3://rejects/file/") -> None:
        self.taken: list[Reject] = []
        self.duplicates: list[DuplicateRow] = []
        self.durable = 0
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def begin(self, head: bytes, csv: Csv) -> None:
        self.head = head

    def add(self, rejects: list[Reject]) -> None:
        self.taken += rejects

    def add_duplicates(self, duplicates: list[DuplicateRow]) -> None:
        self.duplicates += duplicates

    def flush(self) -> None:
        self.durable = len(self.taken)

    def close(self) -> None:
        self.flush()


@dataclass
class ScriptedClock:
    """Time that passes only by a test, or by `tick_s` whenever it is asked for; chance that is always the same."""

    time_s: float = 1_000_000.0
    tick_s: float = 0.0
    luck: float = 0.5
    sleeps: list[float] = field(default_factory=list)
    names: int = 0

    def now_s(self) -> float:
        self.time_s += self.tick_s
        return self.time_s

    def monotonic_s(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time_s += seconds

    def chance(self) -> float:
        return self.luck

    def unique(self) -> str:
        self.names += 1
        return f"w{self.names}"


class FakeObjects:
    """Objects by key, read in portions of `portion` bytes. A key may be scripted to end in an error after some."""

    def __init__(self, contents: dict[str, bytes], *, portion: int = 7) -> None:
        self.contents = contents
        self.breaks: dict[str, tuple[int, Exception]] = {}
        self.changed_s: dict[str, float] = {}
        self._portion = portion

    def find(self, file: FileVersion) -> FileVersion:
        return replace(file, size_bytes=len(self.contents.get(file.key, b"")), etag=file.etag or "e")

    def portions(
        self, file: FileVersion, start: int = 0, end: int | None = None, *, ahead: int = 0
    ) -> Generator[bytes, None, None]:
        after, error = self.breaks.get(file.key, (None, None))
        for number, portion in enumerate(cut(self.contents[file.key][start:end], self._portion)):
            if error and number == after:
                raise error
            yield portion

    def is_readable(self, file: FileVersion) -> bool:
        return file.key in self.contents and file.key not in self.breaks

    def under(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[tuple[FileVersion, float]]:
        for key, data in sorted(self.contents.items()):
            if key.startswith(prefix) and key > after:
                changed_s = self.changed_s.get(key, 0.0)
                changed = digits(changed_s) if changed_s else None
                time = iso(changed_s)
                yield (
                    FileVersion(bucket, key, etag="e", size_bytes=len(data), event_time=time, changed=changed),
                    changed_s,
                )


@dataclass
class RecordingMetrics:
    """A `MetricSink`; `sums` adds up the counts that were put for a feed."""

    lines: list[tuple[str, dict[str, Value]]] = field(default_factory=list)

    def put(self, feed: str, values: Mapping[str, Value]) -> None:
        assert emf_line("stack", feed, values, at_s=0)  # what could not be written fails the test
        self.lines.append((feed, dict(values)))

    def sums(self, feed: str) -> dict[str, float]:
        totals: dict[str, float] = {}
        for name, values in self.lines:
            for metric, value in values.items() if name == feed else ():
                if isinstance(value, (int, float)):
                    totals[metric] = totals.get(metric, 0) + value
        return totals


@dataclass(frozen=True)
class SentMessage:
    """A message as it was put in the queue."""

    body: str
    hops: int = 0
    stalls: int = 0
    delay_s: int = 0
    feed: str | None = None


@dataclass
class RecordingQueue:
    """A queue that keeps what is put in it; fails with `error`."""

    sent: list[SentMessage] = field(default_factory=list)
    error: IngestError | None = None

    def send(
        self, bodies: Iterable[str], *, feed: str | None, hops: int = 0, stalls: int = 0, delay_s: int = 0
    ) -> None:
        if self.error:
            raise self.error
        self.sent += [SentMessage(body, hops, stalls, delay_s, feed) for body in bodies]

    def waiting(self) -> int:
        return len(self.sent)


@dataclass
class RecordingEvents:
    """An `EventSink`; fails with `error`."""

    reported: list[tuple[FileVersion, str, Outcome]] = field(default_factory=list)
    error: IngestError | None = None

    def file_ended(self, file: FileVersion, feed: str, outcome: Outcome) -> None:
        if self.error:
            raise self.error
        self.reported.append((file, feed, outcome))


@dataclass
class RecordingDeadLetters:
    """A `DeadLetters`; fails with `error`."""

    dead_lettered: list[tuple[str, str, str]] = field(default_factory=list)
    error: IngestError | None = None

    def dead_letter(self, body: str, *, code: str, reason: str) -> None:
        if self.error:
            raise self.error
        self.dead_lettered.append((body, code, reason))


def no_heartbeat() -> None:
    """The heartbeat of a test that has no lease to keep."""


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Yield the bytes in portions."""
    return (data[at : at + size] for at in range(0, len(data), size))


def reading(data: bytes | Iterator[bytes], portion: int) -> RangeReader:
    """Return what reads these bytes in portions of that size; an iterator can be read once, from its beginning."""
    if isinstance(data, bytes):
        return lambda start, end: cut(data[start:end], portion)
    return lambda start, end: data


def opened(data: bytes, csv: Csv, *, portion: int = 4096, block_bytes: int | None = None) -> Reader:
    """Return a CSV file with these bytes, opened."""
    return open_file(reading(data, portion), Feed("f/", "Table", "id", csv=csv), block_bytes=block_bytes)


def plain(items: Iterable[Item]) -> list[Item]:
    """Return items with numbers as text, for comparing spelling and value alike."""
    return [{name: str(v) if isinstance(v, Decimal) else v for name, v in item.items()} for item in items]
