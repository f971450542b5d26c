"""Parse a block of CSV to rows of text with `pyarrow.csv`, working around its unexpected behavior for single blocks."""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from ingest.contract import Reason
from ingest.errors import NotCsv
from ingest.feeds.dialect import Csv
from ingest.reading.grammar import BOM, Grammar, has_inner_marks, without_mark
from ingest.reading.header import Header, parse_options
from ingest.reading.quotes import swallowed_rows
from ingest.reading.rows import Fault, Rows, with_marks

MANY = 20  # unreadable records that show a wrong encoding


HeaderRow = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the records of one file look like. `own_nulls`: the dialect of columns with null values of their own.

    `header_rows` are the cells of the header's records as they would be read among the rows; `header_lines` are these
    records without their line ends.
    """

    columns: tuple[str, ...]
    csv: Csv
    grammar: Grammar
    own_nulls: Mapping[int, Csv] = field(default_factory=dict)  # by the column's place
    header_rows: tuple[HeaderRow, ...] = ()
    header_lines: frozenset[str] = frozenset()

    @property
    def skips_headers(self) -> bool:
        """Whether a repeated header is skipped."""
        return self.csv.repeated_header == "skip"


@dataclass(frozen=True, slots=True)
class Ragged:
    """A record with another number of cells than there are columns, by its place among the parsed records.

    `swallowed` is how many of its lines look like rows. `ends_empty`: it has one cell too many, and the last is empty.
    `is_header`: it repeats the file's header.
    """

    place: int
    cells: int
    swallowed: int
    ends_empty: bool
    is_header: bool


def parse_rows(data: bytes, layout: Layout, *, has_open_quote: bool = False) -> Rows:
    """Return the rows of a block of whole records.

    These records become faults: those with text after a closing quote, with cells that swallowed rows or with invalid
    UTF-8, repeated headers, and those with a wrong number of cells, unless the feed pads or trims them.
    `has_open_quote`: the block is one record with a quote that is never closed and is an ordinary character.
    """
    rows = _read(data, layout, has_open_quote=has_open_quote, one_by_one=layout.grammar.may_skip(data))
    if _may_have_marks(data, rows):
        return _read(data, layout, has_open_quote=has_open_quote, one_by_one=True)
    return rows


def _read(data: bytes, layout: Layout, *, has_open_quote: bool, one_by_one: bool) -> Rows:
    """Return the rows of a block. `one_by_one`: check each record separately for what the parser does not handle."""
    good, kept, faults = _readable(data, layout, one_by_one=one_by_one)
    if has_open_quote:
        good = layout.grammar.with_literal_quote(good)
    rows = _without_headers(_parse(layout.grammar.without_blanks(good), kept, layout), layout)
    rows = _without_swallowed(rows, good, layout)
    return Rows(rows.table, rows.records, sorted(faults + rows.faults, key=lambda fault: fault.record))


def _may_have_marks(data: bytes, rows: Rows) -> bool:
    """Return whether a record may begin with a byte order mark: usually the first column shows that none does."""
    if BOM[:1] not in data:
        return False
    if rows.records is not None or rows.faults:
        return has_inner_marks(data)
    return bool(pc.any(pc.starts_with(rows.table.column(0), BOM.decode())).as_py())


def refuse_other_encoding(rows: Rows, csv: Csv) -> None:
    """Refuse a file whose first rows are not in the feed's encoding at all.

    Raises:
        NotCsv: there are many records with non-ASCII characters, and none is readable: one error, not many rejects.
    """
    unreadable = sum(fault.reason == Reason.BAD_ENCODING for fault in rows.faults)
    if unreadable >= MANY and not any(pc.any(pc.invert(pc.string_is_ascii(c))).as_py() for c in rows.table.columns):
        raise NotCsv(
            f"The file is not valid {csv.encoding} text: the first {unreadable} records with characters beyond ASCII "
            "are all unreadable; set the feed's encoding."
        )


def _parse(data: bytes, records: list[int] | None, layout: Layout) -> Rows:
    """Parse records; `records` has their numbers in the block, None means 0, 1, 2, ..."""
    ragged: list[Ragged] = []

    def remember(row: arrow_csv.InvalidRow) -> str:
        text = row.text or ""
        swallowed = swallowed_rows(text, len(layout.columns), layout.csv)
        ends_empty = row.actual_columns == len(layout.columns) + 1 and text.endswith(layout.csv.delimiter)
        is_header = text.rstrip("\r\n") in layout.header_lines
        ragged.append(Ragged(cast(int, row.number) - 1, row.actual_columns, swallowed, ends_empty, is_header))
        return "skip"

    table = _read_cells(data, layout.columns, layout, remember)
    if not ragged:
        return Rows(table, records, [])
    numbers = range(table.num_rows + len(ragged)) if records is None else records
    fixed = [r for r in ragged if _can_be_resized(r, layout)]
    lost = [r for r in ragged if not _can_be_resized(r, layout) and not (r.is_header and layout.skips_headers)]
    faults = [_ragged_fault(numbers[r.place], r, layout) for r in lost]
    not_straight = {r.place for r in ragged}
    straight = [place for place in range(len(numbers)) if place not in not_straight]
    if fixed:
        table, straight = _with_fixed(table, straight, fixed, data, layout)
    return Rows(table, [numbers[place] for place in straight], faults)


def _can_be_resized(ragged: Ragged, layout: Layout) -> bool:
    return not ragged.is_header and layout.csv.ragged == ("pad" if ragged.cells < len(layout.columns) else "trim")


def _with_fixed(
    table: pa.Table, straight: list[int], fixed: list[Ragged], data: bytes, layout: Layout
) -> tuple[pa.Table, list[int]]:
    """Insert the padded or trimmed records at their original places: order matters, as the last row of a key wins."""
    spans = list(layout.grammar.spans(data))
    tables = [_resized(data[spans[r.place].start : spans[r.place].end], r.cells, layout) for r in fixed]
    places = straight + [r.place for r in fixed]
    order = sorted(range(len(places)), key=places.__getitem__)
    joined = pa.concat_tables([table, *tables]).take(order).combine_chunks()
    return joined, [places[i] for i in order]


def _resized(record: bytes, cells: int, layout: Layout) -> pa.Table:
    table = _read_cells(record, tuple(str(n) for n in range(cells)), layout, lambda row: "error")
    arrays: list[Any] = table.columns[: len(layout.columns)]
    arrays += [pa.nulls(1, pa.string())] * (len(layout.columns) - len(arrays))
    return pa.table(arrays, names=list(layout.columns))


def _ragged_fault(record: int, ragged: Ragged, layout: Layout) -> Fault:
    if ragged.is_header:
        return _header_fault(record)
    if ragged.swallowed:
        return _swallowed_fault(record, ragged.swallowed, None)
    message = f"the record has {ragged.cells} cell(s), the header has {len(layout.columns)}"
    if ragged.ends_empty:
        message += '; it ends with a delimiter, which ragged = "trim" leaves out'
    return Fault(record, Reason.RAGGED_ROW, message)


def with_header_rows(layout: Layout, header: Header) -> Layout:
    """Return a layout that recognizes a repetition of the file's header: its records, or the names the feed gives."""
    own = [without_mark(record) for record in header.records]
    tables = [_parse(layout.grammar.without_blanks(record), None, layout).table for record in own]
    rows = [tuple(cast("str | None", column[0].as_py()) for column in t.columns) for t in tables if t.num_rows == 1]
    if not own and layout.csv.header != "first" and (layout.csv.names or isinstance(layout.csv.header, tuple)):
        rows = [tuple(_nulled(name, layout, at) for at, name in enumerate(header.columns))]
    lines = frozenset(record.decode("utf-8", "replace").rstrip("\r\n") for record in own)
    return replace(layout, header_rows=tuple(filter(any, rows)), header_lines=lines)


