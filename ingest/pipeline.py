"""The loop: portions of a file -> blocks -> rows -> items -> table and rejects. Knows the edges by Protocol only."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain

from ingest.contract import Reason
from ingest.core.books import Books
from ingest.core.charset import Charset
from ingest.core.cutter import BLOCK_BYTES, BadRecord, Block, Cutter, Piece
from ingest.core.decoding import decode
from ingest.core.faults import Fault
from ingest.core.footer import without_footer
from ingest.core.grammar import Grammar
from ingest.core.head import Head, read_head
from ingest.core.items import Items, build_items
from ingest.core.keys import KeyHashes, SeenKeys, last_of_each_key
from ingest.core.lineage import with_lineage
from ingest.core.mapping import Mapping, map_columns
from ingest.core.rejects import from_bad_record, locate
from ingest.core.rows import Layout, parse_rows, refuse_other_encoding
from ingest.errors import IngestError, TooManyRejects
from ingest.feeds import Feed
from ingest.ports import ItemWriter, RejectSink

SEGMENT_BYTES = 64 * 1024 * 1024
MAX_KEYS = 1_000_000  # of a segment are remembered: some 70 MB


class Load:
    """Loads one file, `file` by its URL; items begin to age at `now_s` (epoch).

    `books` is true at any moment, also after an error: what it counts is durable or superseded.

    Peak memory: about twice a portion, plus some 25 times the block while it is text, columns and items, plus the
    hashes of one segment's keys (`ingest.core.keys`).
    """

    def __init__(
        self,
        *,
        feed: Feed,
        writer: ItemWriter,
        rejects: RejectSink,
        file: str = "",
        now_s: float = 0.0,
        before_block: Callable[[], None] = lambda: None,
        after_block: Callable[[Books], None] = lambda books: None,
        block_bytes: int | None = None,
    ) -> None:
        self.books = Books()
        self._feed = feed
        self._charset = Charset(feed.csv)
        self._grammar = Grammar(self._charset.csv)
        self._writer = writer
        self._rejects = rejects
        self._file = file
        self._now_s = now_s
        self._before_block = before_block
        self._after_block = after_block
        self._block_bytes = block_bytes or max(BLOCK_BYTES, feed.csv.max_record_bytes)
        self._seen = SeenKeys()
        self._segment_start = 0

    def run(self, portions: Iterator[bytes]) -> Books:
        """Load a file's bytes, in whatever portions; return its books.

        Raises:
            FileFault: the file will never load as it is.
            ServiceFault: trying later may help; `before_block` and the edges raise it.
        """
        text = without_footer(decode(portions, self._feed.csv), self._feed.csv.footer_lines)
        head, rest = read_head(text, self._charset.csv, self._grammar)
        columns = tuple(map(self._charset.own_name, head.columns))
        layout = Layout(columns, self._charset.csv, self._grammar)
        mapping = map_columns(self._feed, columns, now_s=self._now_s)
        self._rejects.begin(self._charset.own(head.raw), self._feed.csv)
        self.books = Books(bytes_read=self._charset.size_of_head(head.raw))
        try:
            for piece in self._pieces(head, chain([rest], text)):
                self._before_block()
                self._take(piece, layout, mapping)
                self._after_block(self.books)
                self._check_limit()
        except IngestError:
            self._rejects.close()  # what the books count so far is kept, whatever ended the load
            raise
        self._rejects.close()
        return self.books

    def _pieces(self, head: Head, portions: Iterator[bytes]) -> Iterator[Piece]:
        cutter = Cutter(
            self._grammar,
            first_byte=self._charset.size_of_head(head.raw),
            first_line=1 + head.line_count,
            block_bytes=self._block_bytes,
            record_bytes=self._feed.csv.max_record_bytes,
            measure=self._charset.size,
        )
        for portion in portions:
            yield from cutter.feed(portion)
        yield from cutter.finish()

    def _take(self, piece: Piece, layout: Layout, mapping: Mapping) -> None:
        if isinstance(piece, BadRecord):
            self._rejects.add([from_bad_record(piece, self._charset)])
            self.books = self.books.plus(Books(rows_read=1, rows_rejected=1, bytes_read=piece.byte_count))
        else:
            self._take_block(piece, layout, mapping)

    def _take_block(self, block: Block, layout: Layout, mapping: Mapping) -> None:
        rows = parse_rows(block.data, layout)
        if not self.books.rows_read:
            refuse_other_encoding(rows, self._feed.csv)
        rows = replace(rows, table=self._charset.own_cells(rows.table))
        rows = with_lineage(rows, self._feed.lineage, block, self._grammar, self._file)
        items, faults = build_items(rows, mapping)
        items, keys, superseded, refused = self._write(items)
        overwritten = self._count_seen(block, keys)
        faults += refused + rows.faults
        self._rejects.add(list(locate(block, faults, self._grammar, self._charset)))
        self.books = self.books.plus(
            Books(
                rows_read=rows.record_count,
                rows_written=len(items) - overwritten,
                rows_rejected=len(faults),
                rows_superseded=superseded + overwritten,
                bytes_read=block.byte_count,
            )
        )

    def _write(self, items: Items) -> tuple[Items, KeyHashes, int, list[Fault]]:
        """Put the last item of each key, and where the table refuses it, the one before it.

        Return the items the table now holds, their keys, how many others they replaced, and the refused.
        """
        refused: list[Fault] = []
        tried: set[int] = set()
        while True:
            last, keys, superseded = last_of_each_key(items)
            fresh = last.without(tried)
            refusals = self._writer.write(fresh)
            if not refusals:
                return last, keys, superseded, refused
            tried |= set(fresh.records)
            refused += [Fault(fresh.records[r.row], Reason.REFUSED_BY_DYNAMODB, r.message) for r in refusals]
            items = items.without({fault.record for fault in refused})

    def _count_seen(self, block: Block, keys: KeyHashes) -> int:
        """Return how many rows of earlier blocks of the segment these items replaced."""
        if block.first_byte - self._segment_start >= SEGMENT_BYTES or self._seen.count >= MAX_KEYS:
            self._seen = SeenKeys()
            self._segment_start = block.first_byte
        return self._seen.add(keys)

    def _check_limit(self) -> None:
        if self.books.exceeds(self._feed.max_rejects):
            raise TooManyRejects(
                f"{self.books.rows_rejected} of the first {self.books.rows_read} rows were rejected, more than the "
                "feed's max_rejects allows; the rows written so far stay. Mend the file or the feed and send it again."
            )
