"""Open a CSV file: the only place where encoding, grammar and header are combined."""

from dataclasses import replace
from typing import cast

import pyarrow as pa

from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed
from ingest.reading.blocks import Block, BlockSplitter, Position
from ingest.reading.compression import RangeReader
from ingest.reading.encoding import Charset
from ingest.reading.grammar import Grammar
from ingest.reading.header import Header, read_header
from ingest.reading.parse import Layout, parse_rows, refuse_other_encoding, with_header_rows
from ingest.reading.rows import Rows
from ingest.reading.text_reader import TextFile, TextReader


class CsvReader(TextReader):
    """Reads a CSV file. `before_rows` is its preamble and header, `columns` its column names."""

    def __init__(
        self, file: TextFile, feed: Feed, grammar: Grammar, header: Header, rest: bytes, *, block_bytes: int | None
    ) -> None:
        start = Position(file.charset.size_before_rows(header.raw), 1 + header.line_count, text_byte=header.byte_count)
        super().__init__(file, feed.csv, grammar, start, rest, block_bytes=block_bytes)
        self.before_rows = file.charset.own(header.raw)
        self.columns = tuple(map(file.charset.own_name, header.columns))
        layout = Layout(self.columns, file.charset.csv, grammar, _own_nulls(feed, self.columns))
        self._layout = with_header_rows(layout, header)

    def parse(self, block: Block, *, is_first: bool = False) -> Rows:
        """Return the rows of a block. `is_first`: no rows of the file, or of the segment, were read before.

        Raises:
            NotCsv: the first rows are not in the feed's encoding.
        """
        rows = parse_rows(block.data, self._layout, has_open_quote=block.has_open_quote)
        if is_first:
            refuse_other_encoding(rows, self._csv)
        return replace(rows, table=self._charset.own_cells(rows.table))

    def cells(self, records: list[bytes], column: str) -> list[str | None]:
        """Return a column's cells in some records, as written there even where they mean 'no value'."""
        texts = [self._charset.from_own(record) for record in records]
        whole = b"".join(text if text.endswith((b"\n", b"\r")) else text + b"\n" for text in texts)
        csv = self._layout.own_nulls.get(self.columns.index(column), self._layout.csv)
        layout = replace(self._layout, csv=csv.changed(null_values=(), escapes="none"), own_nulls={}, header_rows=())
        table = self._charset.own_cells(parse_rows(whole, layout).table)
        cells = cast(list[str | None], table.column(column).to_pylist())
        escaped = {null.removeprefix(csv.escape): null for null in csv.null_values if csv.escape}
        return [escaped.get(cell, cell) if cell else cell for cell in cells] if len(cells) == len(records) else []


def open_csv(ranges: RangeReader, feed: Feed, block_bytes: int | None) -> CsvReader:
    """Return a reader of a CSV file; its header is read.

    Raises:
        FileFault: the header is missing or cannot be used.
    """
    file = TextFile(ranges, feed.csv)
    csv = file.charset.csv
    grammar = Grammar(csv)
    header, rest = read_header(file.beginning, csv, grammar)
    if not header.columns:  # the file has no rows, and nothing else defines its columns
        header = replace(header, columns=tuple(feed.needed_columns()))
    return CsvReader(file, feed, grammar, header, rest, block_bytes=block_bytes)


def _own_nulls(feed: Feed, columns: tuple[str, ...]) -> dict[int, Csv]:
    """Return, by column place, the dialect (as in the decoded text) of each column with its own null values."""
    own = {at: nulls for at, name in enumerate(columns) if (nulls := feed.column(name).null_values) is not None}
    return {at: Charset(feed.csv.changed(null_values=nulls)).csv for at, nulls in own.items()}


def read_beginning(text: bytes, csv: Csv, *, is_whole: bool) -> tuple[pa.Table, bytes]:
    """Return the rows in a file's beginning, given as text, and that text without an incomplete last record.

    Raises:
        FileFault: the header is missing or cannot be used.
    """
    grammar = Grammar(csv)
    header, rest = read_header(iter([text]), csv, grammar)
    if not is_whole:
        rest = rest[: grammar.end_of_last_record(rest, 0, len(rest))]
    splitter = BlockSplitter(grammar, block_bytes=len(rest) + 1)
    layout = Layout(header.columns, csv, grammar)
    blocks = [chunk for chunk in (*splitter.feed(rest), *splitter.finish()) if isinstance(chunk, Block)]
    tables = [parse_rows(block.data, layout, has_open_quote=block.has_open_quote).table for block in blocks]
    return pa.concat_tables([parse_rows(b"", layout).table, *tables]), header.raw + rest
