"""Generators of columns: cells as encoded in the file, their values, and hashes of the values.

A row's number has the file's number in its high bits. A row's content depends only on its number and the recipe, not on
the rows made before it.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loadtest.workload.checksum import U64, Item, linear, seed_of, value_hashes, value_sums, words
from loadtest.workload.recipe import ROW_BITS, BadRecipe, Recipe, sources


@dataclass(frozen=True, slots=True)
class EncodedCell:
    """A cell as encoded in the file, and its value."""

    cell: bytes
    text: str | None  # as used in templates; None: no value
    item: Item  # the attributes that result from it
    weight: float = 1.0  # frequency relative to other cells


class CellEncoder:
    """Encodes the cells of one column. `before`: the delimiter. `is_dropped`: the column becomes no attribute."""

    def __init__(self, recipe: Recipe, name: str, *, is_first: bool) -> None:
        self.recipe, self.name, self.column = recipe, name, recipe.schema.column(name)
        self.schema, self.dialect = recipe.schema, recipe.schema.dialect
        self.attribute, self.is_dropped = self.column.name or name, self.schema.is_dropped(name)
        self.before = b"" if is_first else self.dialect.delimiter.encode(self.dialect.encoding)
        self.in_template = any(name in sources(text) for _, text in self.schema.templates)
        self.seed, self.chance = seed_of(recipe.seed, "column", name), random.Random(f"{recipe.seed}\0{name}")
        self._comment = self.dialect.comment if is_first else ""

    def encode(self, text: str, content: Any = None, *, weight: float = 1.0) -> EncodedCell:
        """Return the cell of a text; `content` is its value if that cannot be derived from the text."""
        text = text.strip() if self.dialect.trim else text
        is_unquoted = not (self.quotes(text) and self.dialect.quote)
        is_null = content is None and text in self.dialect.null_values and (self.dialect.quoted_nulls or is_unquoted)
        item = {} if self.is_dropped else self._item(self.column.default if is_null else text, content)
        return EncodedCell(self.written(text), None if is_null else text, item, weight)

    def _item(self, text: str | None, content: Any) -> Item:
        """Return the attributes of a cell; the feed's `null` setting decides them for a cell without text."""
        if text is None and self.column.null != "empty":
            return {self.attribute: {"NULL": True}} if self.column.null == "null" else {}
        return {self.attribute: {self.column.type: self._content(text or "") if content is None else content}}

    def quotes(self, text: str) -> bool:
        """Return whether a text is written in quotes; an empty one never is."""
        marks = self.dialect.delimiter + self.dialect.quote + "\r\n"
        is_comment = bool(self._comment) and text.startswith(self._comment)
        return bool(text) and (self.recipe.quoting == "all" or is_comment or any(mark in text for mark in marks))

    def written(self, text: str) -> bytes:
        """Return a text as encoded in the file."""
        d, is_quoted = self.dialect, self.quotes(text)
        written = text.replace(d.escape, d.escape * 2) if d.escape else text
        if is_quoted and d.quote:
            written = d.quote + written.replace(d.quote, d.quote * 2) + d.quote
        elif is_quoted and d.escape:
            written = written.replace(d.delimiter, d.escape + d.delimiter)
        if is_quoted and not d.quote and (not d.escape or "\n" in text or "\r" in text):
            raise BadRecipe(f"column {self.name}: the feed's dialect cannot write {text!r}; leave it out.")
        try:
            return written.encode(d.encoding)
        except UnicodeEncodeError:
            raise BadRecipe(f"column {self.name}: {text!r} is not {d.encoding} text; leave it out.") from None

    def _content(self, text: str) -> Any:
        kind, column = self.column.type, self.column
        if kind == "BOOL":
            true, false = ({word.lower() for word in words} for words in (column.true, column.false))
            if text.lower() not in true | false:
                raise BadRecipe(f"column {self.name}: {text!r} is neither the feed's true nor its false.")
            return text.lower() in true
        if kind == "N":
            text = text.replace(self.dialect.thousands, "") if self.dialect.thousands else text
            try:
                return str(Decimal(text.replace(self.dialect.decimal, ".")))
            except ArithmeticError:
                raise BadRecipe(f"column {self.name}: {text!r} is not a number of the feed.") from None
        if not column.is_plain:
            raise BadRecipe(f"column {self.name}: {text!r} is not read as {kind} here; use the default distribution.")
        return text

    def number(self, text: str, *, weight: float = 1.0) -> EncodedCell:
        """Return the cell of a number; `text` has a decimal point, whatever the feed's decimal mark."""
        is_number = self.column.type == "N"
        return self.encode(text.replace(".", self.dialect.decimal) if is_number else text, weight=weight)

    def time(self, when: datetime) -> EncodedCell:
        """Return the cell of a time in the column's zone; it must be exact in the column's unit."""
        column, epoch_s = self.column, int(when.timestamp())
        iso = when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if not column.timestamp:
            return self.encode(iso)
        forms = {"iso": when.isoformat() if column.unit == "day" else iso}
        forms |= {"epoch_s": str(epoch_s), "epoch_ms": str(epoch_s * 1000)}
        if column.unit == "day":
            meant = when.date().isoformat()
        elif column.type == "N":
            meant = str(epoch_s * {"s": 1, "ms": 1000, "us": 1_000_000}[column.unit])
        else:
            meant = iso.replace("Z", {"s": "Z", "ms": ".000Z", "us": ".000000Z"}[column.unit])
        cell = self.encode(forms.get(column.timestamp[0]) or when.strftime(column.timestamp[0]), meant)
        if self.schema.ttl and self.schema.ttl[0] == self.name:
            _, after_s, attribute = self.schema.ttl
            cell = replace(cell, item={**cell.item, attribute: {"N": str(epoch_s + after_s)}})
        return cell


