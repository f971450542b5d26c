"""A recipe, ready to be followed: makers of columns, kinds of bad rows, what stands before and behind the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from ingest.contract import Reason
from loadtest.workload.attributes import Attributes, attributes_of, not_summed
from loadtest.workload.columns import ColumnPlace, maker_of
from loadtest.workload.defects import BLANK_LINES, DUPLICATES, LINE_BREAKS, QUOTES
from loadtest.workload.distribution import Distribution
from loadtest.workload.faults import BadRecipe
from loadtest.workload.generators import Maker
from loadtest.workload.inject import Spoils, anchor, spoils_of
from loadtest.workload.key_columns import (
    check_key_cells,
    check_keys,
    key_columns,
    numbering,
    numbering_column,
    partition_column,
    partitions,
)
from loadtest.workload.recipe import Recipe
from loadtest.workload.row_buffer import RowBuffer
from loadtest.workload.schema import sources, templates_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FILLED = 0.75  # of a row's bytes, about
_SAMPLE_REJECTS = 0.8  # of what a feed bears: more is too near


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the files of a recipe share."""

    columns: tuple[str, ...]
    makers: dict[str, Maker]
    keys: frozenset[str]
    attributes: Attributes
    not_summed: tuple[str, ...]
    spoils: Spoils
    anchor: tuple[str, int] | None  # a column, and which of its cells the file's first row has
    duplicates: float
    blank_lines: float
    ordered_rows: int
    row_bytes: int  # at most, but for over-long cells
    head: bytes
    foot: bytes
    delimiter: bytes
    line_end: bytes

    @property
    def likely_row_bytes(self) -> float:
        """The approximate size of a row."""
        return self.row_bytes * _FILLED + self.spoils.mean_long_bytes

    def row_buffer(self) -> RowBuffer:
        """Return room for the rows of one file."""
        return _row_buffer(self.columns, self.makers, self.spoils, self.delimiter, self.line_end)


def plan_of(recipe: Recipe) -> Plan:
    """Return what a recipe needs; that of files which differ only in number and size is made once.

    Raises:
        BadRecipe: the recipe cannot be followed.
    """
    return _plan(replace(recipe, rows=0, text_bytes=None, file=0, part=None, compression="none"), recipe.compression)


@lru_cache(maxsize=16)
def _plan(recipe: Recipe, compression: str) -> Plan:
    schema, dialect = recipe.schema, recipe.schema.dialect
    _check(recipe)
    columns = _columns(recipe)
    makers = {name: _maker(recipe, name, columns) for name in columns}
    spoils = spoils_of(recipe.defects, schema, columns)
    delimiter, line_end = dialect.delimiter.encode(dialect.encoding), recipe.line_end.encode()
    row_buffer = _row_buffer(columns, makers, spoils, delimiter, line_end)
    return Plan(
        columns=columns,
        makers=makers,
        keys=frozenset(key_columns(schema)),
        attributes=attributes_of(schema, columns),
        not_summed=not_summed(schema),
        spoils=spoils,
        anchor=anchor(makers) if recipe.defects.share(Reason.BAD_ENCODING) else None,
        duplicates=recipe.defects.share(DUPLICATES),
        blank_lines=recipe.defects.share(BLANK_LINES),
        ordered_rows=int(recipe.segment_bytes / 4 / (row_buffer.width + 4 * spoils.mean_long_bytes)),
        row_bytes=row_buffer.width,
        head=(BYTE_ORDER_MARK if recipe.byte_order_mark else b"") + _head(recipe, columns).encode(dialect.encoding),
        foot=f"generated{recipe.line_end}".encode() * dialect.footer_lines,
        delimiter=delimiter,
        line_end=line_end,
    )


def _row_buffer(
    columns: Sequence[str], makers: Mapping[str, Maker], spoils: Spoils, mark: bytes, line_end: bytes
) -> RowBuffer:
    """Return room for rows, in which a spoiled cell has room too."""
    widest = {name: len(kind.cell) for kind in spoils.kinds for name in kind.columns}
    for kind in spoils.kinds:
        widest |= {name: max(widest[name], len(kind.cell)) for name in kind.columns}
    return RowBuffer([(makers[name].widths, widest.get(name, 0)) for name in columns], mark, line_end)


