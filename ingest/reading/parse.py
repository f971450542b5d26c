"""Records -> columns of text by `pyarrow.csv`, without the surprises it has for single blocks of a file."""

import struct
from collections.abc import Callable
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from ingest.feeds.dialect import Csv
from ingest.reading.header import BOM, parse_options


def read_cells(
    data: bytes, columns: tuple[str, ...], csv: Csv, on_ragged: Callable[[arrow_csv.InvalidRow], str]
) -> pa.Table:
    """Return records as columns of text; null where a cell means 'no value'. `on_ragged` says what becomes of others.

    Parsed as one chunk: row numbers need a single thread, and a block has no block edges inside.
    """
    if not data:
        return pa.table({name: pa.array([], pa.string()) for name in columns})
    table = _arrow_table(data, columns, csv, csv.null_values, on_ragged)
    if not csv.trim:
        return table
    if not csv.quoted_nulls:  # only Arrow can tell a quoted cell: let it know how nulls are spelled with blanks
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
        data = b"\n" + data  # Arrow takes a mark away wherever it begins to read; here it belongs to a cell
    if not data.endswith((b"\n", b"\r")):
        data += b"\n"  # without it, Arrow takes an empty last cell for quoted if the cell before is
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
    """Return the distinct cells that say 'no value' once white space around them is taken away."""
    bare = pc.utf8_trim_whitespace(cells)
    padded = pc.and_(pc.not_equal(bare, cells), pc.is_in(bare, value_set=pa.array(csv.null_values, pa.string())))
    found: list[Any] = pc.unique(cells.filter(padded)).to_pylist()
    return found


def _trimmed(table: pa.Table, csv: Csv) -> pa.Table:
    """Take white space around the cells away; what then says 'no value' means it."""
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