def _nulled(name: str, layout: Layout, column: int) -> str | None:
    return None if name in layout.own_nulls.get(column, layout.csv).null_values else name


def _without_headers(rows: Rows, layout: Layout) -> Rows:
    """Return rows without repeated headers: these are skipped, or become faults."""
    found = {row for header in layout.header_rows for row in _rows_like(rows.table, header)}
    if not found:
        return rows
    kept = [row for row in range(rows.table.num_rows) if row not in found]
    faults = [] if layout.skips_headers else [_header_fault(rows.record_of(row)) for row in found]
    table = rows.table.take(pa.array(kept, pa.int64())).combine_chunks()
    return Rows(table, [rows.record_of(row) for row in kept], [*rows.faults, *faults])


def _rows_like(table: pa.Table, header: HeaderRow) -> Iterator[int]:
    """Yield the rows with these cells. The first non-null cell is compared first: hardly any row has it."""
    first = next(at for at, cell in enumerate(header) if cell is not None)
    like: Any = pc.equal(table.column(first), pa.scalar(header[first], pa.string()))
    rows: Any = pc.indices_nonzero(like) if pc.any(like).as_py() else ()
    for at, cell in enumerate(header):
        if not len(rows):
            return
        cells: Any = table.column(at).take(rows)
        same: Any = pc.is_null(cells) if cell is None else pc.equal(cells, pa.scalar(cell, pa.string()))
        rows = rows.filter(pc.fill_null(same, False).combine_chunks())
    yield from rows.to_pylist()


