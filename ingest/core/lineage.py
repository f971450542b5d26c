"""Where rows came from, as columns beside those of the file, for feeds that want it in their items."""

from dataclasses import replace

import pyarrow as pa

from ingest.core.cutter import Block
from ingest.core.grammar import Grammar, count_lines
from ingest.core.mapping import FILE_COLUMN, LINE_COLUMN
from ingest.core.rows import Rows
from ingest.feeds import Lineage


def with_lineage(rows: Rows, lineage: Lineage, block: Block, grammar: Grammar, file: str) -> Rows:
    """Return the rows of a block with the columns a feed's `lineage` asks for: the file's URL, the line in it."""
    table = rows.table
    if lineage.file:
        table = table.append_column(FILE_COLUMN, pa.repeat(pa.scalar(file), table.num_rows))
    if lineage.line:
        lines = _first_lines(rows, block, grammar)
        table = table.append_column(LINE_COLUMN, pa.array(lines, pa.int64()).cast(pa.string()))
    return replace(rows, table=table)


def _first_lines(rows: Rows, block: Block, grammar: Grammar) -> list[int]:
    """Return the line each row begins on. Where there are as many lines as records, each record is a line."""
    records = map(rows.record_of, range(rows.table.num_rows))
    line_count = count_lines(block.data) + (not block.data.endswith((b"\n", b"\r")))
    if line_count == rows.record_count:
        return [block.first_line + record for record in records]
    lines = [block.first_line + span.line for span in grammar.spans(block.data)]
    return [lines[record] for record in records]
