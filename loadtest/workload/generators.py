"""Makers of cells: for the rows of a block, the bytes of one column and the hashes of what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.cell_encoder import EncodedCell
from loadtest.workload.digits import Fields, Fractions, joined_hash, padded, plain, void
from loadtest.workload.hashing import MASK, U64, attribute_seed, linear, powers, value_hashes
from loadtest.workload.samplers import Evenly, Sampler, Weighted, Words

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Draw:
    """What a column's cells depend on. Rows that repeat another have that one's.

    Attributes:
        numbers: the rows' numbers in the file.
        words: a random word for each row.
        rows: where in the block each row takes its word; None: each its own.
        file: the file's number.
        first: which ready cell the block's first row has, if that matters.
    """

    numbers: Numbers
    words: Words
    rows: Numbers | None
    file: int
    first: int | None = None

    def taken(self, values: Numbers) -> Numbers:
        """Return values of the block's rows as its rows take them."""
        return values if self.rows is None else values[self.rows]


@dataclass(slots=True)
class Cells:
    """The cells of a column, and their hashes: of the attribute's value (0 where there is none), of the text (with its
    power of length, and where it is missing) if a template wants it, and of the expiry that follows from it.
    """

    fields: Fields
    hashes: U64
    text: tuple[U64, U64] | None = None
    missing: NDArray[np.bool_] | None = None
    expiry: U64 | None = None


class Maker(Protocol):
    """Makes the cells of one column, in fields of these widths."""

    widths: tuple[int, ...]

    def make(self, draw: Draw) -> Cells:
        """Return the cells of some rows."""


class Pool:
    """Ready cells, one of which is chosen for each row."""

    def __init__(
        self,
        encoded: Sequence[EncodedCell],
        attribute: str,
        weights: Sequence[float] | None = None,
        *,
        in_template: bool = True,
        expiry: tuple[str, int] | None = None,
    ) -> None:
        self.encoded, self.weights = encoded, weights
        self._sampler: Sampler = Weighted(weights) if weights else Evenly(len(encoded))
        self._cells = void([entry.cell for entry in encoded])
        self.widths: tuple[int, ...] = (self._cells.dtype.itemsize,)
        self._hashes = _entry_hashes(attribute, [entry.value for entry in encoded])
        self._texts = _text_hashes(encoded) if in_template else None
        missing = np.array([entry.text is None for entry in encoded])
        self._missing = missing if missing.any() else None
        self._expiry = _expiry_hashes(encoded, expiry) if expiry else None

    def make(self, draw: Draw) -> Cells:
        """Return the cells of some rows."""
        chosen = self._sampler.pick(draw.words)
        if draw.first is not None:
            chosen[0] = draw.first
        chosen = draw.taken(chosen)
        return Cells(
            [self._cells.take(chosen)],
            self._hashes.take(chosen),
            (self._texts[0][chosen], self._texts[1][chosen]) if self._texts else None,
            None if self._missing is None or self._texts is None else self._missing[chosen],
            None if self._expiry is None else self._expiry[chosen],
        )


class Padded:
    """Numbers of several groups of four digits behind a literal, which the file's number is a part of if `{file}` is.

    A text column has them as they are, and so has a column of numbers if the literal begins with a digit other than 0.
    """

    def __init__(
        self, literal: str, groups: int, attribute: tuple[str, str], numbers: Callable[[Draw], Numbers], quote: bytes
    ) -> None:
        self._literal, self._groups, self._numbers, self._quote = literal, groups, numbers, quote
        self._seed = attribute_seed(*attribute)
        self.widths = tuple(filter(None, (len(self._prefix(0)), *[4] * groups, len(quote))))

    def make(self, draw: Draw) -> Cells:
        """Return the cells of some rows."""
        numbers = draw.taken(self._numbers(draw))
        fields, hashes = padded(numbers, self._groups)
        literal = self._prefix(draw.file).removeprefix(self._quote)
        length = 4 * self._groups
        hashes = hashes + np.uint64(joined_hash(literal) * int(powers(length + 1)[length]) & MASK)
        power = np.broadcast_to(powers(length + len(literal) + 1)[length + len(literal)], hashes.shape)
        around = _constant(self._prefix(draw.file)), _constant(self._quote)
        return Cells([*around[0], *fields, *around[1]], value_hashes(self._seed, hashes, power), (hashes, power))

    def _prefix(self, file: int) -> bytes:
        return self._quote + self._literal.format(file=file).encode()


