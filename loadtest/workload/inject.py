"""Which cells are spoiled so that a row is rejected for one reason, and what they become."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ingest.contract import Reason
from loadtest.workload.defects import Defects
from loadtest.workload.faults import BadRecipe
from loadtest.workload.generators import Maker, Pool
from loadtest.workload.key_columns import key_columns
from loadtest.workload.samplers import Words
from loadtest.workload.schema import Column, Dialect, Schema, is_template, sources

KEY_BYTES = (2048, 1024)  # DynamoDB's limits of partition and sort key
ITEM_BYTES = 400 * 1024
LONG = (Reason.KEY_TOO_LONG, Reason.ITEM_TOO_LARGE, Reason.RECORD_TOO_LONG)
_BESIDE = 256  # bytes more than the limit, so that what stands around does not matter


@dataclass(frozen=True, slots=True)
class Inject:
    """A kind of bad row: its reason and share, the columns one of which is spoiled, and what that cell becomes. Ragged
    rows have no such columns. `size`: a cell as long as that, of one letter.
    """

    reason: str
    share: float
    columns: tuple[str, ...] = ()
    cell: bytes = b""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Spoils:
    """All kinds of bad rows of a file."""

    kinds: tuple[Inject, ...]

    def draw(self, words: Words) -> NDArray[np.int8]:
        """Return the kind of each row: 0 is good, n the n-th kind."""
        kinds = np.zeros(len(words), np.int8)
        if not self.kinds:
            return kinds
        limits = np.cumsum([kind.share for kind in self.kinds]) * (1 << 32)
        bad = np.flatnonzero(words < limits[-1])
        kinds[bad] = np.searchsorted(limits, words[bad], side="right") + 1
        return kinds

    @property
    def mean_long_bytes(self) -> float:
        """What over-long cells add to a row on average."""
        return sum(kind.share * kind.size for kind in self.kinds)


def spoils_of(defects: Defects, schema: Schema, columns: tuple[str, ...]) -> Spoils:
    """Return the kinds of bad rows that a recipe wants.

    Raises:
        BadRecipe: a file of the feed cannot have rows that are rejected for that reason.
    """
    return Spoils(tuple(_spoil(reason, share, schema, columns) for reason, share in defects.rejects))


def _spoil(reason: str, share: float, schema: Schema, columns: tuple[str, ...]) -> Inject:
    d = schema.dialect
    if reason == Reason.RAGGED_ROW:
        if d.ragged != "reject":
            raise BadRecipe(f"the feed does not reject ragged rows, it has ragged = {d.ragged!r}; leave them out.")
        return Inject(reason, share)
    if reason == Reason.RECORD_TOO_LONG:
        return Inject(reason, share, columns[:1], size=d.max_record_bytes + 4096)
    if reason in (Reason.KEY_TOO_LONG, Reason.ITEM_TOO_LARGE):
        return _long(reason, share, schema, columns)
    found = tuple(name for name in columns if _FITS[reason](name, schema.column(name), schema, columns))
    if not found:
        raise BadRecipe(f"no column of the feed {schema.feed!r} can be the reason for {reason}; leave it out.")
    if reason == Reason.BAD_SET:  # the cell depends on the separator: one column will do
        return Inject(reason, share, found[:1], _cell(reason, schema.column(found[0]), d))
    return Inject(reason, share, found, _cell(reason, schema.column(found[0]), d))


def _long(reason: str, share: float, schema: Schema, columns: tuple[str, ...]) -> Inject:
    if reason == Reason.KEY_TOO_LONG:
        keys = [(at, name) for at, (_, source) in enumerate(schema.keys) for name in sources(source)]
        at, name = next(((at, name) for at, name in keys if _is_text(schema.column(name))), (0, ""))
        size = KEY_BYTES[at] + _BESIDE
    else:
        taken = {*key_columns(schema), *_filled_columns(schema)}
        free = [n for n in columns if n not in taken and _is_text(schema.column(n)) and not schema.column(n).drop]
        name = next((n for n in free if (schema.column(n).name or n) not in schema.index_keys), "")
        size = ITEM_BYTES + _BESIDE
    if not name or size + 65_536 > schema.dialect.max_record_bytes:
        raise BadRecipe(f"no column of the feed {schema.feed!r} can be the reason for {reason}; leave it out.")
    return Inject(reason, share, (name,), size=size)


def _is_text(column: Column) -> bool:
    return column.type == "S" and not column.timestamp


def _filled_columns(schema: Schema) -> list[str]:
    return [name for _, text, _ in schema.attributes if is_template(text) for name in sources(text)]


def _is_empty_null(column: Column, schema: Schema) -> bool:
    return column.default is None and "" in schema.dialect.null_values


def _may_be_empty_key(name: str, column: Column, schema: Schema, columns: tuple[str, ...]) -> bool:
    is_key = name in key_columns(schema) and "" in schema.dialect.null_values
    is_filled = any(is_template(source) and name in sources(source) for _, source in schema.keys)
    return is_key and len(columns) > 1 and column.null != "reject" and (is_filled or column.default is None)


def _may_be_missing(name: str, column: Column, schema: Schema, columns: tuple[str, ...]) -> bool:
    is_rejected = column.null == "reject" and _is_empty_null(column, schema) and len(columns) > 1
    return is_rejected and not _is_left_out(name, column, schema)


def _is_left_out(name: str, column: Column, schema: Schema) -> bool:
    """Return whether a column's cells are not looked at for themselves."""
    return column.drop and not any(source == name for _, source in schema.keys)


