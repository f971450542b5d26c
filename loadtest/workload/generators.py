"""Generators of columns: for rows by their numbers, the pieces that cells are written with, and hashes of the values.

A row's number has the file's in its high bits. What a row has depends on its number and on the recipe, and not on what
was made before it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from loadtest.workload.cell_encoder import CellEncoder, EncodedCell
from loadtest.workload.checksum import value_sums
from loadtest.workload.hashing import U64, linear, value_hashes, words
from loadtest.workload.recipe import ROW_BITS

Numbers = NDArray[np.int64]
Piece = Numbers | int  # numbers of pieces, for each row or for all
ROW_MASK = (1 << ROW_BITS) - 1
_GROUP = 10_000
_WHOLE, _BARE, _LAST = 1, 1 + _GROUP, 1 + 2 * _GROUP  # where the tables of digits begin


class Pieces:
    """Byte strings that rows are put together from, by their numbers: 0 is the empty one, then come digits."""

    def __init__(self) -> None:
        bare = [b"%d" % number for number in range(_GROUP)]
        self._texts = [b"", *(text.rjust(4, b"0") for text in bare), b"", *bare[1:], *bare]

    def add(self, texts: Sequence[bytes]) -> int:
        """Take some more; return the number of the first. No more are taken once rows have been made."""
        self._texts += texts
        return len(self._texts) - len(texts)

    def constant(self, text: bytes) -> list[Piece]:
        """Return the pieces of a text that is the same in all rows: one, or none if it is empty."""
        return [self.add([text])] if text else []

    @cached_property
    def _array(self) -> pa.LargeBinaryArray:
        return pa.array(self._texts, pa.large_binary())

    @cached_property
    def _hashes(self) -> tuple[U64, U64]:
        return linear(self._texts)

    def joined(self, places: NDArray[np.int32]) -> tuple[memoryview, Numbers]:
        """Return rows put together, a row of numbers each, and where each begins and the last ends."""
        indices: Any = pa.array(places.ravel())
        buffers: Any = pc.take(self._array, indices, boundscheck=False).buffers()
        _, offsets, data = buffers  # what is taken lies one behind the other: that is the text
        return memoryview(data), np.frombuffer(offsets, np.int64)[: places.size + 1 : places.shape[1]]

    def hashed(self, pieces: Sequence[Piece]) -> tuple[U64, U64]:
        """Return the linear hashes of texts put together from pieces, and BASE to the power of their lengths."""
        hashes, powers = (table[pieces[0]] for table in self._hashes)
        for piece in pieces[1:]:
            more, factor = (table[piece] for table in self._hashes)
            hashes, powers = hashes * factor + more, powers * factor
        return hashes, powers

    @staticmethod
    def digits(values: Numbers, groups: int) -> list[Piece]:
        """Return the pieces of whole numbers from 0 on, without zeros before them: up to four digits in each."""
        found: list[Piece] = []
        for place in range(groups):
            higher = values // _GROUP
            found.insert(0, values - higher * _GROUP + np.where(higher > 0, _WHOLE, _BARE if place else _LAST))
            values = higher
        return found


@dataclass(slots=True)
class Cells:
    """The cells of some rows: their pieces; the hashes of what items have of them; the pieces of their text, and
    whether there is none, as templates see it.
    """

    pieces: list[Piece]
    hashes: U64
    text: list[Piece]
    missing: NDArray[np.bool_] | bool = False


class Pool:
    """Chooses one of some cells for each row; for a file's first row one beyond ASCII, if there is one: it shows that
    the encoding is right.
    """

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
    """Writes whole numbers of a number of digits; behind the file's number, if they number its rows."""

    anchor = None

    def __init__(
        self,
        encoder: CellEncoder,
        pieces: Pieces,
        numbers: Callable[[Numbers], Numbers],
        digits: int,
        *,
        is_numbering: bool = False,
    ) -> None:
        self._encoder, self._pieces, self._numbers, self._groups = encoder, pieces, numbers, -(-digits // 4)
        quote = encoder.dialect.quote.encode() if encoder.recipe.quoting == "all" else b""
        self._before, self._after = pieces.constant(encoder.before + quote), pieces.constant(quote)
        is_text, self._is_numbering = encoder.column.type == "S", is_numbering
        self._first, self._dash = pieces.constant(b"" if is_text else b"1"), pieces.constant(b"-" if is_text else b"")
        self.width = len(encoder.before) + 2 * len(quote) + digits + 6 * is_numbering
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


CellGenerator = Pool | Digits


def sampler(weights: Sequence[float]) -> Callable[[U64], Numbers]:
    """Return what chooses among values by their weights, given 32 random bits."""
    count = np.uint64(len(weights))
    if len(set(weights)) == 1:
        return lambda chance: (chance * count >> np.uint64(32)).astype(np.int64)
    limits = (np.cumsum(weights) * ((1 << 32) / sum(weights))).astype(np.uint64)
    limits[-1] = 1 << 32
    return lambda chance: np.searchsorted(limits, chance, side="right")
