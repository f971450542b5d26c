"""The result of parsing a block: rows of text, and faults; and the meaning of escapes in cells.

All columns are text; `ingest.items` converts them to types. The parser takes the character after an escape literally,
and only then looks for nulls: `\\N` would become N, `\\t` t. So if nulls like `\\N`, or letters that mean control
characters, matter, each escape is replaced with a mark that does not occur in the text, before the cells are parsed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ingest.feeds.dialect import Csv
from ingest.feeds.feed import Feed

# Columns the pipeline adds to those of the file. No file has these: a header with NUL bytes is refused.
FILE_COLUMN = "\0file"
LINE_COLUMN = "\0line"
ROW_COLUMN = "\0row"
ORDER_COLUMN = "\0order"
LINE_DIGITS = 12  # so that lines compare as text


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

    `records[i]` is the record of the block that row i came from; `records` is None if each row i is record i.
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


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that rows come from: its URL, its id and, if `newest` is "file", its place among all files."""

    file: str = ""
    file_id: str = ""
    order: str = ""


def with_lineage(rows: Rows, feed: Feed, origin: Origin, first_lines: Callable[[], list[int]]) -> Rows:
    """Return rows with the lineage columns of their feed. `first_lines` returns the line on which each row begins."""
    table = rows.table
    if feed.lineage.file:
        table = table.append_column(FILE_COLUMN, pa.repeat(pa.scalar(origin.file), table.num_rows))
    if not (feed.lineage.line or feed.row_attribute or feed.order_attribute):
        return replace(rows, table=table)
    lines = pa.array(first_lines(), pa.int64()).cast(pa.string())
    digits: Any = pc.utf8_lpad(lines, LINE_DIGITS, "0")
    if feed.lineage.line:
        table = table.append_column(LINE_COLUMN, lines)
    if feed.row_attribute:
        table = table.append_column(ROW_COLUMN, _prefixed((origin.file_id,), digits))
    if feed.order_attribute:
        table = table.append_column(ORDER_COLUMN, _prefixed((origin.order, origin.file_id), digits))
    return replace(rows, table=table)


def _prefixed(before: tuple[str, ...], digits: Any) -> pa.StringArray:
    prefix: Any = "".join(f"{part}#" for part in before)
    return cast(pa.StringArray, pc.binary_join_element_wise(prefix, digits, ""))


# The meaning of a letter after an escape; any other character means itself.
LETTERS = {
    "none": {},
    "mysql": {"0": "\0", "b": "\b", "n": "\n", "r": "\r", "t": "\t", "Z": "\x1a"},
    "postgres": {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"},
}
_CANDIDATES = (
    *range(0xFDD0, 0xFDF0),
    *range(0xF0000, 0xF0100),
)  # noncharacters of Unicode, then private-use ones


@dataclass(frozen=True, slots=True)
class MarkedBlock:
    """A block with marks in place of its escapes: parse `data` with the dialect `csv`, then call `unescaped`.

    `marks` maps each mark to its meaning in a cell.
    """

    data: bytes
    csv: Csv
    marks: dict[str, str]

    def unescaped(self, table: pa.Table) -> pa.Table:
        """Return the cells with each mark replaced by its meaning."""
        for at, name in enumerate(table.column_names):
            cells: Any = table.column(at)
            for mark, meaning in self.marks.items():
                if pc.any(pc.match_substring(cells, mark)).as_py():
                    cells = pc.replace_substring(cells, mark, meaning)
            table = table.set_column(at, name, cells)
        return table


def with_marks(data: bytes, csv: Csv) -> MarkedBlock | None:
    """Return a block with marks in place of its escapes; None if the parser reads the block correctly without."""
    if not (csv.escape and csv.escape.encode() in data and _are_meant_otherwise(csv)):
        return None
    escape = csv.escape
    taken = [escape, "\n", "\r", csv.delimiter, *([csv.quote] if csv.quote else [])]
    *marks, other = _unused(data, len(taken) + 1)
    sequences = {escape + character: mark for character, mark in zip(taken, marks, strict=True)} | {escape: other}
    meanings = {other + letter: meaning for letter, meaning in LETTERS[csv.escapes].items()} | {other: ""}
    nulls = [spelling for null in csv.null_values for spelling in _spellings(null, csv, sequences)]
    plain = csv.changed(escape="", null_values=tuple(dict.fromkeys(nulls)))
    marked = data
    for sequence, mark in sequences.items():  # escaped escapes first, then escaped line ends and marks
        marked = marked.replace(sequence.encode(), mark.encode())
    return MarkedBlock(marked, plain, meanings | dict(zip(marks, taken, strict=True)))


def _are_meant_otherwise(csv: Csv) -> bool:
    return csv.escapes != "none" or any(null.startswith(csv.escape) for null in csv.null_values)


def _spellings(null: str, csv: Csv, sequences: dict[str, str]) -> Iterator[str]:
    """Yield the forms of a null in a marked block: as configured, or with the characters escaped that cells escape."""
    if null.startswith(csv.escape):
        for sequence, mark in sequences.items():
            null = null.replace(sequence, mark)
        yield null
        return
    yield null
    characters = {ord(sequence[1]): mark for sequence, mark in sequences.items() if len(sequence) > 1}
    yield null.translate(characters)


def _unused(data: bytes, count: int) -> list[str]:
    """Return characters that do not occur in some data."""
    found = (chr(candidate) for candidate in _CANDIDATES if chr(candidate).encode() not in data)
    return [next(found) for _ in range(count)]
