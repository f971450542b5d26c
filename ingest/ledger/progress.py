"""How far files and segments have come, by what the ledger holds about them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.contract import Status
from ingest.feeds.dialect import Csv
from ingest.ledger.entry import Record
from ingest.ledger.row_counts import NOTHING, Books
from ingest.ledger.states import is_open

COMPRESSED = (".gz", ".gzip", ".bz2", ".zst", ".zstd")  # by the key alone: the ledger has not seen the bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """A file's books so far, the share of its bytes that is done, its rows a second, its age since it was first seen.

    What is not known is None: of a compressed file, how many bytes are still to come.
    """

    books: Books
    share: float | None
    rows_per_s: float | None
    age_s: float | None


def file_progress(record: Record, segments: Sequence[Record], *, now_s: float, compressed: bool) -> Progress:
    """Return how far a file has come; `segments` are all of its own if it is open and has any."""
    books = _books(record, segments)
    begun_s = record.first_seen_s
    return Progress(
        books=books,
        share=_share(record, books, compressed=compressed),
        rows_per_s=_rate(books.rows_read, begun_s, now_s if record.ended_s is None else record.ended_s),
        age_s=None if begun_s is None else max(0.0, now_s - begun_s),
    )


def segment_share(record: Record) -> float:
    """Return the share of a segment's bytes that is done, by its last checkpoint."""
    assert record.work.segment is not None
    segment = record.work.segment
    return record.books.bytes_read / max(1, segment.end_byte - segment.start.byte)


def may_be_compressed(key: str, csv: Csv | None) -> bool:
    """Return whether a file's size may be less than that of its text, by its feed's dialect and its name.

    >>> may_be_compressed("orders/a.csv.gz", Csv()), may_be_compressed("orders/a.csv", Csv())
    (True, False)
    """
    compression = csv.compression if csv else "auto"
    return key.lower().endswith(COMPRESSED) if compression == "auto" else compression != "none"


def _books(record: Record, segments: Sequence[Record]) -> Books:
    """Add up the segments' books: the file's own count those that have ended, and were read a moment earlier."""
    if not segments or not is_open(record.status):
        return record.books
    first = segments[0].work.segment
    books = Books(bytes_read=first.start.byte if first else 0)  # the head, which is in no segment
    for segment in segments:
        books = books.plus(segment.books)
    return books


def _share(record: Record, books: Books, *, compressed: bool) -> float | None:
    size = record.work.file.size_bytes
    if record.status == Status.COMPLETE:
        return 1.0
    if not size or compressed or books.bytes_read > size:
        return None
    return books.bytes_read / size


def _rate(rows: int, begun_s: float | None, until_s: float) -> float | None:
    return rows / (until_s - begun_s) if begun_s is not None and until_s > begun_s else None


@dataclass(slots=True)
class DayCount:
    """The files of a feed that ended on a day: how many in which way, and their books together."""

    day: str
    feed: str
    statuses: Counter[str] = field(default_factory=Counter)
    books: Books = NOTHING

    def add(self, record: Record) -> None:
        """Count one more."""
        self.statuses[record.status] += 1
        self.books = self.books.plus(record.books)

    @property
    def files(self) -> int:
        """How many files ended."""
        return self.statuses.total()

    @property
    def failed(self) -> int:
        """How many of them did not come to what they should: FAILED or UNBALANCED."""
        return self.statuses[Status.FAILED] + self.statuses[Status.UNBALANCED]


def by_day(ended: Iterable[tuple[str, Record]]) -> Iterator[DayCount]:
    """Yield the counts of files that come day by day, and feed by feed in each; nothing for what had none."""
    count: DayCount | None = None
    for day, record in ended:
        if count is None or (count.day, count.feed) != (day, record.feed):
            if count:
                yield count
            count = DayCount(day, record.feed)
        count.add(record)
    if count:
        yield count


def total(counts: Iterable[DayCount]) -> DayCount:
    """Return the sum of counts, under the name "total"."""
    whole = DayCount("total", "")
    for count in counts:
        whole.statuses.update(count.statuses)
        whole.books = whole.books.plus(count.books)
    return whole
