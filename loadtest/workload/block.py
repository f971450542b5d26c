"""Blocks of rows: their bytes, and what must be found of them. The same whichever blocks are made before or after."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ingest.contract import Reason
from loadtest.workload.duplicates import GROUP, Repeats, chosen, last_of_each, repeats
from loadtest.workload.expected import MODULUS, KnownOutcome
from loadtest.workload.generators import Cells, Draw, Numbers
from loadtest.workload.hashing import U64
from loadtest.workload.inject import LONG, Inject
from loadtest.workload.plan import Plan

BLOCK_ROWS = 8192  # few calls a row, and what is worked on stays in the cache
_MORE_WORDS = 5  # for each row, beside one for each column
Words = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class RowRange:
    """The rows wanted of a block, from `first` to before `end`; the file has `last` of its rows."""

    first: int
    end: int
    last: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a block: the hash of each one's item, why it is rejected (0: it is not), whether a blank line
    follows, and which row it has the key of (None: each its own).
    """

    hashes: U64
    kinds: NDArray[np.int8]
    blank: NDArray[np.bool_]
    keys: Numbers | None


class Blocks:
    """Makes the blocks of one file."""

    def __init__(self, plan: Plan, seed: int, file: int) -> None:
        self._plan, self._seed, self._file = plan, seed, file
        self.hashes: U64 = np.zeros(0, np.uint64)  # of the items of the good rows made last
        self._row_buffer = plan.row_buffer()
        self._changed = np.zeros(0, np.int64)  # rows of the buffer that are not as they were

    def make(self, number: int, extent: RowRange, room: int | None = None) -> tuple[bytes, KnownOutcome]:
        """Return the bytes of some rows of a block, and what must be found of them.

        Where they are more than `room` bytes, the file ends with the last of them that fits.
        """
        rows = self._rows(number, -(-extent.last // GROUP) * GROUP)
        text, lengths = self._text(extent.last, rows)
        if room is not None and len(text) > room:
            lengths = self._lengths(extent.last) if lengths is None else lengths
            end = int(np.searchsorted(np.cumsum(lengths), room, side="right"))
            extent = RowRange(extent.first, end, end)
            text = text[: int(lengths[:end].sum())]
        elif extent.first or extent.end < extent.last:
            lengths = self._lengths(extent.last) if lengths is None else lengths
            text = text[int(lengths[: extent.first].sum()) : int(lengths[: extent.end].sum())]
        return text, replace(self._known_outcome(rows, extent), text_bytes=len(text))

    def _known_outcome(self, rows: _Rows, extent: RowRange) -> KnownOutcome:
        good = rows.kinds[: extent.last] == 0
        kept = np.flatnonzero(good) if rows.keys is None else last_of_each(rows.keys[: extent.last], good)
        kept = kept[(kept >= extent.first) & (kept < extent.end)]
        self.hashes = rows.hashes[extent.first : extent.end][good[extent.first : extent.end]]
        kinds = self._plan.spoils.kinds
        counts = np.bincount(rows.kinds[extent.first : extent.end], minlength=len(kinds) + 1)
        replaced = int(counts[0]) - len(kept)
        return KnownOutcome(
            rows=extent.end - extent.first,
            rejected={kind.reason: int(count) for kind, count in zip(kinds, counts[1:], strict=True) if count},
            superseded=(replaced, replaced),
            items=len(kept),
            checksum=int(rows.hashes[kept].sum(dtype=np.uint64)) % MODULUS,
            not_summed=self._plan.not_summed,
        )

    def _rows(self, number: int, count: int) -> _Rows:
        """Write the first rows of a block to the buffer."""
        self._row_buffer.clear(self._changed)
        self._row_buffer.size(count)
        words = self._words(number)[:, :count]
        numbers = np.arange(number * BLOCK_ROWS, number * BLOCK_ROWS + count)
        plan, again = self._plan, None
        if plan.duplicates:
            again = repeats(numbers, words[-2:], plan.duplicates, plan.ordered_rows)
        hashes = self._fill(numbers, words, again)
        kinds = plan.spoils.draw(words[-5])
        kinds[0] = kinds[0] if number else 0  # the first row shows the encoding
        blank = chosen(words[-3], plan.blank_lines)
        self._spoil(kinds, words[-4])
        self._row_buffer.add_blank_line(np.flatnonzero(blank))
        self._changed = np.flatnonzero(blank | (kinds != 0))
        return _Rows(hashes, kinds, blank, again.keys if again else None)

    def _words(self, number: int) -> Words:
        """Return random words: a row of them for each column, and some more."""
        count = len(self._plan.columns) + _MORE_WORDS
        source = np.random.SFC64(np.random.SeedSequence([self._seed, self._file, number]))
        return source.random_raw(count * BLOCK_ROWS // 2).view(np.uint32).reshape(count, BLOCK_ROWS)

    def _fill(self, numbers: Numbers, words: Words, again: Repeats | None) -> U64:
        """Write all cells; return the hash of each row's item."""
        cells: dict[str, Cells] = {}
        anchored, cell = self._plan.anchor or ("", None)
        for at, name in enumerate(self._plan.columns):
            rows = None if again is None else again.keys if name in self._plan.keys else again.contents
            cells[name] = self._plan.makers[name].make(
                Draw(numbers, words[at], rows, self._file, cell if name == anchored and numbers[0] == 0 else None)
            )
            self._row_buffer.fill(at, cells[name].fields, len(numbers))
        return self._plan.attributes.hashes(cells)

    def _spoil(self, kinds: NDArray[np.int8], words: Words) -> None:
        """Inject defects into the rows that are to be rejected, but for those that become too long for the buffer."""
        for number, kind in enumerate(self._plan.spoils.kinds, start=1):
            rows = np.flatnonzero(kinds == number)
            if kind.reason == Reason.RAGGED_ROW:
                is_short = (words[rows] & np.uint32(len(self._plan.columns) > 1)) == 1
                self._row_buffer.drop_last(rows[is_short])
                self._row_buffer.add_cell(rows[~is_short])
            elif kind.reason not in LONG:
                choice = (words[rows].astype(np.int64) * len(kind.columns)) >> 32
                for at, name in enumerate(kind.columns):
                    self._row_buffer.replace(rows[choice == at], self._plan.columns.index(name), kind.cell)

    def _text(self, count: int, rows: _Rows) -> tuple[bytes, Numbers | None]:
        """Return the first rows as they stand in the file, and their lengths, if these had to be known."""
        text, kinds = self._row_buffer.text(count), self._plan.spoils.kinds
        long = [row for row in np.flatnonzero(rows.kinds[:count]).tolist() if kinds[rows.kinds[row] - 1].reason in LONG]
        if not long:
            return text, None
        lengths = self._lengths(count)
        ends = np.cumsum(lengths)
        parts, at = [], 0
        for row in long:
            line = self._long(row, kinds[rows.kinds[row] - 1], is_blank=bool(rows.blank[row]))
            parts += [text[at : ends[row] - lengths[row]], line]
            at, lengths[row] = int(ends[row]), len(line)
        return b"".join([*parts, text[at:]]), lengths

    def _lengths(self, count: int) -> Numbers:
        return self._row_buffer.lengths(count)

    def _long(self, row: int, kind: Inject, *, is_blank: bool) -> bytes:
        """Return a row with an over-long cell; one that is to be too long as a whole is that cell alone."""
        cell = b"x" * kind.size
        line_end = self._plan.line_end * (1 + is_blank)
        if kind.reason == Reason.RECORD_TOO_LONG:
            return cell + line_end
        cells = self._row_buffer.cells(row)
        cells[self._plan.columns.index(kind.columns[0])] = cell
        return self._plan.delimiter.join(cells) + line_end
