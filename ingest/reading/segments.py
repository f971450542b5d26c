"""Split a large plain file into segments while scanning it once. A segment is a run of chunks of the whole file.

So a splitter that begins at a segment's start yields the same blocks, bad records, lines and offsets as a splitter that
reads the whole file; `BlockSplitter.finish` handles the end of the segment.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.feeds.dialect import Csv
from ingest.reading.blocks import BlockSplitter, Position
from ingest.reading.grammar import end_of_line

SEGMENT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a file that begins and ends at record boundaries. `end` is the start of the next segment.

    Its bytes are [start.byte, end.byte) of the file.
    """

    start: Position
    end: Position

    @property
    def end_byte(self) -> int:
        """Where the segment ends, in the file."""
        return self.end.byte


def plan(text: Iterable[bytes], splitter: BlockSplitter, *, segment_bytes: int = SEGMENT_BYTES) -> Iterator[Segment]:
    """Yield the segments of the text from the splitter's state on, each as soon as it is known.

    A segment is as many chunks as fit into `segment_bytes`, and at least one: a bad record may be longer.
    Planning that restarts at any segment's end yields the same later segments.
    """
    start = end = splitter.state
    for portion in text:
        for _ in splitter.feed(portion):
            if end != start and splitter.state.byte - start.byte > segment_bytes:
                yield Segment(start, end)
                start = end
            end = splitter.state
    for _ in splitter.finish():
        pass  # the end of the file decides how its last chunks are cut: no segment ends between them
    if end != start and splitter.state.byte - start.byte > segment_bytes:
        yield Segment(start, end)
        start = end
    if splitter.state != start:
        yield Segment(start, splitter.state)


LEAST_BYTES = 1024 * 1024


def window_bytes(csv: Csv) -> int:
    """Return how many bytes to read at a place of a file: more than any record may have (`whole_records`)."""
    return max(LEAST_BYTES, csv.max_record_bytes + 64 * 1024)


def windows(start: int, end: int, *, window: int, budget: int) -> list[tuple[int, int]]:
    """Return byte ranges spread evenly over the bytes from `start` to `end`, including the first and the last ones.

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

    Without a quote or an escape in them, no cell can span these bytes: its record would be longer than the feed allows,
    and such a record ends with its first line. So each of their line ends is the end of a record. `at_start`: the bytes
    begin where a record does; `at_end`: they end where the file does.
    """
    if any(mark and mark.encode() in data for mark in (csv.quote, csv.escape)):
        return None
    begin = 0 if at_start else end_of_line(data, 0, len(data), at_end=False)
    end = len(data) if at_end else max(data.rfind(b"\n"), data.rfind(b"\r", 0, len(data) - 1)) + 1
    return (begin, end) if (at_start or begin) and begin < end else None
