"""The bytes of a block of rows as a table of fixed places, filled column by column; what is NUL at the end goes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.digits import Fields
from loadtest.workload.generators import Numbers

EXTRA_CELL = b"x"


@dataclass(frozen=True, slots=True)
class Box:
    """Where a column's cell stands in a row, and where the delimiter before it does."""

    before: int
    start: int
    end: int


class RowBuffer:
    """Rows of one width. `fill` writes cells, `text` is all of them; `clear` takes back what else was done.

    Of each column the widths of its fields are given, and how wide its cells are at least.
    """

    def __init__(self, widths: Sequence[tuple[Sequence[int], int]], delimiter: bytes, line_end: bytes) -> None:
        self.boxes: list[Box] = []
        self._delimiter, self._line_end = delimiter, line_end
        self._offsets: list[list[int]] = []
        at = 0
        for column, (parts, least) in enumerate(widths):
            start = at + (len(delimiter) if column else 0)
            self._offsets.append([start + sum(parts[:part]) for part in range(len(parts))])
            end = start + max(sum(parts), least)
            self.boxes.append(Box(at, start, end))
            at = end
        self._extra = at
        self._end = at + len(delimiter) + len(EXTRA_CELL)
        self.width = self._end + 2 * len(line_end)
        self._blank = np.zeros(self.width, np.uint8)
        for box in self.boxes[1:]:
            self._blank[box.before : box.start] = np.frombuffer(delimiter, np.uint8)
        self._blank[self._end : self._end + len(line_end)] = np.frombuffer(line_end, np.uint8)
        self._bytes = bytearray()
        self._rows = self._blank[None, :][:0]
        self._views: dict[tuple[int, int], NDArray[np.void]] = {}

    def size(self, count: int) -> None:
        """Make room for a number of rows."""
        if len(self._rows) < count:
            self._bytes = bytearray(self._blank.tobytes() * count)
            self._rows = np.frombuffer(self._bytes, np.uint8).reshape(count, self.width)
            self._views.clear()

    def fill(self, column: int, fields: Fields, count: int) -> None:
        """Write a column's cells into the first rows."""
        for offset, values in zip(self._offsets[column], fields, strict=True):
            self._view(offset, values.dtype.itemsize)[:count] = values

    def _view(self, offset: int, width: int) -> NDArray[np.void]:
        found = self._views.get((offset, width))
        if found is None:
            kind = np.dtype({"names": ["cell"], "formats": [f"V{width}"], "offsets": [offset], "itemsize": self.width})
            found = self._views[offset, width] = self._rows.reshape(-1).view(kind)["cell"]
        return found

    def replace(self, rows: Numbers, column: int, cell: bytes) -> None:
        """Write one text over a column's cells of some rows."""
        box = self.boxes[column]
        self._rows[rows, box.start : box.end] = np.frombuffer(cell.ljust(box.end - box.start, b"\0"), np.uint8)

    def drop_last(self, rows: Numbers) -> None:
        """Take the last cell of some rows away."""
        box = self.boxes[-1]
        self._rows[rows, box.before : box.end] = 0

    def add_cell(self, rows: Numbers) -> None:
        """Give some rows a cell too many."""
        self._rows[rows, self._extra : self._end] = np.frombuffer(self._delimiter + EXTRA_CELL, np.uint8)

    def add_blank_line(self, rows: Numbers) -> None:
        """Let a blank line follow some rows."""
        self._rows[rows, self._end + len(self._line_end) :] = np.frombuffer(self._line_end, np.uint8)

    def clear(self, rows: Numbers) -> None:
        """Take back what was done to some rows."""
        self._rows[rows] = self._blank

    def cells(self, row: int) -> list[bytes]:
        """Return the cells of a row as they stand in the file."""
        return [self._rows[row, box.start : box.end].tobytes().replace(b"\0", b"") for box in self.boxes]

    def lengths(self, count: int) -> Numbers:
        """Return how many bytes each of the first rows has."""
        lengths: Numbers = np.count_nonzero(self._rows[:count], axis=1).astype(np.int64)
        return lengths

    def text(self, count: int) -> bytes:
        """Return the first rows as they stand in the file."""
        filled = self._bytes if count == len(self._rows) else self._bytes[: count * self.width]
        return bytes(filled.translate(None, b"\0"))  # faster than numpy's masks