def _header_fault(record: int) -> Fault:
    message = (
        'the record is the file\'s header again, as where files were joined: remove it, or set repeated_header = "skip"'
    )
    return Fault(record, Reason.REPEATED_HEADER, message)


def _without_swallowed(rows: Rows, data: bytes, layout: Layout) -> Rows:
    """Return rows without those that have a cell which contains other rows: these become faults.

    Most likely the closing quote of such a cell is missing, and another quote closed it where a cell may end.
    """
    if not layout.grammar.is_strict or not layout.grammar.has_marks(data):
        return rows  # lenient quoting, or no cell has line ends in it
    found: dict[int, Fault] = {}
    for name, column in zip(rows.columns, rows.table.columns, strict=True):
        for row, cell in _cells_of_many_lines(column):
            lines = swallowed_rows(cell, len(layout.columns), layout.csv)
            if lines:
                found.setdefault(row, _swallowed_fault(rows.record_of(row), lines, name))
    if not found:
        return rows
    kept = [row for row in range(rows.table.num_rows) if row not in found]
    records = [rows.record_of(row) for row in kept]
    table = rows.table.take(pa.array(kept, pa.int64())).combine_chunks()
    return Rows(table, records, [*rows.faults, *found.values()])


def _cells_of_many_lines(column: "pa.ChunkedArray[Any]") -> Iterator[tuple[int, str]]:
    """Yield the cells of a column that may have three line ends or more, each with its row."""
    text = b"".join(buffer.to_pybytes() for chunk in column.chunks if (buffer := chunk.buffers()[2]))
    if b"\n" not in text and b"\r" not in text:  # most columns have none, and this check is fast
        return
    line_ends: Any = pc.count_substring(column, "\n")
    if b"\r" in text:
        line_ends = pc.add(line_ends, pc.count_substring(column, "\r"))
    rows = pc.indices_nonzero(pc.greater_equal(line_ends, cast(Any, 3)))
    yield from zip(cast(list[int], rows.to_pylist()), cast(list[str], column.take(rows).to_pylist()), strict=True)


def _swallowed_fault(record: int, swallowed: int, column: str | None) -> Fault:
    message = (
        f"a quoted cell holds {swallowed} lines that have as many cells as the header: most likely a quote is missing "
        'or stands too much; fix it, or set quoting = "lenient" if the cell is meant'
    )
    return Fault(record, Reason.SWALLOWED_ROWS, message, column)


def _readable(data: bytes, layout: Layout, *, one_by_one: bool) -> tuple[bytes, list[int] | None, list[Fault]]:
    """Return the readable records, their numbers in the block if these are not 0, 1, 2, ..., and the others' faults."""
    grammar = layout.grammar
    if not one_by_one and grammar.quotes.is_sound(data) and is_utf8(data):
        return data, None, []
    records = [without_mark(data[span.start : span.end]) for span in grammar.spans(data)]
    faults = [fault for number, record in enumerate(records) if (fault := _fault(number, record, layout))]
    lost = {fault.record for fault in faults}
    kept = [number for number in range(len(records)) if number not in lost]
    return b"".join(records[number] for number in kept), kept if faults else None, faults


