"""The format interface: a file is opened according to its feed's `format`; all formats are read through `Reader`.

To add a format, write a module with an opener, list it in `OPENERS`, and add its name to `Feed.format`. If the format
is text in records, its reader is a subclass of `TextReader` with `columns`, `before_rows` and `parse`.
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
    """An open file."""

    start: Position  # where its rows begin
    position: Position  # where the block just yielded ends: reading that begins there yields the blocks that follow
    before_rows: bytes  # everything before the rows, as UTF-8: a file of its rejects begins with it
    columns: tuple[str, ...]  # those known before the first row; a block of some formats has others (`Rows.columns`)

    @property
    def can_jump(self) -> bool:
        """Whether reading can start at any position, so that each segment can be loaded on its own."""

    def blocks(
        self,
        position: Position,
        end_byte: int | None = None,
        *,
        at_end: bool = True,
        has_read: Callable[[int], None] = lambda byte_count: None,
    ) -> Iterator[Chunk]:
        """Yield blocks and bad records from a position to the end of the file or to `end_byte`. Call it only once.

        `at_end`: the file ends there. `has_read` is called with the size in bytes of each portion of text that is read,
        including the text before the position if the file cannot jump there.
        """

    def parts(self, block: Block, most_bytes: int) -> Iterator[Block]:
        """Yield the records of a block as blocks of at most `most_bytes`; a longer record may make one larger."""

    def parse(self, block: Block, *, is_first: bool = False) -> Rows:
        """Return the rows of a block. `is_first`: no rows of the file, or of the segment, were read before.

        Raises:
            NotCsv: the first rows show that it is another kind of file than the feed says.
        """

    def segments(self, position: Position, segment_bytes: int) -> Iterator[Segment]:
        """Yield the segments from a position on, each once it is known, of a file that can jump. Call it only once."""

    def raw_records(self, block: Block, numbers: Collection[int]) -> Iterator[RawRecord]:
        """Yield the records of a block with these numbers, as they are in the file and in its order."""

    def cells(self, records: list[bytes], column: str) -> list[str | None]:
        """Return a column's cells in `raw_records`, as written there even where they mean 'no value'; an empty list if
        the records cannot be read alone.
        """

    def first_lines(self, block: Block, rows: Rows) -> list[int]:
        """Return the line each row of a block begins on."""

    def whole_records(self, data: bytes, *, at_start: bool, at_end: bool) -> tuple[int, int] | None:
        """Return where the whole records in bytes from anywhere in the file begin and end; None if it is not known.

        `at_start`: the bytes begin where a record does; `at_end`: they end where the file does.
        """

    def close(self) -> None:
        """Stop reading."""


OPENERS: dict[str, Callable[[RangeReader, Feed, int | None], Reader]] = {"csv": open_csv}


def open_file(ranges: RangeReader, feed: Feed, *, block_bytes: int | None = None) -> Reader:
    """Return an open file of a feed. `block_bytes` is the block size; by default it depends on the feed's record limit.

    Raises:
        FileFault: it is not a file of the feed's format, or has no usable header.
    """
    return OPENERS[feed.format](ranges, feed, block_bytes)