Numbers = NDArray[np.int64]
Piece = Numbers | int  # piece numbers of each row, or one for all rows
ROW_MASK = (1 << ROW_BITS) - 1
_GROUP = 10_000
_WHOLE, _BARE, _LAST = 1, 1 + _GROUP, 1 + 2 * _GROUP  # first pieces of the tables of digits


class Pieces:
    """Numbered byte strings from which rows are assembled: 0 is the empty one, digits follow."""

    def __init__(self) -> None:
        bare = [b"%d" % number for number in range(_GROUP)]
        self._texts = [b"", *(text.rjust(4, b"0") for text in bare), b"", *bare[1:], *bare]

    def add(self, texts: Sequence[bytes]) -> int:
        """Add texts; return the number of the first. Do not call it after rows have been made."""
        self._texts += texts
        return len(self._texts) - len(texts)

    def constant(self, text: bytes) -> list[Piece]:
        """Return the piece of a text that is the same in all rows; none if it is empty."""
        return [self.add([text])] if text else []

    @cached_property
    def _array(self) -> pa.LargeBinaryArray:
        return pa.array(self._texts, pa.large_binary())

    @cached_property
    def _hashes(self) -> tuple[U64, U64]:
        return linear(self._texts)

    def joined(self, places: NDArray[np.int32]) -> tuple[memoryview, Numbers]:
        """Return the text of rows, given the piece numbers of each, and the offsets of their starts and of the end."""
        indices: Any = pa.array(places.ravel())
        buffers: Any = pc.take(self._array, indices, boundscheck=False).buffers()
        _, offsets, data = buffers  # the taken values are contiguous: they are the text
        return memoryview(data), np.frombuffer(offsets, np.int64)[: places.size + 1 : places.shape[1]]

    def hashed(self, pieces: Sequence[Piece]) -> tuple[U64, U64]:
        """Return the linear hashes of texts assembled from pieces, and BASE to the power of their lengths."""
        hashes, powers = (table[pieces[0]] for table in self._hashes)
        for piece in pieces[1:]:
            more, factor = (table[piece] for table in self._hashes)
            hashes, powers = hashes * factor + more, powers * factor
        return hashes, powers

    @staticmethod
    def digits(values: Numbers, groups: int) -> list[Piece]:
        """Return the pieces of whole numbers from 0 on, without leading zeros: up to four digits per piece."""
        found: list[Piece] = []
        for place in range(groups):
            higher = values // _GROUP
            found.insert(0, values - higher * _GROUP + np.where(higher > 0, _WHOLE, _BARE if place else _LAST))
            values = higher
        return found