def _of(*types: str, times: bool = False) -> Callable[[str, Column, Schema, tuple[str, ...]], bool]:
    def fits(name: str, column: Column, schema: Schema, columns: tuple[str, ...]) -> bool:
        is_kind = bool(column.timestamp) if times else column.type in types and not column.timestamp
        return is_kind and not _is_left_out(name, column, schema)

    return fits


_FITS: Mapping[str, Callable[[str, Column, Schema, tuple[str, ...]], bool]] = {
    Reason.BAD_NUMBER: _of("N"),
    Reason.NUMBER_OUT_OF_RANGE: _of("N"),
    Reason.BAD_BOOLEAN: _of("BOOL"),
    Reason.BAD_TIMESTAMP: _of(times=True),
    Reason.BAD_BINARY: _of("B"),
    Reason.BAD_SET: _of("SS", "NS"),
    Reason.BAD_JSON: _of("L", "M"),
    Reason.BAD_ENCODING: lambda name, column, schema, columns: True,
    Reason.MISSING_VALUE: _may_be_missing,
    Reason.EMPTY_KEY: _may_be_empty_key,
}
_CELLS = {
    Reason.BAD_NUMBER: b"12x",
    Reason.NUMBER_OUT_OF_RANGE: b"1e400",
    Reason.BAD_BOOLEAN: b"perhaps",
    Reason.BAD_TIMESTAMP: b"no time",
    Reason.BAD_BINARY: b"no bin!",
    Reason.BAD_JSON: b"{",
}


def _cell(reason: str, column: Column, dialect: Dialect) -> bytes:
    if reason == Reason.BAD_SET:
        mark = column.separator.encode()
        quote = dialect.quote.encode() if dialect.delimiter in column.separator else b""
        return quote + b"1" + mark + mark + b"2" + quote
    return _undecodable(dialect) if reason == Reason.BAD_ENCODING else _CELLS.get(reason, b"")


def _undecodable(dialect: Dialect) -> bytes:
    """Return bytes that are not text in the file's encoding.

    Raises:
        BadRecipe: every byte is.
    """
    for byte in range(255, 127, -1):
        cell = b"no" + bytes([byte]) + b"text"
        try:
            cell.decode(dialect.encoding)
        except UnicodeDecodeError:
            return cell
    raise BadRecipe(f"any bytes are {dialect.encoding} text: bad_encoding cannot be made.")


def anchor(makers: Mapping[str, Maker]) -> tuple[str, int]:
    """Return a column and which of its cells is beyond ASCII, for the first row: where all such cells of a file's
    beginning are unreadable, the loader takes the whole file for one in another encoding.

    Raises:
        BadRecipe: there is none.
    """
    for name, maker in makers.items():
        if isinstance(maker, Pool):
            for place, entry in enumerate(maker.encoded):
                if entry.text and not entry.text.isascii():
                    return name, place
    raise BadRecipe("bad_encoding needs a column of free text, or of another with characters beyond ASCII.")