def _fault(number: int, record: bytes, layout: Layout) -> Fault | None:
    """Return why a record cannot be parsed, if it cannot."""
    quote = layout.grammar.quotes.fault(record)
    if quote:
        column = layout.columns[quote.cell] if quote.cell < len(layout.columns) else None
        return Fault(number, Reason.BAD_QUOTE, quote.message, column)
    if is_utf8(record):
        return None
    return Fault(number, Reason.BAD_ENCODING, f"the record holds bytes that are not valid {layout.csv.encoding} text")


OnRagged = Callable[[arrow_csv.InvalidRow], str]


def _read_cells(data: bytes, columns: tuple[str, ...], layout: Layout, on_ragged: OnRagged) -> pa.Table:
    """Return cells as `read_cells` does; read columns with null values of their own a second time, with these."""
    table = read_cells(data, columns, layout.csv, on_ragged)
    for csv in set(layout.own_nulls.values()):
        again = read_cells(data, columns, csv, lambda row: "skip")
        for place in [at for at, own in layout.own_nulls.items() if own == csv and at < len(columns)]:
            table = table.set_column(place, columns[place], again.column(place))
    return table


def read_cells(data: bytes, columns: tuple[str, ...], csv: Csv, on_ragged: OnRagged) -> pa.Table:
    """Return records as columns of text; null where a cell means 'no value'. `on_ragged` handles ragged records.

    Parsed in one chunk: row numbers need a single thread, and one chunk has no block boundaries inside.
    """
    if not data:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    if marked := with_marks(data, csv):
        return marked.unescaped(read_cells(marked.data, columns, marked.csv, on_ragged))
    table = _arrow_table(data, columns, csv, csv.null_values, on_ragged)
    if not csv.trim:
        return table
    if not csv.quoted_nulls:  # only Arrow knows which cells are quoted: pass it the padded nulls, too
        blank = {cell for column in table.columns for cell in _padded_nulls(column, csv)}
        table = _arrow_table(data, columns, csv, (*csv.null_values, *blank), lambda row: "skip") if blank else table
    return _trimmed(table, csv)


def _arrow_table(
    data: bytes,
    columns: tuple[str, ...],
    csv: Csv,
    nulls: tuple[str, ...],
    on_ragged: Callable[[arrow_csv.InvalidRow], str],
) -> pa.Table:
    if data.startswith(BOM):
        data = b"\n" + data  # Arrow removes a mark at the start of its input; here it belongs to a cell
    if not data.endswith((b"\n", b"\r")):
        data += b"\n"  # without it, Arrow treats an empty last cell as quoted if the one before is
    return arrow_csv.read_csv(
        cast(Any, pa.BufferReader(data)),  # the stubs want a Python file
        arrow_csv.ReadOptions(column_names=list(columns), use_threads=False, block_size=len(data) + 1),
        parse_options(csv, invalid_row_handler=on_ragged),
        arrow_csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(columns, pa.string()),
            null_values=list(nulls),
            strings_can_be_null=True,
            quoted_strings_can_be_null=csv.quoted_nulls,
        ),
    ).combine_chunks()


def _padded_nulls(cells: "pa.ChunkedArray[Any]", csv: Csv) -> list[str]:
    """Return the distinct cells that mean 'no value' once white space around them is removed."""
    bare = pc.utf8_trim_whitespace(cells)
    padded = pc.and_(pc.not_equal(bare, cells), pc.is_in(bare, value_set=pa.array(csv.null_values, pa.string())))
    found: list[Any] = pc.unique(cells.filter(padded)).to_pylist()
    return found


def _trimmed(table: pa.Table, csv: Csv) -> pa.Table:
    """Remove white space around the cells; a cell that then means 'no value' becomes null."""
    nulls = pa.array(csv.null_values, pa.string())
    for at, name in enumerate(table.column_names):
        cells = table.column(at)
        bare = pc.utf8_trim_whitespace(cells)
        newly_null = pc.and_(
            pa.scalar(csv.quoted_nulls), pc.and_(pc.not_equal(bare, cells), pc.is_in(bare, value_set=nulls))
        )
        table = table.set_column(at, name, pc.if_else(newly_null, pa.scalar(None, pa.string()), bare))
    return table.combine_chunks()


def is_utf8(data: bytes) -> bool:
    """Return whether bytes are UTF-8. Arrow's validator costs a tenth of decoding them."""
    if data.isascii():
        return True
    offsets = pa.py_buffer(struct.pack("=ii", 0, len(data)))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