@dataclass(slots=True)
class Cells:
    """The cells of some rows."""

    pieces: list[Piece]
    hashes: U64  # hashes of the attributes that result from them
    text: list[Piece]  # as used in templates
    missing: NDArray[np.bool_] | bool = False  # whether they have no value


class Pool:
    """Chooses a cell from a pool for each row; a file's first row gets a non-ASCII one, which shows the encoding."""

    def __init__(self, encoder: CellEncoder, pieces: Pieces, cells: Sequence[EncodedCell]) -> None:
        self._seed, self._pick = encoder.seed, sampler([cell.weight for cell in cells])
        written = [encoder.before + cell.cell for cell in cells]
        texts = [(cell.text or "").encode() for cell in cells] if encoder.in_template else []
        self._written, self._texts = pieces.add(written), pieces.add(texts)
        self._missing = np.array([cell.text is None for cell in cells])
        self._hashes = value_sums([cell.item for cell in cells])
        self.width = max(map(len, written))
        self.mean_width = float(np.average(list(map(len, written)), weights=[cell.weight for cell in cells]))
        self.anchor = next((at for at, cell in enumerate(cells) if cell.text and not cell.text.isascii()), None)

    def make(self, numbers: Numbers) -> Cells:
        """Return the cells of some rows."""
        chosen = self._pick(words(self._seed, numbers))
        if self.anchor is not None:
            chosen[(numbers & ROW_MASK) == 0] = self.anchor
        return Cells([self._written + chosen], self._hashes[chosen], [self._texts + chosen], self._missing[chosen])


class Digits:
    """Writes whole numbers of up to `digits` digits, after the file's number if the column numbers its rows."""

    anchor = None

    def __init__(
        self, encoder: CellEncoder, pieces: Pieces, numbers: Callable[[Numbers], Numbers], digits: int
    ) -> None:
        self._encoder, self._pieces, self._numbers, self._groups = encoder, pieces, numbers, -(-digits // 4)
        quote = encoder.dialect.quote.encode() if encoder.recipe.quoting == "all" else b""
        self._before, self._after = pieces.constant(encoder.before + quote), pieces.constant(quote)
        is_text, self._is_numbering = encoder.column.type == "S", encoder.name == encoder.schema.numbering_column
        self._first, self._dash = pieces.constant(b"" if is_text else b"1"), pieces.constant(b"-" if is_text else b"")
        self.width = len(encoder.before) + 2 * len(quote) + digits + 6 * self._is_numbering
        self.mean_width = float(self.width)

    def make(self, numbers: Numbers) -> Cells:
        """Return the cells of some rows."""
        text = self._pieces.digits(self._numbers(numbers), self._groups)
        if self._is_numbering:
            file = numbers >> ROW_BITS
            text = [*self._first, _LAST + file // _GROUP, _WHOLE + file % _GROUP, *self._dash, *text]
        hashes = np.zeros(len(numbers), np.uint64)
        if not self._encoder.is_dropped:
            hashes = value_hashes(self._encoder.attribute, self._encoder.column.type, *self._pieces.hashed(text))
        return Cells([*self._before, *text, *self._after], hashes, text)


def sampler(weights: Sequence[float]) -> Callable[[U64], Numbers]:
    """Return the function that chooses an index by weight, given 32 random bits."""
    count = np.uint64(len(weights))
    if len(set(weights)) == 1:
        return lambda chance: (chance * count >> np.uint64(32)).astype(np.int64)
    limits = (np.cumsum(weights) * ((1 << 32) / sum(weights))).astype(np.uint64)
    limits[-1] = 1 << 32
    return lambda chance: np.searchsorted(limits, chance, side="right")