class Plain:
    """Numbers as people write them: a sign if there must be one, no zeros before them, and a number of decimals."""

    def __init__(
        self,
        attribute: tuple[str, str],
        numbers: Callable[[Draw], Numbers],
        *,
        largest: int,
        decimals: int = 0,
        mark: str = ".",
        quote: bytes = b"",
        in_template: bool = True,
    ) -> None:
        self._numbers, self._quote = numbers, quote
        self._in_template = in_template or attribute[1] == "S"
        self._fractions = Fractions(decimals, mark.encode())
        self._groups = max(1, -(-len(str(largest // 10**decimals)) // 4))
        self._kind, self._seed = attribute[1], attribute_seed(*attribute)
        ends = [len(quote)] if quote else []
        self.widths: tuple[int, ...] = (*ends, 1, *[4] * self._groups, self._fractions.texts.dtype.itemsize, *ends)

    def make(self, draw: Draw) -> Cells:
        """Return the cells of some rows."""
        numbers = draw.taken(self._numbers(draw))
        sizes, f = np.abs(numbers), self._fractions
        whole = sizes // f.divisor if f.divisor > 1 else sizes
        parts = sizes - whole * f.divisor
        fields, hashes, lengths = plain(whole, self._groups)
        signs = numbers < 0
        minus = np.where(signs, np.uint8(ord("-")), np.uint8(0)).view("V1")
        quote = _constant(self._quote)
        meant = _with_parts(hashes, lengths, signs, f.hashes.take(parts), f.lengths.take(parts))
        text = None
        if self._in_template:
            text = _with_parts(hashes, lengths, signs, f.written.take(parts), f.written_lengths.take(parts))
        written = text if text and self._kind == "S" else meant
        return Cells([*quote, minus, *fields, f.texts.take(parts), *quote], value_hashes(self._seed, *written), text)


def _constant(text: bytes) -> Fields:
    """Return a text that is the same in each row as a field; none if it is empty."""
    return [np.frombuffer(text, f"V{len(text)}")] if text else []


def _with_parts(
    whole: U64, lengths: Numbers, signs: NDArray[np.bool_], parts: U64, part_lengths: Numbers
) -> tuple[U64, U64]:
    """Return the linear hash of sign, whole number and what is behind the point, and the power of their length."""
    length = lengths + part_lengths
    table = powers(int(length.max(initial=0)) + 2)
    hashes = whole * table.take(part_lengths) + parts
    if signs.any():
        hashes += signs * (table.take(length) * np.uint64(ord("-")))
    return hashes, table.take(length + signs)


def _text_hashes(encoded: Sequence[EncodedCell]) -> tuple[U64, U64]:
    texts, lengths = linear([(entry.text or "").encode() for entry in encoded])
    return texts, powers(int(lengths.max(initial=0)) + 1)[lengths]


def _entry_hashes(attribute: str, values: Sequence[tuple[str, bytes] | None]) -> U64:
    """Return the hash of each value, 0 where there is none."""
    hashes = np.zeros(len(values), np.uint64)
    for kind in {value[0] for value in values if value}:
        places = [place for place, value in enumerate(values) if value and value[0] == kind]
        linears, lengths = linear([value[1] for value in values if value and value[0] == kind])
        table = powers(int(lengths.max(initial=0)) + 1)
        hashes[places] = value_hashes(attribute_seed(attribute, kind), linears, table[lengths])
    return hashes


def _expiry_hashes(encoded: Sequence[EncodedCell], expiry: tuple[str, int]) -> U64:
    attribute, after_s = expiry
    times = [None if e.epoch_s is None else ("N", str(e.epoch_s + after_s).encode()) for e in encoded]
    return _entry_hashes(attribute, times)
