"""Columns of text -> columns of points in time. Each distinct cell is read once."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingest.columns import Column
from ingest.contract import Reason
from ingest.core.mapping import Target
from ingest.core.times import CANONICAL_TIME, TimeReader
from ingest.core.typed import Bad, Typed, one_by_one, rows_where


def times(cells: pa.Array, target: Target) -> Typed:
    """Return a column of times as the feed wants them, and the cells that are none.

    Times that are already spelled as they will be take Arrow's way, which is a hundred times faster.
    """
    canonical = _canonical(cells, target.declared)
    if canonical is not None:
        return Typed(cells if target.type == "S" else canonical.cast(pa.int64()).cast(pa.string()), [])
    read = TimeReader(target.declared).text
    return _each_once(cells, read, pa.string())


def _canonical(cells: pa.Array, declared: Column) -> pa.Array | None:
    """Return the cells as timestamps if all of them are spelled as they will be."""
    if (declared.unit, declared.timestamp[0]) != ("s", "iso"):
        return None
    if not pc.all(pc.match_substring_regex(cells, CANONICAL_TIME)).as_py():
        return None
    try:
        return pc.cast(cells, pa.timestamp("s", "UTC"))
    except pa.ArrowInvalid:  # a day or an hour that is none
        return None


def epoch_seconds(cells: pa.Array, declared: Column) -> Typed:
    """Return a column of times as whole epoch seconds (int64), and the cells that are none."""
    if declared.default is not None:
        cells = pc.fill_null(cells, declared.default)
    return _each_once(cells, TimeReader(declared).epoch_s, pa.int64())


def _each_once(cells: pa.Array, read: Callable[[str], Any], kind: pa.DataType) -> Typed:
    coded = cells.dictionary_encode()
    distinct = one_by_one(coded.dictionary, read, Reason.BAD_TIMESTAMP, kind)
    message = {bad.row: bad.message for bad in distinct.bad}
    wrong = pc.is_in(coded.indices, value_set=pa.array(message, coded.indices.type))
    bad = [
        Bad(row, Reason.BAD_TIMESTAMP, message[coded.indices[row].as_py()])
        for row in rows_where(pc.and_(wrong, pc.is_valid(cells)))
    ]
    return Typed(distinct.values.take(coded.indices), bad)
