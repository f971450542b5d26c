"""How far files and segments have come, by what the ledger holds about them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.contract import Status
from ingest.feeds.dialect import Csv
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import Entry, is_open

COMPRESSED = (".gz", ".gzip", ".bz2", ".zst", ".zstd")  # by the key alone: the ledger has not seen the bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """A file's row counts so far, the share of its bytes that is done, its rows a second, its age since first seen.

    What is not known is None: of a compressed file, how many bytes are still to come.
    """

    row_counts: RowCounts
    share: float | None
    rows_per_s: float | None
    age_s: float | None


def file_progress(entry: Entry, segments: Sequence[Entry], *, now_s: float, compressed: bool) -> Progress:
    """Return how far a file has come; `segments` are all of its own if it is open and has any."""
    row_counts = _row_counts(entry, segments)
    begun_s = entry.first_seen_s
    return Progress(
        row_counts=row_counts,
        share=_share(entry, row_counts, compressed=compressed),
        rows_per_s=_rate(row_counts.rows_read, begun_s, now_s if entry.ended_s is None else entry.ended_s),
        age_s=None if begun_s is None else max(0.0, now_s - begun_s),
    )


def segment_share(entry: Entry) -> float:
    """Return the share of a segment's bytes that is done, by its last checkpoint."""
    assert entry.work.segment is not None
    segment = entry.work.segment
    return entry.row_counts.bytes_read / max(1, segment.end_byte - segment.start.byte)


def may_be_compressed(key: str, csv: Csv | None) -> bool:
    """Return whether a file's size may be less than that of its text, by its feed's dialect and its name.

    >>> may_be_compressed("orders/a.csv.gz", Csv()), may_be_compressed("orders/a.csv", Csv())
    (True, False)
    """
    compression = csv.compression if csv else "auto"
    return key.lower().endswith(COMPRESSED) if compression == "auto" else compression != "none"


def _row_counts(entry: Entry, segments: Sequence[Entry]) -> RowCounts:
    """Add up the segments' row counts: the file's own count those that have ended, and were read a moment earlier."""
    if not segments or not is_open(entry.status):
        return entry.row_counts
    first = segments[0].work.segment
    row_counts = RowCounts(bytes_read=first.start.byte if first else 0)  # the header, which is in no segment
    for segment in segments:
        row_counts = row_counts.plus(segment.row_counts)
    return row_counts


def _share(entry: Entry, row_counts: RowCounts, *, compressed: bool) -> float | None:
    size = entry.work.file.size_bytes
    if entry.status == Status.COMPLETE:
        return 1.0
    if not size or compressed or row_counts.bytes_read > size:
        return None
    return row_counts.bytes_read / size


def _rate(rows: int, begun_s: float | None, until_s: float) -> float | None:
    return rows / (until_s - begun_s) if begun_s is not None and until_s > begun_s else None


@dataclass(slots=True)
class DayCount:
    """The files of a feed that ended on a day: how many in which way, their row counts and `seconds` together."""

    day: str
    feed: str
    statuses: Counter[str] = field(default_factory=Counter)
    row_counts: RowCounts = NOTHING
    seconds: float = 0.0

    def add(self, entry: Entry) -> None:
        """Count one more."""
        self.statuses[entry.status] += 1
        self.row_counts = self.row_counts.plus(entry.row_counts)
        self.seconds += entry.seconds or 0.0

    @property
    def files(self) -> int:
        """How many files ended; objects that were ignored are none."""
        return self.statuses.total() - self.ignored

    @property
    def ignored(self) -> int:
        """How many objects were not to be loaded."""
        return self.statuses[Status.IGNORED]

    @property
    def failed(self) -> int:
        """How many of them did not come to what they should: FAILED or UNBALANCED."""
        return self.statuses[Status.FAILED] + self.statuses[Status.UNBALANCED]


def by_day(ended: Iterable[tuple[str, Entry]]) -> Iterator[DayCount]:
    """Yield the counts of files that come day by day, and feed by feed in each; nothing for what had none.

    Undos are not counted: the file that one has undone is UNDONE, with what it had written.
    """
    count: DayCount | None = None
    for day, entry in ended:
        if entry.work.file.undo:
            continue
        if count is None or (count.day, count.feed) != (day, entry.feed):
            if count:
                yield count
            count = DayCount(day, entry.feed)
        count.add(entry)
    if count:
        yield count


def total(counts: Iterable[DayCount]) -> DayCount:
    """Return the sum of counts, under the name "total"."""
    whole = DayCount("total", "")
    for count in counts:
        whole.statuses.update(count.statuses)
        whole.row_counts = whole.row_counts.plus(count.row_counts)
    return whole
