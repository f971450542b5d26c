"""A prepared recipe: the generators of columns, the ways of making bad rows, and the text before and after the rows."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from ingest.contract import Reason
from loadtest.workload.checksum import value_sums
from loadtest.workload.distributions import generator_of
from loadtest.workload.generators import CellEncoder, Piece, Pieces
from loadtest.workload.recipe import BadRecipe, Recipe, Schema, is_template, sources, template_parts

Cells = dict[str, bytes]  # by column, with the delimiter before it
KEY_BYTES = (2048, 1024)  # DynamoDB's limits for partition and sort keys
ITEM_BYTES = 400 * 1024
_BESIDE = 256  # bytes above the limit, a margin for other content of the key or item
_TYPES = {  # column types that may have such a cell; "time": with a timestamp
    Reason.BAD_NUMBER: ("N",),
    Reason.NUMBER_OUT_OF_RANGE: ("N",),
    Reason.BAD_BOOLEAN: ("BOOL",),
    Reason.BAD_TIMESTAMP: ("time",),
    Reason.BAD_BINARY: ("B",),
    Reason.BAD_SET: ("NS",),
    Reason.BAD_JSON: ("L", "M"),
}
_NEITHER = b"{no!}"  # not a number, boolean, timestamp, binary or JSON


class Inject(NamedTuple):
    """One way to make a row bad: the reason for its rejection, the share of rows, and the cells that replace others."""

    reason: str
    share: float
    cells: Cells


def injects_of(recipe: Recipe, before: Cells) -> list[Inject]:
    """Return the ways to make rows bad; the share of each reason is divided among its ways.

    `before`: the bytes before the cell of each column.
    """
    found, schema = list[Inject](), recipe.schema
    for reason, share in recipe.rejects.items():
        ways = _ways(reason, schema, before)
        if not ways:
            raise BadRecipe(f"no column of the feed {schema.feed!r} can be the reason for {reason}; leave it out.")
        found += [Inject(reason, share / len(ways), cells) for cells in ways]
    return found


def _ways(reason: str, schema: Schema, before: Cells) -> list[Cells]:
    d, columns = schema.dialect, list(before)
    first, last = columns[0], columns[-1]
    match reason:
        case Reason.RAGGED_ROW:
            if d.ragged != "reject":
                raise BadRecipe(f"the feed does not reject ragged rows, it has ragged = {d.ragged!r}; leave them out.")
            longer: Cells = {last: before[last] + b"x" + d.delimiter.encode(d.encoding) + b"x"}
            return [longer] if first == last else [longer, {last: b""}]
        case Reason.RECORD_TOO_LONG:
            return [dict.fromkeys(before, b"") | {first: b"x" * (d.max_record_bytes + 4096)}]
        case Reason.KEY_TOO_LONG | Reason.ITEM_TOO_LARGE:
            cells = _long(reason, schema, columns)
        case _:
            found = {name: _cell(reason, name, schema) for name in columns}
            # In a file with one column, an empty cell is a blank line and not a row.
            cells = {name: cell for name, cell in found.items() if cell or (cell is not None and len(columns) > 1)}
    return [{name: before[name] + cell} for name, cell in cells.items()]


def _long(reason: str, schema: Schema, columns: Sequence[str]) -> Cells:
    """Return the first column that may have a cell above DynamoDB's limit, and that cell; {} if none may."""
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


def _cell(reason: str, name: str, schema: Schema) -> bytes | None:
    """Return a cell of this column that causes a rejection for a reason; None if the column cannot cause it."""
    column, dialect, is_dropped = schema.column(name), schema.dialect, schema.is_dropped(name)
    may_be_null = "" in dialect.null_values
    match reason:
        case Reason.BAD_ENCODING:
            return _undecodable(dialect.encoding)
        case Reason.EMPTY_KEY:
            is_filled = any(is_template(source) and name in sources(source) for _, source in schema.keys)
            may_be_empty = column.null != "reject" and (is_filled or column.default is None)
            return b"" if name in schema.key_columns and may_be_null and may_be_empty else None
        case Reason.MISSING_VALUE:
            is_rejected = column.null == "reject" and column.default is None and may_be_null
            return b"" if is_rejected and not is_dropped else None
    if is_dropped or ("time" if column.timestamp else column.type) not in _TYPES.get(reason, ()):
        return None
    if reason == Reason.BAD_SET:
        quote = dialect.quote if dialect.delimiter in column.separator else ""
        return f"{quote}1{column.separator * 2}2{quote}".encode()
    return b"1e400" if reason == Reason.NUMBER_OUT_OF_RANGE else _NEITHER


