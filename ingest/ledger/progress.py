"""The progress of files and segments, from their ledger entries."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ingest.contract import Status
from ingest.feeds.dialect import Csv
from ingest.ledger.row_counts import NOTHING, RowCounts
from ingest.ledger.work_item import Entry, is_open

COMPRESSED = (".gz", ".gzip", ".bz2", ".zst", ".zstd")  # judged by the key: the ledger does not have the bytes


@dataclass(frozen=True, slots=True)
class Progress:
    """A file's row counts so far, the share of its bytes that is done, its rows per second, its age since first seen.

    A value that is not known is None: for a compressed file, the share.
    """

    row_counts: RowCounts
    share: float | None
    rows_per_s: float | None
    age_s: float | None


def file_progress(entry: Entry, segments: Sequence[Entry], *, now_s: float, compressed: bool) -> Progress:
    """Return the progress of a file; `segments` are all of its segments if it is open and has any."""
    row_counts = _row_counts(entry, segments)
    begun_s = entry.first_seen_s
    return Progress(
        row_counts=row_counts,
        share=_share(entry, row_counts, compressed=compressed),
        rows_per_s=_rate(row_counts.rows_read, begun_s, now_s if entry.ended_s is None else entry.ended_s),
        age_s=None if begun_s is None else max(0.0, now_s - begun_s),
    )


def segment_share(entry: Entry) -> float:
    """Return the share of a segment's bytes that is done at its last checkpoint."""
    assert entry.work.segment is not None
    segment = entry.work.segment
    return entry.row_counts.bytes_read / max(1, segment.end_byte - segment.start.byte)


def may_be_compressed(key: str, csv: Csv | None) -> bool:
    """Return whether a file may be smaller than its text, by its feed's dialect and its name.

    >>> may_be_compressed("orders/a.csv.gz", Csv()), may_be_compressed("orders/a.csv", Csv())
    (True, False)
    """
    compression = csv.compression if csv else "auto"
    return key.lower().endswith(COMPRESSED) if compression == "auto" else compression != "none"


def _row_counts(entry: Entry, segments: Sequence[Entry]) -> RowCounts:
    """Return the sum of the segments' counts. The file's own entry was read earlier, with only ended segments."""
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
    """The files of a feed that ended on a day: their number by status, and sums of their row counts and `seconds`."""

    day: str
    feed: str
    statuses: Counter[str] = field(default_factory=Counter)
    row_counts: RowCounts = NOTHING
    seconds: float = 0.0

    def add(self, entry: Entry) -> None:
        """Count one more file."""
        self.statuses[entry.status] += 1
        self.row_counts = self.row_counts.plus(entry.row_counts)
        self.seconds += entry.seconds or 0.0

    @property
    def files(self) -> int:
        """The number of files that ended, without ignored objects."""
        return self.statuses.total() - self.ignored

    @property
    def ignored(self) -> int:
        """The number of objects that were ignored."""
        return self.statuses[Status.IGNORED]

    @property
    def failed(self) -> int:
        """The number of files that ended FAILED or UNBALANCED."""
        return self.statuses[Status.FAILED] + self.statuses[Status.UNBALANCED]


def by_day(ended: Iterable[tuple[str, Entry]]) -> Iterator[DayCount]:
    """Yield the counts of files that arrive in order of day, then feed; days and feeds without files yield nothing.

    Undos are not counted: the file that was undone is counted as UNDONE, with what it had written.
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
    """Return the sum of counts, as the day "total"."""
    whole = DayCount("total", "")
    for count in counts:
        whole.statuses.update(count.statuses)
        whole.row_counts = whole.row_counts.plus(count.row_counts)
    return whole
