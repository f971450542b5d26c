"""Bad rows: which cells become what, so that a row is rejected for one reason only."""

from collections.abc import Sequence
from typing import NamedTuple

from ingest.contract import Reason
from loadtest.workload.recipe import Recipe
from loadtest.workload.schema import BadRecipe, Column, Dialect, Schema, is_template, sources

Cells = dict[str, bytes]  # by column, with the delimiter before it
KEY_BYTES = (2048, 1024)  # DynamoDB's limits of partition and sort key
ITEM_BYTES = 400 * 1024
_BESIDE = 256  # bytes more than the limit, so that what stands around does not matter
_TYPES = {  # of the columns that may have such a cell; "time": with a timestamp
    Reason.BAD_NUMBER: ("N",),
    Reason.NUMBER_OUT_OF_RANGE: ("N",),
    Reason.BAD_BOOLEAN: ("BOOL",),
    Reason.BAD_TIMESTAMP: ("time",),
    Reason.BAD_BINARY: ("B",),
    Reason.BAD_SET: ("NS",),
    Reason.BAD_JSON: ("L", "M"),
}
_CELLS = {Reason.NUMBER_OUT_OF_RANGE: b"1e400", Reason.MISSING_VALUE: b"", Reason.EMPTY_KEY: b""}
_NEITHER = b"{no!}"  # not a number, boolean, timestamp, binary or JSON


class Inject(NamedTuple):
    """One way to spoil a row: for which reason, in what share of the rows, and the cells that become others."""

    reason: str
    share: float
    cells: Cells


def injects_of(recipe: Recipe, columns: tuple[str, ...]) -> list[Inject]:
    """Return the ways in which rows are to be spoiled; each reason's share is divided among its own."""
    found = []
    for reason, share in recipe.defects.rejects:
        ways = _ways(reason, recipe.schema, columns)
        if not ways:
            raise BadRecipe(
                f"no column of the feed {recipe.schema.feed!r} can be the reason for {reason}; leave it out."
            )
        found += [Inject(reason, share / len(ways), cells) for cells in ways]
    return found


def _ways(reason: str, schema: Schema, columns: tuple[str, ...]) -> list[Cells]:
    d = schema.dialect
    delimiter, first, last = d.delimiter.encode(d.encoding), columns[0], columns[-1]
    before = {name: delimiter if name != first else b"" for name in columns}
    match reason:
        case Reason.RAGGED_ROW:
            if d.ragged != "reject":
                raise BadRecipe(f"the feed does not reject ragged rows, it has ragged = {d.ragged!r}; leave them out.")
            longer: Cells = {last: before[last] + b"x" + delimiter + b"x"}
            return [longer] if first == last else [longer, {last: b""}]
        case Reason.RECORD_TOO_LONG:
            return [dict.fromkeys(columns, b"") | {first: b"x" * (d.max_record_bytes + 4096)}]
        case Reason.KEY_TOO_LONG | Reason.ITEM_TOO_LARGE:
            names = _long(reason, schema, columns)
        case _:
            names = {name: _cell(reason, schema.column(name), d) for name in columns if _fits(reason, name, schema)}
            if reason == Reason.BAD_ENCODING or len(columns) == 1:
                names = {name: cell for name, cell in names.items() if cell}
    return [{name: before[name] + cell} for name, cell in names.items()]


def _long(reason: str, schema: Schema, columns: Sequence[str]) -> Cells:
    """Return the first column that may have a cell over DynamoDB's limit, and that cell."""
    if reason == Reason.KEY_TOO_LONG:
        sizes = {
            name: size for (_, source), size in zip(schema.keys, KEY_BYTES, strict=False) for name in sources(source)
        }
    else:
        taken = {*schema.key_columns, *(name for _, text in schema.templates for name in sources(text))}
        taken |= {name for name in columns if (schema.column(name).name or name) in schema.index_keys}
        sizes = {name: ITEM_BYTES for name in columns if name not in taken and not schema.column(name).drop}
    for name, size in sizes.items():
        column = schema.column(name)
        if column.type == "S" and column.is_plain and size + 65_536 <= schema.dialect.max_record_bytes:
            return {name: b"x" * (size + _BESIDE)}
    return {}


def _fits(reason: str, name: str, schema: Schema) -> bool:
    """Return whether a cell of a column can be the reason."""
    column, may_be_null = schema.column(name), "" in schema.dialect.null_values
    match reason:
        case Reason.BAD_ENCODING:
            return True
        case Reason.EMPTY_KEY:
            is_filled = any(is_template(source) and name in sources(source) for _, source in schema.keys)
            may_be_empty = column.null != "reject" and (is_filled or column.default is None)
            return name in schema.key_columns and may_be_null and may_be_empty
        case Reason.MISSING_VALUE:
            is_rejected = column.null == "reject" and column.default is None and may_be_null
            return is_rejected and not schema.is_dropped(name)
        case _:
            return ("time" if column.timestamp else column.type) in _TYPES[reason] and not schema.is_dropped(name)


def _cell(reason: str, column: Column, dialect: Dialect) -> bytes:
    if reason == Reason.BAD_SET:
        quote = dialect.quote if dialect.delimiter in column.separator else ""
        return f"{quote}1{column.separator * 2}2{quote}".encode()
    return _undecodable(dialect.encoding) if reason == Reason.BAD_ENCODING else _CELLS.get(reason, _NEITHER)


def _undecodable(encoding: str) -> bytes:
    """Return bytes that are not text in an encoding; none, if every byte is."""
    cells = (b"no" + bytes([byte]) + b"text" for byte in range(255, 127, -1))
    return next((cell for cell in cells if "\ufffd" in cell.decode(encoding, "replace")), b"")