def _undecodable(encoding: str) -> bytes | None:
    """Return bytes that are invalid in an encoding; None if every byte is valid."""
    cells = (b"no" + bytes([byte]) + b"text" for byte in range(255, 127, -1))
    return next((cell for cell in cells if "\ufffd" in cell.decode(encoding, "replace")), None)


LINE_ENDS = {"lf": b"\n", "crlf": b"\r\n"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SAMPLE_REJECTS = 0.8  # of the feed's limit; a sample closer to it might exceed it


class Plan:
    """What all files of a recipe have in common."""

    def __init__(self, recipe: Recipe) -> None:
        """Prepare the recipe, or raise BadRecipe."""
        _check(recipe)
        schema, pieces, columns = recipe.schema, Pieces(), _columns(recipe)
        encoders = [CellEncoder(recipe, name, is_first=name == columns[0]) for name in columns]
        line_end = LINE_ENDS[recipe.line_end]
        self.recipe, self.pieces = recipe, pieces
        self.generators = {encoder.name: generator_of(encoder, pieces) for encoder in encoders}
        anchors = [generator.anchor for generator in self.generators.values()]
        if recipe.share(Reason.BAD_ENCODING) and all(anchor is None for anchor in anchors):
            raise BadRecipe("bad_encoding needs a column of free text, or of another with characters beyond ASCII.")
        # The ways to make rows bad, and the pieces of their cells.
        self.injects = injects_of(recipe, {encoder.name: encoder.before for encoder in encoders})
        self.bad_cells = [{name: pieces.add([cell]) for name, cell in i.cells.items()} for i in self.injects]
        self.line_ends = pieces.add([line_end]), pieces.add([2 * line_end])
        # Attributes filled from columns: pieces of a literal, a column's name, pieces of a literal, ...
        self.templates = [(name, _template(text, pieces)) for name, text in schema.templates]
        self.constants = _constants(schema)
        sizes = [sum(map(len, inject.cells.values())) for inject in self.injects]
        self.most_bad_bytes = max(sizes, default=0)
        bad_bytes = sum(inject.share * size for inject, size in zip(self.injects, sizes, strict=True))
        # Bytes of a row: the maximum without bad cells, and the average.
        self.row_bytes = sum(generator.width for generator in self.generators.values()) + 2 * len(line_end)
        self.likely_row_bytes = sum(generator.mean_width for generator in self.generators.values()) + bad_bytes + 1
        # Only in these first rows of a file may a row replace another one with different content.
        self.ordered_rows = int(recipe.segment_bytes / 4 / (self.row_bytes + 4 * bad_bytes))
        by_load = (schema.ttl[2],) if schema.ttl and not schema.ttl[0] else ()
        # Attributes that do not come from the file's content: its location, and the time of the load.
        self.not_summed = tuple(sorted((*schema.lineage, *by_load)))
        self.head = _head(recipe, encoders)
        self.foot = (b"generated" + line_end) * schema.dialect.footer_lines


def plan_of(recipe: Recipe) -> Plan:
    """Return the plan of a recipe, cached for files that differ only in number and size."""
    return _plan(replace(recipe, rows=0, text_bytes=None, file=0))


_plan = lru_cache(maxsize=16)(Plan)


def _check(recipe: Recipe) -> None:
    schema, dialect, rejected = recipe.schema, recipe.schema.dialect, sum(recipe.rejects.values())
    ascii_text, given, column = bytes(range(1, 128)), dict(recipe.columns), schema.partition_column
    marks = (dialect.delimiter, dialect.quote, dialect.escape)
    if not schema.numbering_column:
        raise BadRecipe(f"the feed {schema.feed!r} has no key column of type S or N that could number the rows.")
    if ascii_text.decode("ascii").encode(dialect.encoding) != ascii_text:
        raise BadRecipe(f"files in {dialect.encoding} are not generated, only encodings that ASCII is a part of.")
    if recipe.byte_order_mark and dialect.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise BadRecipe(f"a byte order mark is for UTF-8; the feed has encoding = {dialect.encoding!r}.")
    if "-" in marks or any(mark[:1].isalnum() for mark in (*marks, dialect.comment)):
        raise BadRecipe("a letter, digit or hyphen as delimiter, quote, escape or comment is not generated.")
    if recipe.quoting == "all" and not dialect.quote:
        raise BadRecipe("the feed's files know no quotes: quoting all cells cannot be had.")
    if schema.most_rejects is not None and rejected:
        raise BadRecipe(f"the feed ends files at {schema.most_rejects} rejects; leave that limit out to load bad rows.")
    if schema.most_rejected is not None and rejected > schema.most_rejected * _SAMPLE_REJECTS:
        raise BadRecipe(
            f"the feed ends files with a share of {schema.most_rejected:g} rejects, and this is to have {rejected:g}; "
            f"keep to {_SAMPLE_REJECTS:.0%} of it."
        )
    if recipe.key_order == "hot" and (column is None or column in given):
        raise BadRecipe("key order hot needs a partition key of its own beside the sort key, without a distribution.")
    if recipe.key_order == "sorted" and column in given:
        raise BadRecipe(f"keys cannot be sorted while column {column} has a distribution; leave that out.")


def _columns(recipe: Recipe) -> tuple[str, ...]:
    schema, dialect = recipe.schema, recipe.schema.dialect
    given = [name for name, _ in recipe.columns]
    columns = dialect.header if isinstance(dialect.header, tuple) else dialect.names
    if dialect.header == "none" and not columns:
        last = max(int(name.removeprefix("column_")) for name in (*schema.needed, *given))
        columns = tuple(f"column_{n}" for n in range(1, last + 1))
    columns = columns or tuple(dict.fromkeys((*schema.needed, *given)))
    accepted = schema.needed if dialect.unknown_columns == "refuse" else columns
    for name in given:
        if name not in columns or name not in accepted:
            raise BadRecipe(f"column {name}: files of the feed {schema.feed!r} have no such column.")
    return columns


def _template(text: str, pieces: Pieces) -> list[str | list[Piece]]:
    return [part if at % 2 else pieces.constant(part.encode()) for at, part in enumerate(template_parts(text))]


def _constants(schema: Schema) -> int:
    """Return the sum of the hashes of the constant attributes, which every item has."""
    for name, text, kind in schema.attributes:
        if kind != "S" and (is_template(text) or kind != "N"):
            raise BadRecipe(f"attribute {name}: {text!r} of type {kind} is not generated.")
    constants = {name: {kind: text} for name, text, kind in schema.attributes if not is_template(text)}
    return int(value_sums([constants])[0])


def _head(recipe: Recipe, encoders: list[CellEncoder]) -> bytes:
    """Return the text before the rows: byte order mark, preamble and header, as recipe and feed require."""
    dialect, end = recipe.schema.dialect, LINE_ENDS[recipe.line_end]
    head = (BYTE_ORDER_MARK if recipe.byte_order_mark else b"") + (b"generated" + end) * dialect.skip_lines
    if dialect.header == "none" or isinstance(dialect.header, tuple):
        return head
    spare = dialect.header - 1 if isinstance(dialect.header, int) else 0
    if spare and len(encoders) == 1:
        raise BadRecipe("a header of several records over a single column is not generated.")
    head += (b"".join(encoder.before for encoder in encoders) + end) * spare
    return head + b"".join(encoder.before + encoder.written(encoder.name) for encoder in encoders) + end
