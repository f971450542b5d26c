"""What a block's records become: rows of text, and faults. The same for every format.

All columns are text; types are the feed's business.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pyarrow as pa

from ingest.feeds.feed import Lineage

# Columns the pipeline adds to those of the file. No file has these: a header with NUL bytes is refused.
FILE_COLUMN = "\0file"
LINE_COLUMN = "\0line"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record of a block is rejected. `record` counts the block's records from 0, blank lines not counted."""

    record: int
    reason: str
    message: str
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Text columns of equal length; null where the cell means 'no value'.

    `records[i]` is the record of the block that row i came from, or None where row i is simply record i.
    """

    table: pa.Table
    records: list[int] | None
    faults: list[Fault]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self.table.column_names)

    @property
    def record_count(self) -> int:
        """How many records the block holds, rows and faults together."""
        return int(self.table.num_rows) + len(self.faults)

    def record_of(self, row: int) -> int:
        """Return the record a row came from."""
        return row if self.records is None else self.records[row]


def with_lineage(rows: Rows, lineage: Lineage, file: str, first_lines: Callable[[], list[int]]) -> Rows:
    """Return rows with the columns a feed's `lineage` asks for: the file's URL, the line each row begins on."""
    table = rows.table
    if lineage.file:
        table = table.append_column(FILE_COLUMN, pa.repeat(pa.scalar(file), table.num_rows))
    if lineage.line:
        table = table.append_column(LINE_COLUMN, pa.array(first_lines(), pa.int64()).cast(pa.string()))
    return replace(rows, table=table)
