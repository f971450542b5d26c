"""A block -> columns of text and the records that are no rows. All columns are text; types are the feed's business."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from ingest.contract import Reason
from ingest.errors import NotCsv
from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Lineage
from ingest.reading.blocks import Block
from ingest.reading.fault import Fault
from ingest.reading.grammar import Grammar, count_lines
from ingest.reading.parse import is_utf8, read_cells

# Columns the pipeline adds to those of the file. No file has these: a header with NUL bytes is refused.
FILE_COLUMN = "\0file"
LINE_COLUMN = "\0line"

MANY = 20  # unreadable records are no accident any more


@dataclass(frozen=True, slots=True)
class Layout:
    """What the records of one file look like."""

    columns: tuple[str, ...]
    csv: Csv
    grammar: Grammar


@dataclass(frozen=True, slots=True)
class Rows:
    """Text columns of equal length; null where the cell means 'no value'.

    `records[i]` is the record of the block that row i came from, or None where row i is simply record i.
    """

    table: pa.Table
    records: list[int] | None
    faults: list[Fault]

    @property
    def record_count(self) -> int:
        """How many records the block holds, rows and faults together."""
        return int(self.table.num_rows) + len(self.faults)

    def record_of(self, row: int) -> int:
        """Return the record a row came from."""
        return row if self.records is None else self.records[row]


@dataclass(frozen=True, slots=True)
class Ragged:
    """A record with another number of cells than there are columns, by its place among the parsed records."""

    place: int
    cells: int


def parse_rows(data: bytes, layout: Layout) -> Rows:
    """Return the rows of a block of whole records.

    Records with invalid UTF-8 are faults, and so are records with another number of cells than there are columns,
    unless the feed pads or trims them.
    """
    data = layout.grammar.without_comments(data)
    if is_utf8(data):
        return _parse(data, None, layout)
    good, kept, faults = _without_bad_encoding(data, layout)
    rows = _parse(good, kept, layout)
    return Rows(rows.table, rows.records, sorted(faults + rows.faults, key=lambda fault: fault.record))


def refuse_other_encoding(rows: Rows, csv: Csv) -> None:
    """Look whether the first rows of a file are in the feed's encoding at all.

    Raises:
        NotCsv: of many records with characters beyond ASCII, none is readable: one sentence, and no storm of rejects.
    """
    unreadable = sum(fault.reason == Reason.BAD_ENCODING for fault in rows.faults)
    if unreadable >= MANY and not any(pc.any(pc.invert(pc.string_is_ascii(c))).as_py() for c in rows.table.columns):
        raise NotCsv(
            f"The file is no {csv.encoding} text: the first {unreadable} records with characters beyond ASCII are all "
            "unreadable; set the feed's encoding."
        )


def _parse(data: bytes, records: list[int] | None, layout: Layout) -> Rows:
    """Parse records; `records` numbers them within the block, None means from 0."""
    ragged: list[Ragged] = []

    def remember(row: arrow_csv.InvalidRow) -> str:
        ragged.append(Ragged(cast(int, row.number) - 1, row.actual_columns))
        return "skip"

    table = read_cells(data, layout.columns, layout.csv, remember)
    if not ragged:
        return Rows(table, records, [])
    numbers = range(table.num_rows + len(ragged)) if records is None else records
    fixed = [r for r in ragged if _is_mendable(r, layout)]
    faults = [_ragged_fault(numbers[r.place], r.cells, layout) for r in ragged if not _is_mendable(r, layout)]
    not_straight = {r.place for r in ragged}
    straight = [place for place in range(len(numbers)) if place not in not_straight]
    if fixed:
        table, straight = _with_fixed(table, straight, fixed, data, layout)
    return Rows(table, [numbers[place] for place in straight], faults)


def _is_mendable(ragged: Ragged, layout: Layout) -> bool:
    return layout.csv.ragged == ("pad" if ragged.cells < len(layout.columns) else "trim")


def _with_fixed(
    table: pa.Table, straight: list[int], fixed: list[Ragged], data: bytes, layout: Layout
) -> tuple[pa.Table, list[int]]:
    """Put the ragged records, padded or trimmed, back where they stood: the last row of a key wins."""
    spans = list(layout.grammar.spans(data))
    tables = [_resized(data[spans[r.place].start : spans[r.place].end], r.cells, layout) for r in fixed]
    places = straight + [r.place for r in fixed]
    order = sorted(range(len(places)), key=places.__getitem__)
    joined = pa.concat_tables([table, *tables]).take(order).combine_chunks()
    return joined, [places[i] for i in order]


def _resized(record: bytes, cells: int, layout: Layout) -> pa.Table:
    table = read_cells(record, tuple(str(n) for n in range(cells)), layout.csv, lambda row: "error")
    arrays: list[Any] = table.columns[: len(layout.columns)]
    arrays += [pa.nulls(1, pa.string())] * (len(layout.columns) - len(arrays))
    return pa.table(arrays, names=list(layout.columns))


def _ragged_fault(record: int, cells: int, layout: Layout) -> Fault:
    message = f"the record has {cells} cell(s), the header has {len(layout.columns)}"
    return Fault(record, Reason.RAGGED_ROW, message)


def _without_bad_encoding(data: bytes, layout: Layout) -> tuple[bytes, list[int], list[Fault]]:
    """Return the readable records, their numbers in the block, and a fault for each of the others."""
    records = [data[span.start : span.end] for span in layout.grammar.spans(data)]
    kept = [number for number, record in enumerate(records) if is_utf8(record)]
    message = f"the record holds bytes that are no {layout.csv.encoding} text"
    lost = sorted(set(range(len(records))) - set(kept))
    faults = [Fault(number, Reason.BAD_ENCODING, message) for number in lost]
    return b"".join(records[number] for number in kept), kept, faults


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
