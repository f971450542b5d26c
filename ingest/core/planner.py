"""A large plain file -> segments, while it is scanned once. A segment is a run of the pieces of the whole file.

Cut on its own, by a cutter that begins at its start, a segment therefore gives the blocks, bad records, lines and
offsets that the file gives in one go; `ingest.core.cutter` says what ends it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.core.charset import Charset
from ingest.core.cutter import BLOCK_BYTES, START, CutState, Cutter
from ingest.core.decoding import find_codec
from ingest.core.grammar import Grammar
from ingest.dialect import Csv

SEGMENT_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a file that begins and ends where records do. `end` is the start of the next one.

    Its bytes are [start.byte, end.byte) of the file.
    """

    start: CutState
    end: CutState

    @property
    def end_byte(self) -> int:
        """Where the segment ends, in the file."""
        return self.end.byte


def is_splittable(csv: Csv, first_bytes: bytes) -> bool:
    """Return whether a file can be read from the middle: segments of it can be loaded each on its own.

    >>> is_splittable(Csv(encoding="cp1252"), b"a,b"), is_splittable(Csv(), b"\\x1f\\x8b\\x08")
    (True, False)
    """
    is_plain = csv.compression == "none" or (csv.compression == "auto" and find_codec(first_bytes) is None)
    return is_plain and not csv.footer_lines and Charset(csv).is_seekable


def cutter_for(csv: Csv, state: CutState = START, *, block_bytes: int | None = None) -> Cutter:
    """Return the cutter of a feed's files. Planner and loader must cut alike: both take it from here."""
    charset = Charset(csv)
    return Cutter(
        Grammar(charset.csv),
        state=state,
        block_bytes=block_bytes or max(BLOCK_BYTES, csv.max_record_bytes),
        record_bytes=csv.max_record_bytes,
        measure=charset.size,
    )


def plan(text: Iterable[bytes], cutter: Cutter, *, segment_bytes: int = SEGMENT_BYTES) -> Iterator[Segment]:
    """Yield the segments of the text from the cutter's state on, each as soon as it is known.

    A segment is as long as pieces fit into `segment_bytes`, and at least one piece: a bad record may be longer.
    Planning that begins again at any segment's end yields the same later segments.
    """
    start = end = cutter.state
    for portion in text:
        for _ in cutter.feed(portion):
            if end != start and cutter.state.byte - start.byte > segment_bytes:
                yield Segment(start, end)
                start = end
            end = cutter.state
    for _ in cutter.finish():
        pass  # the end of the file decides how its last pieces are cut: no segment ends between them
    if end != start and cutter.state.byte - start.byte > segment_bytes:
        yield Segment(start, end)
        start = end
    if cutter.state != start:
        yield Segment(start, cutter.state)
