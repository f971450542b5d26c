"""Which rows have the key of an earlier one. They stand close together: in groups of 32 rows of the file.

The loader promises that the last row of a key stays only where it reads both in order. So a row replaces another by
different content only in the beginning of a file (`ordered_rows`), which no loader cuts; everywhere else a row with the
key of another is that row once more, and the table is the same whichever is written last.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.workload.generators import Numbers
from loadtest.workload.samplers import Words

GROUP = 32


@dataclass(frozen=True, slots=True)
class Repeats:
    """For each row of a block, the row that it has the key of, and the row that it has the content of."""

    keys: Numbers
    contents: Numbers


def repeats(numbers: Numbers, words: NDArray[np.uint32], share: float, ordered_rows: int) -> Repeats:
    """Return which rows repeat which, given two random words for each row; the block is whole groups."""
    keys = _keys(words, share)
    own = np.arange(len(numbers))
    is_other = ((words[1] & np.uint32(1)) == 1) & (numbers < ordered_rows)
    return Repeats(keys, np.where(is_other, own, keys))


def _keys(words: NDArray[np.uint32], share: float) -> Numbers:
    """Return the row that each has the key of. The first of a group is its own, so the others repeat more often."""
    limit = min(share * GROUP / (GROUP - 1), 1.0) * (1 << 32)
    wants, choice = words.reshape(2, -1, GROUP)
    group = np.arange(wants.shape[0])
    slots = np.zeros(wants.shape, np.int64)
    for place in range(1, GROUP):
        earlier = (choice[:, place].astype(np.int64) * place) >> 32
        slots[:, place] = np.where(wants[:, place] < limit, slots[group, earlier], place)
    return (slots + group[:, None] * GROUP).ravel()


def last_of_each(keys: Numbers, good: NDArray[np.bool_]) -> Numbers:
    """Return the rows that no later good row replaces, among the good ones."""
    rows = np.flatnonzero(good)
    last = np.full(len(keys), -1, np.int64)
    last[keys[rows]] = rows  # where a place is named twice, numpy keeps the last
    return last[last >= 0]


def chosen(words: Words, share: float) -> NDArray[np.bool_]:
    """Return a share of the rows."""
    return words < min(share, 1.0) * (1 << 32)