def _check(recipe: Recipe) -> None:
    schema, dialect = recipe.schema, recipe.schema.dialect
    ascii_text = bytes(range(1, 128))
    if ascii_text.decode("ascii").encode(dialect.encoding) != ascii_text:
        raise BadRecipe(f"files in {dialect.encoding} are not generated, only encodings that ASCII is a part of.")
    if recipe.byte_order_mark and dialect.encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        raise BadRecipe(f"a byte order mark is for UTF-8; the feed has encoding = {dialect.encoding!r}.")
    if dialect.delimiter.isalnum() or dialect.quote.isalnum() or dialect.escape.isalnum():
        raise BadRecipe("a letter or digit as delimiter, quote or escape is not generated.")
    if recipe.quoting == "all" and not dialect.quote:
        raise BadRecipe("the feed's files know no quotes: quoting all cells cannot be had.")
    if schema.most_rejects is not None and recipe.defects.rejected:
        raise BadRecipe(f"the feed ends files at {schema.most_rejects} rejects; leave that limit out to load bad rows.")
    if schema.most_rejected is not None and recipe.defects.rejected > schema.most_rejected * _SAMPLE_REJECTS:
        raise BadRecipe(
            f"the feed ends files with a share of {schema.most_rejected:g} rejects, and this is to have "
            f"{recipe.defects.rejected:g}; keep to {_SAMPLE_REJECTS:.0%} of it."
        )
    check_keys(recipe)


def _columns(recipe: Recipe) -> tuple[str, ...]:
    """Return the columns of the file, in order.

    Raises:
        BadRecipe: a column is named that its files do not have.
    """
    schema, dialect = recipe.schema, recipe.schema.dialect
    given = [name for name, _ in recipe.columns]
    fixed = dialect.header if isinstance(dialect.header, tuple) else dialect.names
    if dialect.header == "none" and not fixed:
        last = max(int(name.removeprefix("column_")) for name in (*schema.needed, *given))
        fixed = tuple(f"column_{n}" for n in range(1, last + 1))
    columns = fixed or tuple(dict.fromkeys((*schema.needed, *given)))
    unknown = [name for name in given if name not in columns]
    if not unknown and dialect.unknown_columns == "refuse":
        unknown = [name for name in given if name not in schema.needed]
    if unknown:
        raise BadRecipe(f"column {unknown[0]}: files of the feed {schema.feed!r} have no such column.")
    return columns


def _maker(recipe: Recipe, name: str, columns: tuple[str, ...]) -> Maker:
    schema, given = recipe.schema, dict(recipe.columns).get(name)
    ttl = schema.ttl
    place = ColumnPlace(
        name=name,
        column=schema.column(name),
        dialect=schema.dialect,
        quote_all=recipe.quoting == "all",
        is_first=name == columns[0],
        seed=recipe.seed,
        quotes=recipe.defects.share(QUOTES),
        line_breaks=recipe.defects.share(LINE_BREAKS),
        in_template=any(name in sources(text) for text in templates_of(schema)),
        expiry=(ttl[2], ttl[1]) if ttl and ttl[0] == name else None,
    )
    if name == numbering_column(schema):
        return numbering(place, given, recipe.key_order, recipe.seed)
    if name == partition_column(schema) and given is None:
        return partitions(place, recipe.key_order)
    maker = maker_of(place, given or Distribution())
    if name in key_columns(schema):
        check_key_cells(name, maker)
    return maker


def _head(recipe: Recipe, columns: tuple[str, ...]) -> str:
    """Return what stands before the rows: a preamble, the header, as the feed says."""
    dialect, end = recipe.schema.dialect, recipe.line_end
    preamble = f"generated{end}" * dialect.skip_lines
    if dialect.header == "none" or isinstance(dialect.header, tuple):
        return preamble
    spare = dialect.delimiter * (len(columns) - 1) + end
    count = dialect.header if isinstance(dialect.header, int) else 1
    if count > 1 and len(columns) == 1:
        raise BadRecipe("a header of several records over a single column is not generated.")
    quote = dialect.quote
    marks = (dialect.delimiter, *quote, "\r", "\n")
    names = [
        f"{quote}{name.replace(quote, quote * 2)}{quote}"
        if quote and (recipe.quoting == "all" or any(mark in name for mark in marks))
        else name
        for name in columns
    ]
    return preamble + spare * (count - 1) + dialect.delimiter.join(names) + end
