"""The seam for formats: a file is opened by its feed's `format`, and read through `Reader`, whatever that is.

To add a format: a module with an opener, its line in `OPENERS`, its name in `Feed.format`. Where the format is text in
records, its reader is a `TextReader` with `columns`, `before_rows` and `parse`.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Protocol

from ingest.feeds.feed import Feed
from ingest.reading.blocks import Block, Chunk, Position, RawRecord
from ingest.reading.compression import RangeReader
from ingest.reading.csv_reader import open_csv
from ingest.reading.rows import Rows
from ingest.reading.segments import Segment


class Reader(Protocol):
    """A file that was opened."""

    start: Position  # where its rows begin
    position: Position  # where the block just yielded ends: reading that begins there yields the blocks that follow
    before_rows: bytes  # what stands before the rows, as UTF-8: a file of its rejects begins with it
    columns: tuple[str, ...]  # those known before the first row; a block of some formats has others (`Rows.columns`)

    @property
    def can_jump(self) -> bool:
        """Whether it can be read from any position on: segments of it can be loaded each on its own."""

    def blocks(
        self,
        position: Position,
        end_byte: int | None = None,
        *,
        at_end: bool = True,
        has_read: Callable[[int], None] = lambda byte_count: None,
    ) -> Iterator[Chunk]:
        """Yield blocks and bad records from a position on, to the end of the file or to a byte of it; once only.

        `at_end`: the file ends there. `has_read` is called with the bytes of each portion of text, also of the text
        before the position, where a file cannot jump there.
        """

    def parts(self, block: Block, most_bytes: int) -> Iterator[Block]:
        """Yield the records of a block as blocks of at most `most_bytes`; a longer record may make one larger."""

    def parse(self, block: Block, *, is_first: bool = False) -> Rows:
        """Return the rows of a block. `is_first`: none of the file, or of the segment, were read before.

        Raises:
            NotCsv: the first rows show that it is another kind of file than the feed says.
        """

    def segments(self, position: Position, segment_bytes: int) -> Iterator[Segment]:
        """Yield the segments from a position on, each as soon as it is known, for a file that can jump; once only."""

    def raw_records(self, block: Block, numbers: Collection[int]) -> Iterator[RawRecord]:
        """Yield the records of a block with these numbers, as they stand in the file, in its order."""

    def cells(self, records: list[bytes], column: str) -> list[str | None]:
        """Return a column's cells of `raw_records`, as they stand there even where they mean 'no value'; none at all
        where the records cannot be read alone.
        """

    def first_lines(self, block: Block, rows: Rows) -> list[int]:
        """Return the line each row of a block begins on."""

    def whole_records(self, data: bytes, *, at_start: bool, at_end: bool) -> tuple[int, int] | None:
        """Return where the whole records in bytes from anywhere in the file begin and end; None if it is not known.

        `at_start`: they begin where a record does; `at_end`: they end where the file does.
        """

    def close(self) -> None:
        """Stop reading."""


OPENERS: dict[str, Callable[[RangeReader, Feed, int | None], Reader]] = {"csv": open_csv}


def open_file(ranges: RangeReader, feed: Feed, *, block_bytes: int | None = None) -> Reader:
    """Return a file of a feed, opened. `block_bytes`: of a block, if not what the feed's records ask for.

    Raises:
        FileFault: it is not a file of the feed's format, or has no usable header.
    """
    return OPENERS[feed.format](ranges, feed, block_bytes)
