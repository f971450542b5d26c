"""The main loop: a file's text -> blocks -> rows -> items -> table and rejects. All I/O is behind Protocols."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice

from ingest.dynamodb.item_writer import Heartbeat, ItemWriter, ResumableWriter
from ingest.errors import FileFault, InternalFault, ObjectArchived, ObjectSuperseded, TooManyDuplicates, TooManyRejects
from ingest.feeds.feed import Feed
from ingest.items.duplicates import (
    WINDOW_BYTES,
    DuplicateKeyWindow,
    KeyHashes,
    LinesOf,
    replacements,
)
from ingest.items.fold import fold
from ingest.items.items import Items, build_items
from ingest.items.mapping import Mapping, map_columns
from ingest.ledger.row_counts import RowCounts, all_rows_rejected
from ingest.ledger.work_item import Checkpoint
from ingest.reading.blocks import RULES, START, BadRecord, Block, Chunk, Position
from ingest.reading.compression import RangeReader
from ingest.reading.grammar import count_lines
from ingest.reading.reader import Reader, open_file
from ingest.reading.rows import Origin, Rows, with_lineage
from ingest.reading.segments import Segment
from ingest.rejects.reject import (
    CELL_BYTES,
    KEPT_DUPLICATES,
    LOCATED,
    RejectCells,
    from_bad_record,
    lines_of,
    locate,
    locate_duplicates,
)
from ingest.worker.ports import RejectSink
from ingest.worker.written import write_items

PART_LINES = 100_000  # lines of a block that are converted to columns and objects at a time
PART_BYTES = 4 * 1024 * 1024
HEARTBEAT_BYTES = 1024 * 1024  # a heartbeat is sent each time that this much text is read


class EnoughRowsError(Exception):
    """A preview has as many rows as it needs."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes by which a file is cut, in bytes. All workers that load or split one file must use the same.

    `block`: size of a block; None for the size that the feed's records need. `cell`: rejects are written, and a
    checkpoint is possible, where the load crosses a multiple of this. `window`: keys are compared within this
    (`DuplicateKeyWindow`). `rules`: the version of the code that cuts.
    """

    block: int | None = None
    cell: int = CELL_BYTES
    window: int = WINDOW_BYTES
    rules: int = RULES


class SeenRanges:
    """Reads ranges of an object; `end_byte` is the furthest byte read so far."""

    def __init__(self, read: RangeReader) -> None:
        self.end_byte = 0
        self._read = read

    def __call__(self, start: int, end: int | None) -> Iterator[bytes]:
        """Yield the bytes of a range."""
        at, portions = start, self._read(start, end)
        try:
            for portion in portions:
                at += len(portion)
                self.end_byte = max(self.end_byte, at)
                yield portion
        finally:
            getattr(portions, "close", lambda: None)()


class Load:
    """Loads one file, `file` by its URL, or a segment of it; the age of items counts from `now_s` (epoch).

    `file_id` and `order` are what items say of the file (`Origin`); they are empty if items do not have them.

    `row_counts` is correct at any moment, also after an error: what it counts is durable or superseded. `checkpoint` is
    where another load can continue: it produces the same pieces, counts and rejects as a single load would have, and
    does not resend what was written by then, even within a block that takes long on a slow table. `has_moved`: the
    checkpoint has moved since this load began. `check_table` is called before the first row, with the mapping of the
    columns. `ends_early`: a file with too many rejects, or with rejects only, is not read to its end. `bytes_seen` is
    how far the object was read, where the row counts do not have that: for a compressed or transcoded file or one with
    a footer, which must be read from its beginning.

    Peak memory, whatever the rows: about four blocks, two portions, 120 MB while 100,000 rows, or 4 MiB of them, are
    columns, items and rejects, and 16 MB for a window's keys (`DuplicateKeyWindow`), with its text where records have
    several lines. With the interpreter's own, less than 350 MB at the largest `max_record_bytes` (tests/e2e).
    """

    def __init__(
        self,
        *,
        feed: Feed,
        writer: ItemWriter,
        rejects: RejectSink,
        file: str = "",
        file_id: str = "",
        order: str = "",
        now_s: float = 0.0,
        check_table: Callable[[Mapping], None] = lambda mapping: None,
        ends_early: bool = True,
        heartbeat: Heartbeat = lambda: None,
        before_block: Callable[[], None] = lambda: None,
        after_block: Callable[[RowCounts], None] = lambda row_counts: None,
        at_checkpoint: Callable[[Checkpoint], None] = lambda checkpoint: None,
        sizes: Sizes | None = None,
    ) -> None:
        self.row_counts = RowCounts()
        self._checkpoint: Checkpoint | None = None
        self._has_moved = False
        self.bytes_seen: int | None = None
        self._is_beginning = True
        self._read_bytes = 0
        self._behind: int | None = None  # bytes of text before the checkpoint it began at, while it is read again
        self._feed = feed
        self._writer = ResumableWriter(writer)
        self._rejects = rejects
        self._origin = Origin(file, file_id, order)
        self._check_table = check_table
        self._ends_early = ends_early
        self._heartbeat = heartbeat
        self._before_block = before_block
        self._after_block = after_block
        self._at_checkpoint = at_checkpoint
        self._sizes = sizes or Sizes()
        self._mapping = lru_cache(maxsize=8)(partial(map_columns, feed, now_s=now_s))
        self._window = self._window_at(START)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """Where another load can continue now; None before `run`. Correct at any moment, also during a write."""
        return replace(self._checkpoint, written=self._writer.written) if self._checkpoint else None

    @property
    def has_moved(self) -> bool:
        """Whether the checkpoint has moved since this load began."""
        return self._has_moved or self._writer.has_written

    def run(
        self,
        read: RangeReader,
        segment: Segment | None = None,
        checkpoint: Checkpoint | None = None,
        *,
        at_end: bool = True,
    ) -> RowCounts:
        """Load a file or a segment, from its beginning or from a checkpoint; return its row counts.

        `at_end`: the segment's end is the end of the file.

        Raises:
            FileFault: the file can never be loaded as it is.
            ServiceFault: raised by a callback or a service; a later try may succeed.
        """
        if checkpoint:  # first: the counts must be correct even if opening the file fails
            self._begin(checkpoint)
        ranges = SeenRanges(read)
        reader = open_file(ranges, self._feed, block_bytes=self._sizes.block)
        self._check_table(self._mapping(reader.columns))  # raises for a wrong header or table
        self._rejects.begin(reader.before_rows, self._feed.csv)
        self._is_beginning = segment is None or segment.start.byte == reader.start.byte
        begun = checkpoint or self._beginning(reader, segment)
        self._begin(begun)
        try:
            end_byte = segment.end_byte if segment else None
            blocks = reader.blocks(begun.window, end_byte, at_end=at_end, has_read=self._note_read)
            self._behind = None if reader.can_jump else begun.at.text_byte - reader.start.text_byte
            self._take_all(reader, blocks, begun)
            self._check_limit(at_end=segment is None)
        except (ObjectSuperseded, ObjectArchived):  # not closed: partial rejects might replace another's
            self.row_counts = self._checkpoint.row_counts if self._checkpoint else begun.row_counts
            raise
        except FileFault:  # every worker finds it at the same place, with the same rejects
            self._rejects.close()
            raise
        finally:  # free the window's keys and text: a reference cycle may keep this object for its row counts
            self._window = self._window_at(START)
        self._rejects.close()
        self.bytes_seen = None if reader.can_jump else ranges.end_byte
        return self.row_counts

    def _begin(self, begun: Checkpoint) -> None:
        self.row_counts, self._checkpoint, self._window = begun.row_counts, begun, self._window_at(begun.window)
        self._writer.begin(begun.written)

    def _beginning(self, reader: Reader, segment: Segment | None) -> Checkpoint:
        if segment is not None:
            return Checkpoint(segment.start, segment.start, RowCounts())
        return Checkpoint(reader.start, reader.start, RowCounts(bytes_read=reader.start.byte))

    def _take_all(self, reader: Reader, blocks: Iterator[Chunk], begun: Checkpoint) -> None:
        place = begun.window
        for chunk in blocks:
            self._before_block()
            if chunk.first_byte < begun.at.byte:
                self._remember(chunk, (place, reader.position), reader)
                _refuse_other_cut(begun.at, reader.position)
            else:
                self._behind = None
                self._take(chunk, (place, reader.position), reader)
                self._after_block(self.row_counts)
                self._check_limit()
                self._pass(place, reader.position)
            place = reader.position

    def _note_read(self, byte_count: int) -> None:
        """Send a heartbeat per MiB of text read. Reading up to a checkpoint, or an endless line, may take long."""
        before, self._read_bytes = self._read_bytes, self._read_bytes + byte_count
        if before // HEARTBEAT_BYTES != self._read_bytes // HEARTBEAT_BYTES:
            self._heartbeat()

    @property
    def share_read_again(self) -> float | None:
        """How much of the text before the checkpoint has been read again, from 0 to 1, for a file that needs this.

        None once the load has reached its checkpoint, or if it began without one or can jump to it.
        """
        return min(1.0, self._read_bytes / self._behind) if self._behind else None

    def _pass(self, before: Position, after: Position) -> None:
        """Make rejects durable and move the checkpoint where a piece crosses into another cell of the file."""
        if not RejectCells(self._sizes.cell).has_boundary(before.byte, after.byte):
            return
        self._rejects.flush()
        reached = Checkpoint(after, self._window.start, self.row_counts)
        self._checkpoint, self._has_moved = reached, True
        self._writer.begin()
        self._at_checkpoint(reached)

    def _window_at(self, place: Position) -> DuplicateKeyWindow:
        return DuplicateKeyWindow(place, window_bytes=self._sizes.window)

    def _take(self, chunk: Chunk, ends: tuple[Position, Position], reader: Reader) -> None:
        if isinstance(chunk, BadRecord):
            self._rejects.add([from_bad_record(chunk)])
            self.row_counts = self.row_counts.plus(RowCounts(rows_read=1, rows_rejected=1, bytes_read=chunk.byte_count))
        else:
            self._take_block(chunk, ends, reader)

    def _take_block(self, block: Block, ends: tuple[Position, Position], reader: Reader) -> None:
        are_all_taken = True
        for part, line_count in self._parts(block, ends, reader):
            are_all_taken = self._take_part(part, line_count, reader) and are_all_taken
        if not are_all_taken:  # a load from a checkpoint could not know which keys are in the table
            self._window = self._window_at(ends[1])

    def _parts(self, block: Block, ends: tuple[Position, Position], reader: Reader) -> Iterator[tuple[Block, int]]:
        """Yield parts of a block and their numbers of lines. The rows of a part are few enough to need little memory.

        Most blocks are one part. A block where a quote is known to be open is not divided.
        """
        line_count = ends[1].line - ends[0].line + (not block.data.endswith((b"\n", b"\r")))
        self._window.begin_block(ends[0], line_count)
        most_bytes = min(PART_BYTES, len(block.data) * PART_LINES // max(1, line_count) + 1)
        if len(block.data) <= most_bytes * 3 // 2 or ends[0].open_left or block.has_open_quote:
            yield block, line_count
            return
        for part in reader.parts(block, most_bytes):
            yield part, count_lines(part.data) + (not part.data.endswith((b"\n", b"\r")))

    def _take_part(self, block: Block, line_count: int, reader: Reader) -> bool:
        """Write the rows of a part and count them; return whether the table refused and skipped none."""
        rows, mapping = self._rows(block, reader)
        items, faults = build_items(rows, mapping)
        written = write_items(items, self._feed, lambda some: self._writer.write(some, self._heartbeat))
        seen_before = self._window.count(written.keys, self._lines_of(block, line_count, rows, reader))
        superseded = written.counts.rows_superseded + seen_before
        faults += written.refused + rows.faults
        rejects = locate(block, faults, reader)
        while some := list(islice(rejects, LOCATED)):
            self._rejects.add(some)
        if superseded:
            self._keep_duplicates(block, written.items, written.keys, reader)
        self.row_counts = self.row_counts.plus(
            replace(
                written.counts,
                rows_read=rows.record_count,
                rows_written=len(written.items) - superseded - written.counts.rows_skipped,
                rows_rejected=len(faults),
                rows_superseded=superseded,
                bytes_read=block.byte_count,
            )
        )
        return written.is_whole

    @property
    def _wanted_duplicates(self) -> int:
        """How many more duplicates to keep. Each superseded row counts, so a later load continues the count."""
        return max(0, KEPT_DUPLICATES - self.row_counts.rows_superseded)

    def _keep_duplicates(self, block: Block, items: Items, keys: KeyHashes, reader: Reader) -> None:
        if self._wanted_duplicates:
            found = replacements(items, self._window.lines_before(keys), self._wanted_duplicates)
            self._rejects.add_duplicates(list(locate_duplicates(block, found, reader)))

    def _lines_of(self, block: Block, line_count: int, rows: Rows, reader: Reader) -> LinesOf | None:
        """Return a function that finds the lines of a block's records, for duplicates; None if not needed."""
        is_line_each = line_count == rows.record_count
        return lines_of(block, reader, is_line_each=is_line_each) if self._wanted_duplicates else None

    def _remember(self, chunk: Chunk, ends: tuple[Position, Position], reader: Reader) -> None:
        """Note the keys of a block that was loaded before the checkpoint: later rows may replace its rows."""
        if isinstance(chunk, Block):
            for part, line_count in self._parts(chunk, ends, reader):
                rows, mapping = self._rows(part, reader)
                keys = fold(build_items(rows, mapping)[0], self._feed).keys
                self._window.count(keys, self._lines_of(part, line_count, rows, reader))

    def _rows(self, block: Block, reader: Reader) -> tuple[Rows, Mapping]:
        """Return the rows of a block and their mapping: in some formats, each block has its own columns."""
        rows = reader.parse(block, is_first=not self.row_counts.rows_read)
        mapping = self._mapping(rows.columns)
        return with_lineage(rows, self._feed, self._origin, partial(reader.first_lines, block, rows)), mapping

    def _check_limit(self, *, at_end: bool = False) -> None:
        """Check the counts so far against the limits. Only the file's first rows decide whether all are rejects."""
        if not self._ends_early:
            return
        check_limits(self.row_counts, self._feed)
        if self._is_beginning and self.row_counts.has_only_rejects(at_end=at_end):
            raise all_rows_rejected(self.row_counts, at_end=at_end)


