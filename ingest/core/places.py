"""Where to read a sample of a plain file, so that what is read are whole records for certain."""

from ingest.core.grammar import end_of_line
from ingest.dialect import Csv

LEAST_BYTES = 1024 * 1024


def window_bytes(csv: Csv) -> int:
    """Return how much to read at a place: more than any record may have (`whole_records`)."""
    return max(LEAST_BYTES, csv.max_record_bytes + 64 * 1024)


def windows(start: int, end: int, *, window: int, budget: int) -> list[tuple[int, int]]:
    """Return places spread evenly over the bytes from `start` to `end`, the first and the last of them included.

    >>> windows(10, 1000, window=100, budget=320)
    [(10, 110), (455, 555), (900, 1000)]
    """
    count = min(budget, end - start) // window
    if count < 2:
        return []
    step = (end - start - window) / (count - 1)
    return [(start + round(n * step), start + round(n * step) + window) for n in range(count)]


def whole_records(data: bytes, csv: Csv, *, at_start: bool, at_end: bool) -> tuple[int, int] | None:
    """Return where the whole records in bytes from anywhere in a file begin and end; None if that is not known.

    Without a quote or an escape in them, no cell can span these bytes: it would make a record longer than the feed
    allows, which is given up at the end of its first line. So their line ends are those of records. `at_start`: they
    begin where a record does; `at_end`: they end where the file does.
    """
    if any(mark and mark.encode() in data for mark in (csv.quote, csv.escape)):
        return None
    begin = 0 if at_start else end_of_line(data, 0, len(data), at_end=False)
    end = len(data) if at_end else max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
    return (begin, end) if (at_start or begin) and begin < end else None