def _refuse_other_cut(checkpoint: Position, end: Position) -> None:
    """Refuse a block that extends beyond the checkpoint: its rows after that would be neither written nor counted."""
    if end.byte > checkpoint.byte:
        raise InternalFault(
            f"A block ends at byte {end.byte}, beyond the checkpoint at byte {checkpoint.byte}: the file was split "
            "differently before."
        )


def check_limits(row_counts: RowCounts, feed: Feed) -> None:
    """Check that a file does not have more rejects or duplicates than its feed allows.

    Raises:
        TooManyRejects, TooManyDuplicates: it has more.
    """
    first = f"of the first {row_counts.rows_read} rows"
    if row_counts.exceeds(feed.max_rejects):
        raise TooManyRejects(
            f"{row_counts.rows_rejected} {first} were rejected, more than the "
            "feed's max_rejects allows; the rows written so far stay. Fix the file and "
            "drop it again, or fix the feed and load it with `ingest retry`."
        )
    if row_counts.exceeds_duplicates(feed.max_duplicates):
        raise TooManyDuplicates(
            f"{row_counts.rows_superseded} {first} have the key of a later row, which replaced them: more than the "
            "feed's max_duplicates allows; the rows written so far stay. Check that the feed's key is the whole key; "
            "fix the feed and load the file with `ingest retry`, or fix the file and drop it again."
        )
